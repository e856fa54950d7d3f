import { dataTypeName, ONNX_DOMAIN, type Model, type Value } from '../../onnx';
import {
  formatBits,
  formatBytes,
  formatLoss,
  formatMetric,
  formatMilliseconds,
  formatPercent,
  groupDigits,
  metricName,
} from '../report/formatNumbers';
import { diffFields, type LayerFields } from './diffLayers';
import { figure } from './diffLocks';
import type { FigureDiff, FileDiff, LayerDiff } from './diffTypes';
import { compareModelFiles, type ComparedModel, type CompareOptions } from './models/compareModelFiles';
import type { LayerSide, ModelComparison } from './models/comparisonSchema';

/** Compares two models: what they are made of, and their layers with their weights. */
export function diffModels(
  before: ComparedModel,
  after: ComparedModel,
  options?: CompareOptions,
): Omit<FileDiff, 'before' | 'after'> & { readonly comparison: ModelComparison } {
  const comparison = compareModelFiles(before, after, options);
  return {
    kind: 'model',
    figures: modelFigures(comparison),
    fields: diffFields(modelFields(before.model), modelFields(after.model)),
    ...layerDiffs(comparison),
    comparison,
  };
}

function modelFigures({ before, after }: ModelComparison): FigureDiff[] {
  const [a, b] = [before.measured, after.measured];
  const metric = b?.accuracy?.metric ?? a?.accuracy?.metric ?? 'top1';
  const accuracy = (measured: typeof a): number | undefined =>
    measured?.accuracy?.metric === metric ? measured.accuracy.value : undefined;
  const points = (d: number): string =>
    metric === 'mse' ? formatLoss(d) : `${(100 * d).toFixed(2).replace('-', '−')} points`;
  return [
    figure('file', 'File', before.fileBytes, after.fileBytes, formatBytes),
    figure('weights', 'Weights of layers', before.weightBytes, after.weightBytes, formatBytes),
    figure('nodes', 'Nodes', before.nodes, after.nodes, groupDigits),
    figure('layers', 'Layers', before.layers, after.layers, groupDigits),
    ...(accuracy(a) === undefined && accuracy(b) === undefined
      ? []
      : [figure('accuracy', metricName(metric), accuracy(a), accuracy(b), (v) => formatMetric(metric, v), points)]),
    ...(a?.latencyMs === undefined && b?.latencyMs === undefined
      ? []
      : [figure('latency', 'Latency', a?.latencyMs, b?.latencyMs, formatMilliseconds)]),
  ];
}

/** The layers in the form that all kinds of files share. */
function layerDiffs({ layers }: ModelComparison): Pick<FileDiff, 'layers' | 'unchangedLayers'> {
  const diffs = layers
    .filter(({ status }) => status !== 'same')
    .map(({ status, before, after }): LayerDiff => ({
      name: (after ?? before)!.name,
      status: status as LayerDiff['status'],
      fields: diffFields(sideFields(before), sideFields(after)),
    }));
  return { layers: diffs, unchangedLayers: layers.length - diffs.length };
}

function sideFields(side: LayerSide | undefined): LayerFields {
  if (side === undefined) {
    return [];
  }
  return [
    ['name', side.name],
    ['operator', side.description],
    ['weight', side.shape.join(' × ')],
    ['W', side.weightBits === undefined ? undefined : formatBits(side.weightBits)],
    ['A', side.inputBits === undefined ? undefined : formatBits(side.inputBits)],
    ['type', side.type],
    ['stored', formatBytes(side.storedBytes)],
    ['zeros', side.zeros === undefined ? undefined : formatPercent(side.zeros)],
    ['N:M', side.pattern],
    ['bias', side.bias ?? 'no'],
    ['shares weight', side.tie],
  ];
}

function modelFields(model: Model): LayerFields {
  const operators = new Map<string, number>();
  for (const { domain, opType } of model.graph.nodes) {
    const name = domain === ONNX_DOMAIN ? opType : `${domain}.${opType}`;
    operators.set(name, (operators.get(name) ?? 0) + 1);
  }
  const sorted = <V>(map: ReadonlyMap<string, V>): [string, V][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ['IR version', String(model.irVersion)],
    ...sorted(model.opsets).map(([domain, v]): [string, string] => [
      `opset ${domain === ONNX_DOMAIN ? 'ai.onnx' : domain}`,
      String(v),
    ]),
    ['producer', `${model.producerName} ${model.producerVersion}`.trim()],
    ...model.graph.trueInputs.map((value): [string, string] => [`input ${value.name}`, typeText(value)]),
    ...model.graph.outputs.map((value): [string, string] => [`output ${value.name}`, typeText(value)]),
    ...sorted(operators).map(([name, count]): [string, string] => [`${name} nodes`, String(count)]),
    ...sorted(model.metadata).map(([key, v]): [string, string] => [
      `metadata ${key}`,
      v.length > 60 ? `${v.slice(0, 59)}…` : v,
    ]),
  ];
}

function typeText({ type }: Value): string {
  if (type?.kind !== 'tensor') {
    return type?.kind ?? '?';
  }
  return `${dataTypeName(type.elementType)} ${type.shape?.map((d) => String(d ?? '?')).join(' × ') ?? '?'}`;
}
