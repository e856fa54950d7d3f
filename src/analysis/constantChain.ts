import type { DataType } from '../onnx';
import { type Node, type Tensor, type Value } from '../onnx';

/** What one node of a chain does to a constant on its way to the node that uses it. */
export type ChainStep =
  | { readonly kind: 'identity'; readonly shape: readonly number[] }
  | { readonly kind: 'cast'; readonly to: DataType; readonly shape: readonly number[] }
  /** Output axis i is input axis `perm[i]`. */
  | { readonly kind: 'transpose'; readonly perm: readonly number[]; readonly shape: readonly number[] }
  /** Reshape, Squeeze, Unsqueeze, Flatten: same elements in the same order. */
  | { readonly kind: 'reshape'; readonly shape: readonly number[] }
  | {
      readonly kind: 'dequantize' | 'quantize';
      readonly scale: Tensor;
      readonly zeroPoint: Tensor | undefined;
      /** Normalised axis of per-axis or blocked parameters. */
      readonly axis: number;
      /** 0 unless blocked. */
      readonly blockSize: number;
      readonly shape: readonly number[];
    };

/** A constant and the shape- or type-only nodes it passes on its way to a use. */
export interface ConstantChain {
  /** The value at the end, which the user of the chain reads. */
  readonly end: Value;
  /** The stored constant. */
  readonly tensor: Tensor;
  /** The value that holds it: an initializer, or the output of a Constant node. */
  readonly source: Value;
  readonly nodes: readonly Node[];
  readonly steps: readonly ChainStep[];
  /** Shape of `end`. */
  readonly shape: readonly number[];
}

/** Longest chain followed; real ones have one to four nodes. */
const MAX_LENGTH = 32;

/**
 * Follows a value back to a stored constant through Identity, Cast, Transpose, Reshape, Squeeze, Unsqueeze, Flatten,
 * QuantizeLinear and DequantizeLinear nodes whose other operands are constant too. Reads no weights, only the small
 * operands of the chain. Undefined when the value is not such a constant.
 */
export function traceConstant(value: Value | undefined): ConstantChain | undefined {
  const nodes: Node[] = [];
  let at = value;
  while (at !== undefined && nodes.length <= MAX_LENGTH) {
    const tensor = at.constant();
    if (tensor !== undefined) {
      nodes.reverse();
      return followChain(at, tensor, nodes, value!);
    }
    const producer = at.producer();
    if (producer?.domain !== '' && producer?.domain !== 'com.microsoft') {
      return undefined;
    }
    if (!CHAIN_OPERATORS.has(producer.opType) || producer.outputs[0] !== at) {
      return undefined;
    }
    nodes.push(producer);
    at = producer.inputs[0];
  }
  return undefined;
}

const CHAIN_OPERATORS = new Set([
  'Identity',
  'Cast',
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'QuantizeLinear',
  'DequantizeLinear',
]);

function followChain(source: Value, tensor: Tensor, nodes: Node[], end: Value): ConstantChain | undefined {
  let shape: readonly number[] = tensor.dims;
  const steps: ChainStep[] = [];
  for (const node of nodes) {
    const step = chainStep(node, shape);
    if (step === undefined) {
      return undefined;
    }
    steps.push(step);
    shape = step.shape;
  }
  return { end, tensor, source, nodes, steps, shape };
}

function chainStep(node: Node, shape: readonly number[]): ChainStep | undefined {
  switch (node.opType) {
    case 'Identity':
      return { kind: 'identity', shape };
    case 'Cast':
      return { kind: 'cast', to: node.int('to', 0) as DataType, shape };
    case 'Transpose': {
      const perm = node.ints('perm') ?? shape.map((_, i) => shape.length - 1 - i);
      const moved = perm.map((axis) => shape[axis]);
      if (perm.length !== shape.length || !isKnown(moved)) {
        return undefined;
      }
      return { kind: 'transpose', perm, shape: moved };
    }
    case 'Reshape': {
      const wanted = node.inputs[1]?.constant()?.toNumbers() ?? node.ints('shape');
      return reshapeStep(wanted && reshapedDims(shape, wanted, node.int('allowzero', 0) !== 0), shape);
    }
    case 'Squeeze':
      return reshapeStep(squeezedDims(shape, axesOf(node)), shape);
    case 'Unsqueeze':
      return reshapeStep(unsqueezedDims(shape, axesOf(node)), shape);
    case 'Flatten': {
      const axis = normalAxis(node.int('axis', 1), shape.length);
      return reshapeStep([product(shape.slice(0, axis)), product(shape.slice(axis))], shape);
    }
    case 'QuantizeLinear':
    case 'DequantizeLinear': {
      const scale = traceConstant(node.inputs[1]);
      const zero = node.inputs[2];
      const zeroPoint = zero === undefined ? undefined : traceConstant(zero);
      if (
        scale === undefined ||
        !isBare(scale) ||
        (zero !== undefined && (zeroPoint === undefined || !isBare(zeroPoint)))
      ) {
        return undefined;
      }
      return {
        kind: node.opType === 'DequantizeLinear' ? 'dequantize' : 'quantize',
        scale: scale.tensor,
        zeroPoint: zeroPoint?.tensor,
        axis: normalAxis(node.int('axis', 1), shape.length),
        blockSize: node.int('block_size', 0),
        shape,
      };
    }
    default:
      return undefined;
  }
}

