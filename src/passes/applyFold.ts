import type { Refusal } from '../base/errors';
import type { DataType, Graph, Tensor, Value } from '../onnx';
import type { BatchNorm } from './batchNorm';
import { floatTensor, overflows } from './floatTensor';
import type { FoldTarget } from './foldTarget';
import { refuse } from './passResult';
import { removeUnread } from './removeUnread';

/** A weight with a norm's factors multiplied in, and what the norm's shift adds to each output channel. */
export interface FoldedWeight {
  readonly tensor: Tensor;
  /** Σ W · shift for a norm in front of the layer; undefined for one behind. */
  readonly carried: Float64Array | undefined;
}

/** Computes the folded weight in stored order. Refuses when it would overflow its type. */
export function foldedWeight(norm: BatchNorm, target: FoldTarget): FoldedWeight | Refusal {
  const { tensor } = target.weight;
  const { dims } = tensor;
  const outSize = dims[target.outAxis]!;
  const inSize = dims[target.inAxis]!;
  const outStride = strideOf(dims, target.outAxis);
  const inStride = strideOf(dims, target.inAxis);
  // The norm's channel of an element is ofOut[o] + ofIn[i].
  const ofOut = new Int32Array(outSize);
  const ofIn = new Int32Array(inSize);
  if (target.side === 'before') {
    ofOut.forEach((_, o) => (ofOut[o] = Math.floor((o * target.groups) / outSize) * inSize));
    ofIn.forEach((_, i) => (ofIn[i] = i));
  } else {
    ofOut.forEach((_, o) => (ofOut[o] = o));
    if (target.kind === 'ConvTranspose') {
      ofIn.forEach((_, i) => (ofIn[i] = Math.floor((i * target.groups) / inSize) * outSize));
    }
  }
  const values = tensor.toFloat64();
  const carried = target.side === 'before' ? new Float64Array(outSize) : undefined;
  const { factor, shift } = norm;
  for (let at = 0; at < values.length; at++) {
    const o = Math.floor(at / outStride) % outSize;
    const i = Math.floor(at / inStride) % inSize;
    const channel = ofOut[o]! + ofIn[i]!;
    if (carried !== undefined) {
      carried[o]! += values[at]! * shift[channel]!;
    }
    values[at]! *= factor[channel]!;
  }
  if (overflows(tensor.dataType, values)) {
    return refuse('the folded weights would overflow their type', norm.node, target.layer);
  }
  return { tensor: floatTensor(tensor.name, tensor.dataType, dims, values), carried };
}

/** Why a norm's bias cannot be stored; undefined when it can. Changes nothing. */
export function biasRefusal(norm: BatchNorm, target: FoldTarget, folding: FoldedWeight): Refusal | undefined {
  const bias = foldedBias(norm, target, folding.carried);
  return bias !== undefined && overflows(target.weight.tensor.dataType, bias.values)
    ? refuse('the folded bias would overflow its type', norm.node, target.layer)
    : undefined;
}

/**
 * Rewrites the graph for one norm: stores the folded weight (once for the layers that share it), the new bias, and takes
 * the norm out.
 */
export function applyFold(norm: BatchNorm, target: FoldTarget, folding: FoldedWeight, storeWeight: boolean): void {
  const bias = foldedBias(norm, target, folding.carried);
  const { graph } = target.layer;
  const parameters = norm.node.inputs.slice(1);
  if (storeWeight) {
    storeInPlace(target.weight.source, folding.tensor);
  }
  let last = target.last.outputs[0]!;
  if (bias !== undefined) {
    if (target.bias === undefined) {
      last = insertAdd(target, bias);
    } else {
      storeBias(target, bias);
    }
  }
  if (target.side === 'before') {
    graph.replaceAllUses(norm.output, norm.input);
    graph.removeNode(norm.node);
  } else {
    bypass(norm, last, target.bias === undefined && bias !== undefined);
  }
  removeUnread(parameters);
}

