import { isPlain, matrixLayout, storedOrder, type Layer } from '../../analysis';
import { invariant } from '../../base/errors';
import { DataType, type Node, type Value } from '../../onnx';
import { floatTensor, removeUnread, storeInPlace } from '../../passes';

/**
 * Gives a layer another weight, in place. Layer objects found before are stale afterwards where the weight moved.
 *
 * A constant that only this layer reads, straight or through nothing, keeps its name. A tied one is stored where it is, for
 * all layers that share it: give them the same values. Anything else is written beside the old one, in the shape the layer
 * sees, and the chain it came through goes away when nobody else reads it.
 *
 * @param values float32, row-major in `layer.weight.shape`; rounded to the type the layer computes in
 */
export function setLayerWeight(layer: Layer, values: Float32Array): void {
  const { weight, node } = layer;
  const { tensor, chain, steps, shape } = weight;
  invariant(values.length === layer.parameters, `a weight of ${layer.name} has ${values.length} elements`);
  const source = chain[0]?.inputs[0] ?? weight.value;
  const wide = Float64Array.from(values);
  const isAlone = source.uses().length === 1 && !source.isGraphOutput && !source.isOverridable;
  if (layer.tie !== undefined && isPlain(steps)) {
    const stored = Float64Array.from(storedOrder(values, tensor.dims, steps));
    storeInPlace(source, floatTensor(tensor.name, tensor.dataType, tensor.dims, stored));
    return;
  }
  const type = floatTypeOf(layer);
  if (chain.length === 0 && isAlone) {
    storeInPlace(source, floatTensor(source.name, type, shape, wide));
    return;
  }
  const { graph } = node;
  const name = graph.freshName(tensor.name === '' ? `${weight.value.name}_weight` : tensor.name);
  const old = weight.value;
  node.setInput(weight.inputIndex, graph.addInitializer(floatTensor(name, type, shape, wide)));
  removeUnread([old]);
}

/** Type of the values at the end of the chain: what a Cast or DequantizeLinear makes of the stored ones. */
function floatTypeOf(layer: Layer): DataType {
  const { weight } = layer;
  if (isPlain(weight.steps)) {
    return weight.tensor.dataType;
  }
  const { type } = weight.value;
  return type?.kind === 'tensor' ? type.elementType : DataType.FLOAT;
}

/** The bias of a layer, one per output channel also where one number serves all; undefined without one. */
export function layerBias(layer: Layer): Float32Array | undefined {
  const bias = layer.bias?.tensor.toFloat32();
  return bias?.length === 1 ? new Float32Array(matrixLayout(layer).rows).fill(bias[0]!) : bias;
}

/** Why a layer cannot be given another bias; undefined when it can. */
export function biasRefusal(layer: Layer): string | undefined {
  const { node, bias, kind } = layer;
  if (kind === 'Gemm' && (node.float('beta', 1) === 0 || node.float('alpha', 1) === 0)) {
    return 'the Gemm multiplies by zero';
  }
  if (bias !== undefined) {
    return bias.value.isOverridable ? 'the bias is also an input of the model' : undefined;
  }
  switch (kind) {
    case 'Conv':
    case 'ConvTranspose':
    case 'Gemm':
      return node.inputs[2] === undefined ? undefined : 'the bias is no constant vector';
    case 'MatMul':
      return layer.weight.inputIndex === 1 ? undefined : 'the output channels are not the last axis';
    default:
      return 'layers of this kind have no bias';
  }
}

/**
 * Gives a layer another bias, in place: the vector that is added to its output channels. A layer without one gets one; a
 * MatMul gets an Add behind it. Layer objects found before are stale afterwards.
 *
 * @param values float32, one per output channel, as the layer's bias input or the Add takes them: a Gemm multiplies them by
 *   its beta
 * @returns a sentence why the bias stays as it is, or undefined when it was set
 */
export function setLayerBias(layer: Layer, values: Float32Array): string | undefined {
  const refusal = biasRefusal(layer);
  if (refusal !== undefined) {
    return refusal;
  }
  const { node, bias } = layer;
  const { graph } = node;
  const type = floatTypeOf(layer);
  const stored = Float64Array.from(values);
  if (bias !== undefined) {
    invariant(values.length === bias.tensor.elementCount, `a bias of ${layer.name} has ${values.length} elements`);
    const alone = bias.value.initializer !== undefined && bias.value.uses().length === 1 && !bias.value.isGraphOutput;
    if (alone) {
      storeInPlace(bias.value, floatTensor(bias.value.name, type, bias.tensor.dims, stored));
    } else {
      const name = graph.freshName(bias.tensor.name === '' ? `${bias.value.name}_bias` : bias.tensor.name);
      const old = bias.value;
      bias.node.setInput(bias.inputIndex, graph.addInitializer(floatTensor(name, type, bias.tensor.dims, stored)));
      removeUnread([old]);
    }
    return undefined;
  }
  if (values.every((value) => value === 0)) {
    return undefined;
  }
  const { name: weightName } = layer.weight.tensor;
  const base = /weight$/.test(weightName) ? weightName.replace(/weight$/, 'bias') : `${weightName || layer.name}_bias`;
  const constant = graph.addInitializer(floatTensor(graph.freshName(base), type, [values.length], stored));
  if (layer.kind === 'MatMul') {
    addBehind(layer, constant);
    return undefined;
  }
  node.setInput(2, constant);
  return undefined;
}

function addBehind(layer: Layer, constant: Value): void {
  const { node } = layer;
  const { graph } = node;
  const product = node.outputs[0]!;
  const { name } = product;
  const add = graph.addNode(
    {
      opType: 'Add',
      name: node.name === '' ? '' : graph.freshName(`${node.name}/bias`),
      inputs: [undefined, constant],
      outputs: [graph.freshName(`${name}_biased`)],
    },
    { after: node },
  );
  standBehind(product, add.outputs[0]!, add);
}

/**
 * Everything that read a product reads what is computed from it, which takes its name, so that all readers and the graph's
 * outputs stay as they are.
 *
 * @param reader the node that reads the product from here on, as its first input
 */
export function standBehind(product: Value, result: Value, reader: Node): void {
  const { graph } = reader;
  const { name } = product;
  graph.replaceAllUses(product, result, { outputs: true });
  graph.renameValue(product, graph.freshName(`${name}_product`));
  graph.renameValue(result, name);
  reader.setInput(0, product);
}

/**
 * What a layer's bias is multiplied by to be in units of its product x·W: beta / alpha of a Gemm, else 1.
 */
export function biasFactor(layer: Layer): number {
  const alpha = hasOwnBias(layer) ? layer.node.float('alpha', 1) : 1;
  return alpha === 0 ? 1 : biasBeta(layer) / alpha;
}

/** What a layer's bias is multiplied by before it is added to the output: beta of a Gemm, else 1. */
export function biasBeta(layer: Layer): number {
  return hasOwnBias(layer) ? layer.node.float('beta', 1) : 1;
}

/** Whether a layer is a Gemm whose bias is, or would be, its own third input. */
function hasOwnBias({ node, kind, bias }: Layer): boolean {
  return kind === 'Gemm' && (bias === undefined || bias.node === node);
}
