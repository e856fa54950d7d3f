import {
  formatBits,
  formatBytes,
  formatDecibel,
  formatLoss,
  formatMetric,
  formatPercent,
  metricName,
} from '../report/formatNumbers';
import { brokenLimits } from '../limits';
import type { Report } from '../report/reportSchema';
import { amountField, diffFields, diffLayers, type LayerFields } from './diffLayers';
import { figure, patternText } from './diffLocks';
import type { FigureDiff, FileDiff } from './diffTypes';

/** Compares what two runs measured. */
export function diffReports(before: Report, after: Report): Omit<FileDiff, 'before' | 'after'> {
  const metric = after.accuracy?.metric ?? before.accuracy?.metric ?? 'top1';
  const accuracy = (report: Report, which: 'float' | 'simulated' | 'deployed'): number | undefined =>
    report.accuracy?.metric === metric ? report.accuracy[which] : undefined;
  const reasons = new Map(after.layers.map(({ name, reason }) => [name, reason]));
  const value = (v: number): string => formatMetric(metric, v);
  const points = (d: number): string =>
    metric === 'mse' ? formatLoss(d) : `${(100 * d).toFixed(2).replace('-', '−')} points`;
  return {
    kind: 'report',
    figures: [
      figure('size', 'Size, nominal', before.size.nominal, after.size.nominal, formatPercent, (d) =>
        formatBytes((d * after.size.floatBits) / 8),
      ),
      figure('packed', 'Weights, packed', before.size.packedBytes, after.size.packedBytes, formatBytes),
      figure('file', 'File', before.size.fileBytes, after.size.fileBytes, formatBytes),
      ...(['float', 'simulated', 'deployed'] as const).map((which) =>
        withLimit(
          figure(
            `accuracy.${which}`,
            `${metricName(metric)}, ${which}`,
            accuracy(before, which),
            accuracy(after, which),
            value,
            points,
          ),
          after,
          which,
        ),
      ),
      figure('loss.predicted', 'Loss, predicted', before.loss.predicted, after.loss.predicted, formatLoss),
      figure('loss.measured', 'Loss, measured', before.loss.measured, after.loss.measured, formatLoss),
    ],
    fields: diffFields(reportFields(before), reportFields(after)),
    ...diffLayers(reportLayers(before), reportLayers(after), (name) => reasons.get(name)),
  };
}

/** A figure of the accuracy with what the second report's recipe allowed it to be. */
function withLimit(found: FigureDiff, report: Report, which: 'float' | 'simulated' | 'deployed'): FigureDiff {
  const { accuracy, limits } = report;
  const value = which === 'float' ? undefined : accuracy?.[which];
  if (accuracy === undefined || value === undefined || limits.accuracyDrop === undefined) {
    return found;
  }
  const { metric, float } = accuracy;
  const limit = metric === 'mse' ? limits.accuracyDrop : float - limits.accuracyDrop;
  const kept = brokenLimits(limits.accuracyDrop, { metric, float, simulated: value }).length === 0;
  return { ...found, limit: formatMetric(metric, limit), kept };
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

/** What the layers of a report are compared by. */
export function reportLayers(report: Report): Map<string, LayerFields> {
  return new Map(
    report.layers.map((layer) => [
      layer.name,
      [
        ['W', formatBits(layer.weightBits)],
        ['A', formatBits(layer.activationBits)],
        ['stored as', layer.container],
        ['sparsity', layer.sparsity && patternText(layer.sparsity)],
        amountField('size', layer.sizeBits / 8, formatBytes),
        amountField('loss', layer.predictedLoss, formatLoss),
        ['weights', layer.weightSqnr === undefined ? undefined : formatDecibel(layer.weightSqnr)],
        ['output', layer.outputSqnr === undefined ? undefined : formatDecibel(layer.outputSqnr)],
        ['why', layer.reason],
      ],
    ]),
  );
}