interface FoldedBias {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/**
 * What the layer must add now. undefined: nothing, and it adds nothing already. Gemm's `beta` is multiplied in, so the
 * attribute becomes 1 without a further rounding.
 */
function foldedBias(norm: BatchNorm, target: FoldTarget, carried: Float64Array | undefined): FoldedBias | undefined {
  const channels = target.outChannels;
  const chain = target.bias?.chain;
  const beta = target.kind === 'Gemm' ? target.layer.float('beta', 1) : 1;
  const alpha = target.kind === 'Gemm' ? target.layer.float('alpha', 1) : 1;
  const old = chain?.tensor.toFloat64();
  // A Gemm's C and an added constant may have rows of their own; a convolution's bias is a vector.
  const shape = chain?.shape ?? [channels];
  const width = shape.at(-1) ?? 1;
  const rows = old === undefined ? 1 : old.length / width;
  const values = new Float64Array(rows * channels);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < channels; c++) {
      const before = old === undefined ? 0 : beta * old[r * width + (width === 1 ? 0 : c)]!;
      values[r * channels + c] =
        carried === undefined
          ? norm.factor[c]! * (before - norm.mean[c]!) + norm.beta[c]!
          : before + alpha * carried[c]!;
    }
  }
  if (chain === undefined && values.every((v) => v === 0)) {
    return undefined;
  }
  const isVector = rows === 1 && shape.length <= 1;
  return { dims: isVector ? [channels] : [...shape.slice(0, -1), channels], values };
}

function storeBias(target: FoldTarget, bias: FoldedBias): void {
  const type = target.weight.tensor.dataType;
  const { node, index, chain } = target.bias!;
  const { graph } = node;
  const old = node.inputs[index];
  const direct = chain !== undefined && chain.steps.length === 0 && chain.source.initializer !== undefined;
  if (direct && chain.source.uses().length === 1 && !chain.source.isGraphOutput && !chain.source.isOverridable) {
    chain.source.graph.replaceInitializer(
      chain.source.name,
      floatTensor(chain.source.name, type, bias.dims, bias.values),
    );
  } else {
    node.setInput(index, addConstant(graph, chain?.source.name ?? biasName(target), type, bias));
    removeUnread([old]);
  }
  if (target.kind === 'Gemm' && target.layer.float('beta', 1) !== 1) {
    target.layer.setAttribute({ name: 'beta', type: 'FLOAT', value: 1 });
  }
}

/** A plain MatMul gets an Add; returns its output. */
function insertAdd(target: FoldTarget, bias: FoldedBias): Value {
  const { layer } = target;
  const { graph } = layer;
  const product = layer.outputs[0]!;
  const value = addConstant(graph, biasName(target), target.weight.tensor.dataType, bias);
  const add = graph.addNode(
    {
      opType: 'Add',
      name: layer.name === '' ? '' : `${layer.name}/bias`,
      inputs: [undefined, value],
      outputs: [graph.freshName(`${product.name}_biased`)],
    },
    { after: layer },
  );
  const sum = add.outputs[0]!;
  if (target.side === 'before') {
    // Everything behind the MatMul now reads the sum, under the old name.
    const { name } = product;
    graph.replaceAllUses(product, sum, { outputs: true });
    graph.renameValue(product, graph.freshName(`${name}_product`));
    graph.renameValue(sum, name);
  }
  add.setInput(0, product);
  return sum;
}

/** Lets readers of the norm's output read `value`, and takes the norm out. */
function bypass(norm: BatchNorm, value: Value, takesName: boolean): void {
  const { graph } = norm.node;
  const { name, type } = norm.output;
  const isOutput = norm.output.isGraphOutput;
  graph.replaceAllUses(norm.output, value, { outputs: true });
  graph.removeNode(norm.node);
  if (isOutput || takesName) {
    graph.renameValue(value, name);
    if (!isOutput && type !== undefined) {
      graph.setType(value, type);
    }
  }
}

function addConstant(graph: Graph, base: string, type: DataType, { dims, values }: FoldedBias): Value {
  const name = graph.freshName(base);
  return graph.addInitializer(floatTensor(name, type, dims, values));
}

/** "conv1.bias" beside "conv1.weight". */
function biasName(target: FoldTarget): string {
  const { name } = target.weight.source;
  return /weight$/.test(name) ? name.replace(/weight$/, 'bias') : `${name}_bias`;
}

/** Puts new contents under the name of a stored constant; a Constant node becomes an initializer. */
export function storeInPlace(source: Value, tensor: Tensor): Value {
  const { graph, name } = source;
  if (source.initializer !== undefined) {
    graph.replaceInitializer(name, tensor);
    return source;
  }
  const producer = source.producer()!;
  const value = graph.addInitializer(tensor.renamed(graph.freshName(name)));
  graph.replaceAllUses(source, value);
  graph.removeNode(producer);
  graph.renameValue(value, name);
  return value;
}

function strideOf(dims: readonly number[], axis: number): number {
  return dims.slice(axis + 1).reduce((a, b) => a * b, 1);
}
