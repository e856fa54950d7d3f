import { traceConstant } from '../../analysis';
import type { Dimension, Node, Value } from '../../onnx';

/** Where a node touches a value whose channels are to be reordered. */
export type Port = { readonly side: 'input' | 'output'; readonly index: number };

/** What a node asks for so that reordering the channels at one of its ports leaves its function as it is. */
export interface Passage {
  /** Other inputs and outputs whose channels follow, with the axis these lie on. Constants among the inputs are edited. */
  readonly inputs?: readonly (readonly [index: number, axis: number])[];
  readonly outputs?: readonly (readonly [index: number, axis: number])[];
  /** The node sums over the channels with this weight input. */
  readonly sumsOver?: number;
}

export interface RuleContext {
  readonly channels: number;
  readonly shape: (value: Value | undefined) => readonly Dimension[] | undefined;
}

/** Follows channels through one node; a string says why they cannot be reordered there. */
export function passageOf(node: Node, port: Port, axis: number, context: RuleContext): Passage | string {
  if (node.domain !== '') {
    return `${node.domain}::${node.opType} is not known to keep channels apart`;
  }
  if (port.side === 'output' && port.index > 0 && node.opType !== 'Split') {
    return `they come from a side output of ${node.opType}`;
  }
  const rule = RULES.get(node.opType);
  return rule === undefined ? `${node.opType} is not known to keep channels apart` : rule(node, port, axis, context);
}

type Rule = (node: Node, port: Port, axis: number, context: RuleContext) => Passage | string;

const NOTHING: Passage = {};

/** Input 0 to output 0 on the same axis, element by element or pooling over other axes. */
const through: Rule = (node, port, axis) =>
  port.side === 'input' && port.index > 0
    ? `${node.opType} reads them as a parameter`
    : { inputs: [[0, axis]], outputs: [[0, axis]] };

const throughAxis1: Rule = (node, port, axis, context) =>
  axis === 1 ? through(node, port, axis, context) : `${node.opType} does not have them on axis 1`;

/** Masks, indices and statistics beside the first output would come in another order, or name other places. */
function sideOutputRead(node: Node): string | undefined {
  const read = node.outputs.slice(1).some((value) => value && (value.uses().length > 0 || value.isGraphOutput));
  return read ? `a side output of ${node.opType} is read` : undefined;
}

const dropout: Rule = (node, port, axis, context) => sideOutputRead(node) ?? through(node, port, axis, context);
const maxPool: Rule = (node, port, axis, context) => sideOutputRead(node) ?? throughAxis1(node, port, axis, context);

const conv: Rule = (node, port, axis, { channels, shape }) => {
  if (axis !== 1 || (port.side === 'input' && port.index !== 0)) {
    return `${node.opType} reads them as a weight or on another axis`;
  }
  const groups = node.int('group', 1);
  if (groups === 1) {
    const isTransposed = node.opType === 'ConvTranspose';
    return port.side === 'input'
      ? { inputs: [[1, isTransposed ? 0 : 1]], sumsOver: 1 }
      : { inputs: biased([[1, isTransposed ? 1 : 0]], node, 2, 0) };
  }
  const weight = shape(node.inputs[1]);
  const isDepthwise = groups === channels && weight?.[0] === channels && weight[1] === 1;
  return isDepthwise
    ? {
        inputs: biased(
          [
            [0, 1],
            [1, 0],
          ],
          node,
          2,
          0,
        ),
        outputs: [[0, 1]],
      }
    : `${node.opType} has ${groups} groups, which its channels may not leave`;
};

const gemm: Rule = (node, port, axis, context) => {
  const isTransposed = node.int('transB', 0) !== 0;
  if (port.side === 'input') {
    const summed = node.int('transA', 0) !== 0 ? 0 : 1;
    return port.index === 0 && axis === summed
      ? { inputs: [[1, isTransposed ? 1 : 0]], sumsOver: 1 }
      : 'Gemm does not sum over them with a constant weight';
  }
  if (axis !== 1) {
    return 'Gemm does not have them on its last axis';
  }
  const inputs: [number, number][] = [[1, isTransposed ? 0 : 1]];
  const bias = aligned(node, 2, 0, context);
  if (typeof bias === 'string') {
    return bias;
  }
  return { inputs: bias === undefined ? inputs : [...inputs, [2, bias]] };
};

const matMul: Rule = (node, port, axis, { shape }) => {
  const weight = node.inputs[1];
  const rank = shape(port.side === 'input' ? node.inputs[0] : node.outputs[0])?.length;
  if (shape(weight)?.length !== 2 || traceConstant(weight) === undefined) {
    return 'MatMul has no constant matrix on its right';
  }
  if ((port.side === 'input' && port.index !== 0) || rank === undefined || axis !== rank - 1) {
    return 'MatMul does not have them on its last axis';
  }
  return port.side === 'input' ? { inputs: [[1, 0]], sumsOver: 1 } : { inputs: [[1, 1]] };
};

