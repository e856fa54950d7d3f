import {
  describeLayer,
  findLayers,
  layerMacs,
  measureWeight,
  modelFacts,
  totalMacs,
  type Layer,
  type ShapeTable,
  type Verdict,
} from '../analysis';
import { LatheError, throwIfCancelled } from '../base/errors';
import { dataTypeName, type Model, type Value } from '../onnx';
import type { InspectOutput } from './outputSchemas';

type LayerOutput = InspectOutput['layers'][number];

/** What `lathe inspect` tells of a model. Weights are read, one after the other, only when asked. */
export function inspectModel(
  model: Model,
  path: string,
  shapes: ShapeTable,
  options: { readonly weights: boolean; readonly signal: AbortSignal; onLayer?(done: number, total: number): void },
): InspectOutput {
  const layers = findLayers(model);
  const facts = modelFacts(model, layers);
  return {
    path,
    fileBytes: model.fileBytes,
    externalFiles: model.externalFiles.map(({ location, bytes }) => ({ name: location, bytes })),
    irVersion: model.irVersion,
    opsets: [...facts.opsets],
    producer: facts.producer,
    graph: model.graph.name,
    nodes: model.graph.nodes.length,
    operators: [...facts.operatorCounts],
    inputs: model.graph.trueInputs.map((value) => valueOutput(value, shapes)),
    outputs: model.graph.outputs.map((value) => valueOutput(value, shapes)),
    parameters: facts.parameters,
    layerParameters: facts.layerParameters,
    macs: totalMacs(layers, shapes) ?? null,
    weightsRead: options.weights,
    notes: [...facts.notes],
    layers: layers.map((layer, index) => {
      throwIfCancelled(options.signal);
      options.onLayer?.(index, layers.length);
      return layerOutput(layer, shapes, options.weights);
    }),
  };
}

function layerOutput(layer: Layer, shapes: ShapeTable, withStatistics: boolean): LayerOutput {
  const { tensor, shape } = layer.weight;
  return {
    name: layer.name,
    shortName: layer.shortName,
    operator: layer.node.opType,
    description: describeLayer(layer),
    weight: { name: tensor.name, type: dataTypeName(tensor.dataType), shape: [...shape], bytes: tensor.byteLength },
    parameters: layer.parameters,
    macs: layerMacs(layer, shapes) ?? null,
    tie: layer.tie ?? null,
    quantizeWeights: verdictOutput(layer.quantizeWeights),
    quantizeActivations: verdictOutput(layer.quantizeActivations),
    sparsify: verdictOutput(layer.sparsify),
    statistics: withStatistics ? statisticsOf(layer) : null,
  };
}

function statisticsOf(layer: Layer): LayerOutput['statistics'] {
  try {
    const measured = measureWeight(layer);
    return {
      zeros: measured.zeros,
      min: measured.min,
      max: measured.max,
      mean: measured.mean,
      std: measured.std,
      fault: measured.fault ?? null,
      nm: measured.nm.map(({ keep, group, compliance, eligible }) => ({
        keep,
        group,
        compliance,
        eligible: verdictOutput(eligible),
      })),
    };
  } catch (error) {
    if (LatheError.is(error, 'analysis/no-weight-values')) {
      return null; // Packed formats: listed, with nothing to measure.
    }
    throw error;
  }
}

function verdictOutput(verdict: Verdict): { possible: boolean; reason?: string } {
  return verdict.possible ? { possible: true } : { possible: false, reason: verdict.reason };
}

function valueOutput(value: Value, shapes: ShapeTable): InspectOutput['inputs'][number] {
  const { type } = value;
  if (type !== undefined && type.kind !== 'tensor') {
    return { name: value.name, type: type.kind, shape: null };
  }
  const known = shapes.get(value.name) ?? type;
  return {
    name: value.name,
    type: known === undefined ? '?' : dataTypeName(known.elementType),
    shape: known?.shape?.map((dimension) => dimension ?? null) ?? null,
  };
}
