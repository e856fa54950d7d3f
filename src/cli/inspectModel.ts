import {
  describeLayer,
  findLayers,
  layerMacs,
  measureWeight,
  totalMacs,
  type Layer,
  type ShapeTable,
  type Verdict,
} from '../analysis';
import { LatheError, throwIfCancelled } from '../base/errors';
import { dataTypeName, ONNX_DOMAIN, type Model, type Value } from '../onnx';
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
  const counted = new Set<string>();
  let parameters = 0;
  for (const layer of layers) {
    if (layer.tie === undefined || !counted.has(layer.tie)) {
      parameters += layer.parameters;
      counted.add(layer.tie ?? layer.name);
    }
  }
  return {
    path,
    fileBytes: model.fileBytes,
    externalFiles: model.externalFiles.map(({ location, bytes }) => ({ name: location, bytes })),
    irVersion: model.irVersion,
    opsets: [...model.opsets].map(([domain, version]) => ({
      domain: domain === ONNX_DOMAIN ? 'ai.onnx' : domain,
      version,
    })),
    producer: [model.producerName, model.producerVersion].filter((part) => part !== '').join(' '),
    graph: model.graph.name,
    nodes: model.graph.nodes.length,
    operators: countOperators(model),
    inputs: model.graph.trueInputs.map((value) => valueOutput(value, shapes)),
    outputs: model.graph.outputs.map((value) => valueOutput(value, shapes)),
    parameters,
    macs: totalMacs(layers, shapes) ?? null,
    weightsRead: options.weights,
    notes: notesOn(model, layers),
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

function countOperators(model: Model): InspectOutput['operators'] {
  const counts = new Map<string, number>();
  for (const { domain, opType } of model.graph.nodes) {
    const operator = domain === ONNX_DOMAIN ? opType : `${domain}.${opType}`;
    counts.set(operator, (counts.get(operator) ?? 0) + 1);
  }
  return [...counts]
    .map(([operator, count]) => ({ operator, count }))
    .sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
}

function notesOn(model: Model, layers: readonly Layer[]): string[] {
  const notes: string[] = [];
  if (layers.length === 0) {
    notes.push('No layer with weights was found: there is nothing to quantise.');
  }
  if (model.functions.length > 0) {
    notes.push(`${model.functions.length} local functions: layers inside them are not listed.`);
  }
  const nested = model.graph.nodes.filter((node) => node.subgraphs.length > 0).length;
  if (nested > 0) {
    notes.push(`${nested} nodes with sub-graphs: layers inside them are not listed.`);
  }
  return notes;
}
