import { describeLayer, findLayers, layerMacs, modelFacts, totalMacs, type Layer, type ShapeTable } from '../analysis';
import { dataTypeName, type Dimension, type Model, type Value } from '../onnx';
import type { LayerSummary, ModelSummary, ValueSummary } from '../protocol/model';

/** What the views show of a model. Reads structure only. */
export function summarizeModel(model: Model, path: string, shapes: ShapeTable): ModelSummary {
  const layers = findLayers(model);
  const facts = modelFacts(model, layers);
  return {
    path,
    fileBytes: model.fileBytes,
    externalFiles: model.externalFiles.map(({ location, bytes }) => ({ name: location, bytes })),
    irVersion: model.irVersion,
    opsets: facts.opsets,
    producer: facts.producer,
    graphName: model.graph.name,
    nodeCount: model.graph.nodes.length,
    operatorCounts: facts.operatorCounts,
    inputs: model.graph.trueInputs.map((value) => summarizeValue(value, shapes)),
    outputs: model.graph.outputs.map((value) => summarizeValue(value, shapes)),
    parameters: facts.parameters,
    macs: totalMacs(layers, shapes),
    metadata: [...model.metadata].map(([key, value]) => ({ key, value })),
    layers: layers.map((layer) => summarizeLayer(layer, shapes)),
    notes: facts.notes,
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
