import {
  formatBits,
  formatBytes,
  formatDecibel,
  formatLoss,
  formatMetric,
  formatPercent,
  metricName,
} from '../report/formatNumbers';
import type { Report } from '../report/reportSchema';
import { diffFields, diffLayers, type LayerFields } from './diffLayers';
import { figure } from './diffLocks';
import type { FileDiff } from './diffTypes';

/** Compares what two runs measured. */
export function diffReports(before: Report, after: Report): Omit<FileDiff, 'before' | 'after'> {
  const metric = after.accuracy?.metric ?? before.accuracy?.metric ?? 'top1';
  const accuracy = (report: Report, which: 'float' | 'simulated' | 'deployed'): number | undefined =>
    report.accuracy?.metric === metric ? report.accuracy[which] : undefined;
  const value = (v: number): string => formatMetric(metric, v);
  const points = (d: number): string =>
    metric === 'mse' ? formatLoss(d) : `${(100 * d).toFixed(2).replace('-', '−')} points`;
  return {
    kind: 'report',
    figures: [
      figure('Size, nominal', before.size.nominal, after.size.nominal, formatPercent, (d) =>
        formatBytes((d * after.size.floatBits) / 8),
      ),
      figure('Weights, packed', before.size.packedBytes, after.size.packedBytes, formatBytes),
      figure('File', before.size.fileBytes, after.size.fileBytes, formatBytes),
      ...(['float', 'simulated', 'deployed'] as const).map((which) =>
        figure(`${metricName(metric)}, ${which}`, accuracy(before, which), accuracy(after, which), value, points),
      ),
      figure('Loss, predicted', before.loss.predicted, after.loss.predicted, formatLoss),
      figure('Loss, measured', before.loss.measured, after.loss.measured, formatLoss),
    ],
    fields: diffFields(reportFields(before), reportFields(after)),
    ...diffLayers(layerMap(before), layerMap(after)),
  };
}

function reportFields(report: Report): LayerFields {
  return [
    ['lathe', report.lathe],
    ['engine', report.engine],
    ['machine', `${report.machine.cpu}, ${report.machine.platform} ${report.machine.arch}`],
    ['model', `${report.model.file} ${report.model.sha256.slice(0, 12)}`],
    ['seed', String(report.seed)],
    ['within limits', report.limits.within ? 'yes' : 'no'],
    ['solver', `${report.solver.engine}${report.solver.proven ? '' : ', not proved optimal'}`],
    ['evaluation samples', report.accuracy === undefined ? undefined : String(report.accuracy.samples)],
  ];
}

function layerMap(report: Report): Map<string, LayerFields> {
  return new Map(
    report.layers.map((layer) => [
      layer.name,
      [
        ['W', formatBits(layer.weightBits)],
        ['A', formatBits(layer.activationBits)],
        ['stored as', layer.container],
        ['size', formatBytes(layer.sizeBits / 8)],
        ['loss', formatLoss(layer.predictedLoss)],
        ['weights', layer.weightSqnr === undefined ? undefined : formatDecibel(layer.weightSqnr)],
        ['output', layer.outputSqnr === undefined ? undefined : formatDecibel(layer.outputSqnr)],
        ['why', layer.reason],
      ],
    ]),
  );
}