/** Scales and zero points are read as stored: only Identity may stand in between. */
function isBare(chain: ConstantChain): boolean {
  return chain.steps.every((step) => step.kind === 'identity');
}

function reshapeStep(dims: readonly number[] | undefined, from: readonly number[]): ChainStep | undefined {
  return dims !== undefined && product(dims) === product(from) ? { kind: 'reshape', shape: dims } : undefined;
}

/** Axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since. */
function axesOf(node: Node): readonly number[] | undefined {
  return node.ints('axes') ?? node.inputs[1]?.constant()?.toNumbers();
}

/** Target of a Reshape: 0 copies the input dimension (unless `allowZero`), −1 takes what is left. */
export function reshapedDims(
  shape: readonly number[],
  wanted: readonly number[],
  allowZero: boolean,
): readonly number[] | undefined {
  const dims = wanted.map((d, i) => (d === 0 && !allowZero ? (shape[i] ?? -2) : d));
  const open = dims.indexOf(-1);
  if (dims.some((d, i) => d < -1 || (d === -1 && i !== open))) {
    return undefined;
  }
  if (open >= 0) {
    const rest = product(dims.filter((_, i) => i !== open));
    const total = product(shape);
    if (rest === 0 || total % rest !== 0) {
      return undefined;
    }
    dims[open] = total / rest;
  }
  return dims;
}

export function squeezedDims(shape: readonly number[], axes: readonly number[] | undefined): readonly number[] {
  if (axes === undefined) {
    return shape.filter((d) => d !== 1);
  }
  const dropped = new Set(axes.map((axis) => normalAxis(axis, shape.length)));
  return shape.filter((_, i) => !dropped.has(i));
}

export function unsqueezedDims(
  shape: readonly number[],
  axes: readonly number[] | undefined,
): readonly number[] | undefined {
  if (axes === undefined) {
    return undefined;
  }
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => normalAxis(axis, rank)));
  const dims: number[] = [];
  for (let i = 0, from = 0; i < rank; i++) {
    dims.push(added.has(i) ? 1 : (shape[from++] ?? 1));
  }
  return dims;
}

/** Counts a negative axis from the end. */
export function normalAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

function isKnown(dims: readonly (number | undefined)[]): dims is readonly number[] {
  return dims.every((d) => d !== undefined);
}

/**
 * Where an axis of the chain's end lies in the stored tensor: followed back through the steps. A Reshape keeps an axis
 * when it has the same size and the same number of elements before it on both sides. Undefined where it does not.
 */
export function storedAxis(
  storedShape: readonly number[],
  steps: readonly ChainStep[],
  axis: number,
): number | undefined {
  let at: number | undefined = axis;
  for (let i = steps.length - 1; i >= 0 && at !== undefined; i--) {
    const step = steps[i]!;
    const before: readonly number[] = i === 0 ? storedShape : steps[i - 1]!.shape;
    if (step.kind === 'transpose') {
      at = step.perm[at];
    } else if (step.kind === 'reshape') {
      at = sameAxis(step.shape, before, at);
    }
  }
  return at;
}

function sameAxis(after: readonly number[], before: readonly number[], axis: number): number | undefined {
  const outer = product(after.slice(0, axis));
  const size = after[axis];
  let ahead = 1;
  for (let i = 0; i < before.length; i++) {
    if (ahead === outer && before[i] === size) {
      return i;
    }
    ahead *= before[i]!;
  }
  return undefined;
}

/** True when the chain only moves elements (and changes float types): no quantiser in between. */
export function isPlain(steps: readonly ChainStep[]): boolean {
  return steps.every((step) => step.kind !== 'dequantize' && step.kind !== 'quantize');
}