/** All inputs broadcast against each other: channels lie at the same distance from the last axis. */
const broadcast: Rule = (node, port, axis, context) => broadcastInputs(node, port, axis, context, node.inputs.length);

/** Expand's second input is a shape. */
const expand: Rule = (node, port, axis, context) => broadcastInputs(node, port, axis, context, 1);

function broadcastInputs(node: Node, port: Port, axis: number, context: RuleContext, count: number): Passage | string {
  const value = port.side === 'input' ? node.inputs[port.index] : node.outputs[port.index];
  const rank = context.shape(value)?.length;
  const outRank = context.shape(node.outputs[0])?.length;
  if (rank === undefined || outRank === undefined || (port.side === 'input' && port.index >= count)) {
    return `${node.opType} has operands of unknown shape`;
  }
  const behind = rank - 1 - axis;
  const inputs: [number, number][] = [];
  for (let i = 0; i < count; i++) {
    const at = aligned(node, i, behind, context);
    if (typeof at === 'string') {
      return at;
    }
    if (at !== undefined) {
      inputs.push([i, at]);
    }
  }
  return { inputs, outputs: [[0, outRank - 1 - behind]] };
}

/**
 * Axis of an operand that lies `behind` axes before the last one, if it holds the channels; undefined where the operand is
 * the same for all of them.
 */
function aligned(
  node: Node,
  index: number,
  behind: number,
  { shape, channels }: RuleContext,
): number | undefined | string {
  const value = node.inputs[index];
  if (value === undefined) {
    return undefined;
  }
  const dims = shape(value);
  if (dims === undefined) {
    return `the shape of "${value.name}" is not known`;
  }
  const at = dims.length - 1 - behind;
  if (at < 0 || dims[at] === 1) {
    return undefined;
  }
  return dims[at] === channels ? at : `${node.opType} has an operand "${value.name}" of another size`;
}

function biased(
  inputs: readonly (readonly [number, number])[],
  node: Node,
  bias: number,
  axis: number,
): readonly (readonly [number, number])[] {
  return node.inputs[bias] === undefined ? inputs : [...inputs, [bias, axis]];
}

/** Statistics per channel: all parameters are vectors over channels on axis 1. */
const channelNorm: Rule = (node, port, axis) => {
  const side = sideOutputRead(node);
  if (side !== undefined) {
    return side;
  }
  if (axis !== 1 || (port.side === 'input' && port.index !== 0)) {
    return `${node.opType} does not have them on axis 1`;
  }
  const inputs: [number, number][] = [[0, 1]];
  for (let i = 1; i < node.inputs.length; i++) {
    inputs.push([i, 0]);
  }
  return { inputs, outputs: [[0, 1]] };
};

/** Mean and variance over trailing axes do not depend on the order of channels; scale and bias do. */
const layerNorm: Rule = (node, port, axis, context) => {
  const side = sideOutputRead(node);
  if (side !== undefined) {
    return side;
  }
  return port.side === 'input' && port.index > 0
    ? 'LayerNormalization reads them as a parameter'
    : broadcast(node, port, axis, context);
};

const reduce: Rule = (node, port, axis, { shape }) => {
  const rank = shape(node.inputs[0])?.length;
  const given = node.ints('axes') ?? constantInts(node.inputs[1]);
  if (rank === undefined || (given === undefined && node.inputs[1] !== undefined)) {
    return `${node.opType} has axes that are not known`;
  }
  const isEmpty = given === undefined || given.length === 0;
  const keepsAll = isEmpty && node.int('noop_with_empty_axes', 0) !== 0;
  const every = Array.from({ length: rank }, (_, i) => i);
  const axes = new Set(keepsAll ? [] : isEmpty ? every : given.map((a) => (a < 0 ? a + rank : a)));
  const kept = node.int('keepdims', 1) !== 0 ? every : every.filter((a) => !axes.has(a));
  const from = port.side === 'input' ? axis : kept[axis];
  if (port.side === 'input' && axes.has(axis)) {
    // A sum over channels is the same in any order.
    return NOTHING;
  }
  if (from === undefined || axes.has(from)) {
    return `${node.opType} makes an axis of its own of them`;
  }
  return { inputs: [[0, from]], outputs: [[0, kept.indexOf(from)]] };
};

const transpose: Rule = (node, port, axis, { shape }) => {
  const rank = shape(node.inputs[0])?.length ?? shape(node.outputs[0])?.length;
  if (rank === undefined) {
    return 'the shape in front of Transpose is not known';
  }
  const perm = node.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const from = port.side === 'input' ? axis : perm[axis]!;
  return { inputs: [[0, from]], outputs: [[0, perm.indexOf(from)]] };
};

