import { describeLayer, findLayers, measureWeight, traceConstant, type Layer } from '../../analysis';
import { LatheError } from '../../base/errors';
import { dataTypeName, ONNX_DOMAIN, type Model, type Value } from '../../onnx';
import { formatBytes, formatPercent, groupDigits } from '../report/formatNumbers';
import { diffFields, diffLayers, type LayerFields } from './diffLayers';
import { figure } from './diffLocks';
import type { FileDiff } from './diffTypes';

/** Compares two models: what they are made of, and their layers by name. Weights are read once, for their zeros. */
export function diffModels(before: Model, after: Model): Omit<FileDiff, 'before' | 'after'> {
  const layersBefore = findLayers(before);
  const layersAfter = findLayers(after);
  return {
    kind: 'model',
    figures: [
      figure('file', 'File', totalBytes(before), totalBytes(after), formatBytes),
      figure('weights', 'Weights of layers', storedBytes(layersBefore), storedBytes(layersAfter), formatBytes),
      figure('nodes', 'Nodes', before.graph.nodes.length, after.graph.nodes.length, groupDigits),
      figure('layers', 'Layers', layersBefore.length, layersAfter.length, groupDigits),
    ],
    fields: diffFields(modelFields(before), modelFields(after)),
    ...diffLayers(modelLayers(layersBefore), modelLayers(layersAfter)),
  };
}

function totalBytes(model: Model): number {
  return model.externalFiles.reduce((sum, file) => sum + file.bytes, model.fileBytes);
}

function storedBytes(layers: readonly Layer[]): number {
  const tensors = new Set(layers.map((layer) => layer.weight.tensor));
  return [...tensors].reduce((sum, tensor) => sum + tensor.byteLength, 0);
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

function modelLayers(layers: readonly Layer[]): Map<string, LayerFields> {
  return new Map(
    layers.map((layer) => {
      const { tensor, shape } = layer.weight;
      return [
        layer.name,
        [
          ['operator', describeLayer(layer)],
          ['weight', shape.join(' × ')],
          ['type', dataTypeName(tensor.dataType)],
          ['stored', formatBytes(tensor.byteLength)],
          ['zeros', zerosOf(layer)],
          ['bias', biasOf(layer)],
          ['shares weight', layer.tie],
        ],
      ];
    }),
  );
}

/** Type of the stored bias, behind a DequantizeLinear too. */
function biasOf(layer: Layer): string {
  const tensor = layer.bias?.tensor ?? traceConstant(layer.node.inputs[2])?.tensor;
  return tensor === undefined ? 'no' : dataTypeName(tensor.dataType);
}

function zerosOf(layer: Layer): string | undefined {
  try {
    return formatPercent(measureWeight(layer).zeros);
  } catch (error) {
    if (LatheError.is(error)) {
      return undefined; // Packed or unreadable weights: the other fields still compare.
    }
    throw error;
  }
}
