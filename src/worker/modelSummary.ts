import { describeLayer, findLayers, layerMacs, totalMacs, type Layer, type ShapeTable } from '../analysis';
import { dataTypeName, DataType, ONNX_DOMAIN, type Dimension, type Model, type Value } from '../onnx';
import type { LayerSummary, ModelSummary, ValueSummary } from '../protocol/model';

const floatTypes: ReadonlySet<DataType> = new Set([
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.BFLOAT16,
  DataType.DOUBLE,
]);

/** What the views show of a model. Reads structure only. */
export function summarizeModel(model: Model, path: string, shapes: ShapeTable): ModelSummary {
  const layers = findLayers(model);
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
    graphName: model.graph.name,
    nodeCount: model.graph.nodes.length,
    operatorCounts: operatorCounts(model),
    inputs: model.graph.trueInputs.map((value) => summarizeValue(value, shapes)),
    outputs: model.graph.outputs.map((value) => summarizeValue(value, shapes)),
    parameters: countParameters(model),
    macs: totalMacs(layers, shapes),
    metadata: [...model.metadata].map(([key, value]) => ({ key, value })),
    layers: layers.map((layer) => summarizeLayer(layer, shapes)),
    notes: notesOn(model, layers),
  };
}

function summarizeLayer(layer: Layer, shapes: ShapeTable): LayerSummary {
  const { node, weight } = layer;
  return {
    name: layer.name,
    shortName: layer.shortName,
    operator: node.opType,
    description: describeLayer(layer),
    weightName: weight.tensor.name,
    weightType: dataTypeName(weight.tensor.dataType),
    weightShape: weight.shape,
    inputShape: shapeText(shapes.get(node.inputs[layer.dataInputIndex]?.name ?? '')?.shape),
    outputShape: shapeText(shapes.get(node.outputs[0]?.name ?? '')?.shape),
    parameters: layer.parameters,
    macs: layerMacs(layer, shapes),
    storedBytes: weight.tensor.byteLength,
    tie: layer.tie,
    quantizeWeights: layer.quantizeWeights,
    quantizeActivations: layer.quantizeActivations,
    sparsify: layer.sparsify,
  };
}

function summarizeValue(value: Value, shapes: ShapeTable): ValueSummary {
  const type = value.type;
  if (type !== undefined && type.kind !== 'tensor') {
    return { name: value.name, type: type.kind, shape: '' };
  }
  const known = shapes.get(value.name) ?? type;
  return {
    name: value.name,
    type: known === undefined ? '?' : dataTypeName(known.elementType),
    shape: shapeText(known?.shape),
  };
}

/** "batch × 1 × 28 × 28"; "scalar" without dimensions. */
function shapeText(shape: readonly Dimension[] | undefined): string {
  if (shape === undefined) {
    return '?';
  }
  return shape.length === 0 ? 'scalar' : shape.map((dimension) => String(dimension ?? '?')).join(' × ');
}

function operatorCounts(model: Model): ModelSummary['operatorCounts'] {
  const counts = new Map<string, number>();
  for (const node of model.graph.nodes) {
    const operator = node.domain === ONNX_DOMAIN ? node.opType : `${node.domain}.${node.opType}`;
    counts.set(operator, (counts.get(operator) ?? 0) + 1);
  }
  return [...counts]
    .map(([operator, count]) => ({ operator, count }))
    .sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
}

/** Elements of initializers and constants of floating type. */
function countParameters(model: Model): number {
  let parameters = 0;
  for (const tensor of model.graph.initializers.values()) {
    parameters += floatTypes.has(tensor.dataType) ? tensor.elementCount : 0;
  }
  for (const node of model.graph.nodes) {
    const tensor = node.opType === 'Constant' ? node.tensor('value') : undefined;
    parameters += tensor !== undefined && floatTypes.has(tensor.dataType) ? tensor.elementCount : 0;
  }
  return parameters;
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