/** Reshape and its kin keep an axis that has the same size and the same number of elements in front. */
const reshape: Rule = (node, port, axis, { shape, channels }) => {
  const before = shape(node.inputs[0]);
  const after = shape(node.outputs[0]);
  if (before === undefined || after === undefined) {
    return `the shapes around ${node.opType} are not known`;
  }
  const [near, far] = port.side === 'input' ? [before, after] : [after, before];
  const ahead = sizeOf(near.slice(0, axis));
  const to = far.findIndex((d, i) => d === channels && ahead !== undefined && sizeOf(far.slice(0, i)) === ahead);
  if (to < 0) {
    return `${node.opType} merges them with other axes or splits them`;
  }
  return port.side === 'input'
    ? { inputs: [[0, axis]], outputs: [[0, to]] }
    : { inputs: [[0, to]], outputs: [[0, axis]] };
};

/** Product of sizes as text, names kept; undefined where one is not known. */
function sizeOf(dims: readonly Dimension[]): string | undefined {
  let product = 1;
  const names: string[] = [];
  for (const d of dims) {
    if (d === undefined) {
      return undefined;
    }
    if (typeof d === 'number') {
      product *= d;
    } else {
      names.push(d);
    }
  }
  return [product, ...names.sort()].join('·');
}

const concat: Rule = (node, _port, axis, { shape }) => {
  const rank = shape(node.outputs[0])?.length;
  const along = node.int('axis', 0);
  if (rank === undefined) {
    return 'the shape of a Concat is not known';
  }
  if ((along < 0 ? along + rank : along) === axis) {
    return 'Concat joins them with other channels';
  }
  return { inputs: node.inputs.map((_, i) => [i, axis] as const), outputs: [[0, axis]] };
};

const split: Rule = (node, port, axis, { shape }) => {
  const rank = shape(node.inputs[0])?.length;
  const along = node.int('axis', 0);
  if (rank === undefined || (along < 0 ? along + rank : along) === axis || (port.side === 'input' && port.index > 0)) {
    return 'Split cuts them apart';
  }
  return { inputs: [[0, axis]], outputs: node.outputs.map((_, i) => [i, axis] as const) };
};

const slice: Rule = (node, port, axis, { shape }) => {
  const rank = shape(node.inputs[0])?.length;
  const starts = node.ints('starts') ?? constantInts(node.inputs[1]);
  const given = node.ints('axes') ?? (node.inputs[3] === undefined ? undefined : constantInts(node.inputs[3]));
  const axes = given ?? (node.inputs[3] === undefined ? starts?.map((_, i) => i) : undefined);
  if (rank === undefined || axes === undefined || (port.side === 'input' && port.index > 0)) {
    return 'Slice has axes that are not known';
  }
  return axes.some((a) => (a < 0 ? a + rank : a) === axis)
    ? 'Slice takes some of them'
    : { inputs: [[0, axis]], outputs: [[0, axis]] };
};

const gather: Rule = (node, port, axis, { shape }) => {
  const rank = shape(node.inputs[0])?.length;
  const indexRank = shape(node.inputs[1])?.length;
  if (rank === undefined || indexRank === undefined || (port.side === 'input' && port.index > 0)) {
    return 'Gather has operands of unknown shape';
  }
  const given = node.int('axis', 0);
  const along = given < 0 ? given + rank : given;
  const isInput = port.side === 'input';
  if (isInput ? axis === along : axis >= along && axis < along + indexRank) {
    return 'Gather picks some of them';
  }
  const from = isInput || axis < along ? axis : axis - indexRank + 1;
  return { inputs: [[0, from]], outputs: [[0, from < along ? from : from + indexRank - 1]] };
};

function constantInts(value: Value | undefined): readonly number[] | undefined {
  return value?.constant()?.toNumbers();
}

function named(names: string, rule: Rule): (readonly [string, Rule])[] {
  return names.split(' ').map((name) => [name, rule] as const);
}

const RULES: ReadonlyMap<string, Rule> = new Map([
  ...named('Conv ConvTranspose', conv),
  ...named('Gemm', gemm),
  ...named('MatMul', matMul),
  ...named('BatchNormalization InstanceNormalization', channelNorm),
  ...named('LayerNormalization', layerNorm),
  ...named(
    'Identity Cast Clip Relu LeakyRelu Elu Celu Selu ThresholdedRelu Sigmoid HardSigmoid HardSwish Mish',
    through,
  ),
  ...named('Tanh Softplus Softsign Gelu Erf Abs Neg Sign Exp Log Sqrt Reciprocal Floor Ceil Round Sin Cos', through),
  ...named('Softmax LogSoftmax', through),
  ...named('AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool', throughAxis1),
  ...named('MaxPool', maxPool),
  ...named('Dropout', dropout),
  ...named('Add Sub Mul Div Pow Min Max Sum Mean PRelu', broadcast),
  ...named('Expand', expand),
  ...named(
    'ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp',
    reduce,
  ),
  ...named('Transpose', transpose),
  ...named('Reshape Flatten Squeeze Unsqueeze', reshape),
  ...named('Concat', concat),
  ...named('Split', split),
  ...named('Slice', slice),
  ...named('Gather', gather),
  // Shapes do not depend on the order of channels.
  ...named('Shape Size', () => NOTHING),
]);
