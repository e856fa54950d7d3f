import { DataType, type Dimension, type Node, type TensorType } from '../onnx';
import { normalAxis } from './constantChain';
import type { Contents } from './integerContents';
import { convOutput, poolOutput, resizedOutput, transposeConvOutput } from './spatialShapes';

type Shape = readonly Dimension[];

/** What is known about the inputs of a node. */
export interface NodeFacts {
  readonly node: Node;
  type(input: number): DataType;
  shape(input: number): Shape | undefined;
  /** Elements of a small integer tensor. */
  contents(input: number): Contents | undefined;
  /** Elements of a small constant of any number type. */
  floats(input: number): readonly number[] | undefined;
}

/** Types of the outputs, as far as the rule for the operator knows them; an empty list for unknown operators. */
export function shapeRule(facts: NodeFacts): readonly (TensorType | undefined)[] {
  const rule = rules[facts.node.opType];
  return rule === undefined ? [] : rule(facts);
}

type Rule = (facts: NodeFacts) => readonly (TensorType | undefined)[];

function tensor(elementType: DataType, shape: Shape | undefined): TensorType {
  return { kind: 'tensor', elementType, shape };
}

const sameAsFirst: Rule = (facts) => [tensor(facts.type(0), facts.shape(0))];

const broadcastAll: Rule = (facts) => [tensor(facts.type(0), broadcastInputs(facts))];

const compare: Rule = (facts) => [tensor(DataType.BOOL, broadcastInputs(facts))];

function broadcastInputs(facts: NodeFacts): Shape | undefined {
  let shape: Shape | undefined = [];
  for (let i = 0; i < facts.node.inputs.length && shape !== undefined; i++) {
    shape = broadcast(shape, facts.shape(i));
  }
  return shape;
}

/** NumPy broadcasting; a size known to exceed 1 decides, two unlike names give nothing. */
export function broadcast(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) {
    return undefined;
  }
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = i < rank - a.length ? 1 : a[i - (rank - a.length)];
    const y = i < rank - b.length ? 1 : b[i - (rank - b.length)];
    if (x === y || y === 1) {
      return x;
    }
    if (x === 1) {
      return y;
    }
    return typeof x === 'number' ? x : typeof y === 'number' ? y : undefined;
  });
}

const reduce: Rule = (facts) => {
  const shape = facts.shape(0);
  const keep = facts.node.int('keepdims', 1) !== 0;
  const axes = facts.node.ints('axes') ?? numbers(facts.contents(1));
  const isGiven = facts.node.attributes.has('axes') || facts.node.inputs[1] !== undefined;
  if (shape === undefined || (isGiven && axes === undefined)) {
    return [tensor(facts.type(0), undefined)];
  }
  const none = axes === undefined || axes.length === 0;
  if (none && facts.node.int('noop_with_empty_axes', 0) !== 0) {
    return [tensor(facts.type(0), shape)];
  }
  const gone = new Set(none ? shape.keys() : axes.map((axis) => normalAxis(axis, shape.length)));
  const kept = keep ? shape.map((d, i) => (gone.has(i) ? 1 : d)) : shape.filter((_, i) => !gone.has(i));
  return [tensor(facts.type(0), kept)];
};

const argReduce: Rule = (facts) => {
  const shape = facts.shape(0);
  const axis = normalAxis(facts.node.int('axis', 0), shape?.length ?? 0);
  const keep = facts.node.int('keepdims', 1) !== 0;
  return [
    tensor(DataType.INT64, keep ? shape?.map((d, i) => (i === axis ? 1 : d)) : shape?.filter((_, i) => i !== axis)),
  ];
};

const conv: Rule = (facts) => {
  const weight = facts.node.opType === 'QLinearConv' ? 3 : 1;
  const type = facts.node.opType === 'ConvInteger' ? DataType.INT32 : facts.type(0);
  return [tensor(type, convOutput(facts.node, facts.shape(0), facts.shape(weight)))];
};

const matMul: Rule = (facts) => {
  const right = facts.node.opType === 'QLinearMatMul' ? 3 : 1;
  const type = facts.node.opType === 'MatMulInteger' ? DataType.INT32 : facts.type(0);
  return [tensor(type, multiplied(facts.shape(0), facts.shape(right)))];
};

function multiplied(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) {
    return undefined;
  }
  const rows = a.length === 1 ? [] : [a.at(-2)];
  const columns = b.length === 1 ? [] : [b.at(-1)];
  const stack = broadcast(a.slice(0, -2), b.slice(0, -2));
  return stack && [...stack, ...rows, ...columns];
}

const gemm: Rule = (facts) => {
  const a = facts.shape(0);
  const b = facts.shape(1);
  const rows = a?.[facts.node.int('transA', 0) !== 0 ? 1 : 0];
  const columns = b?.[facts.node.int('transB', 0) !== 0 ? 0 : 1];
  return [tensor(facts.type(0), a && b && [rows, columns])];
};

const concat: Rule = (facts) => {
  const shapes = facts.node.inputs.map((_, i) => facts.shape(i));
  const first = shapes[0];
  if (first === undefined || shapes.some((s) => s === undefined)) {
    return [
      tensor(
        facts.type(0),
        first?.map(() => undefined),
      ),
    ];
  }
  const axis = normalAxis(facts.node.int('axis', 1), first.length);
  let total: Dimension = 0;
  for (const shape of shapes) {
    const size: Dimension = shape?.[axis];
    total = typeof size === 'number' && typeof total === 'number' ? total + size : undefined;
  }
  return [
    tensor(
      facts.type(0),
      first.map((d, i) => (i === axis ? total : d)),
    ),
  ];
};

const reshape: Rule = (facts) => {
  const shape = facts.shape(0);
  const wanted = facts.node.ints('shape') ?? facts.contents(1);
  if (wanted === undefined) {
    const rank = facts.shape(1)?.[0];
    return [tensor(facts.type(0), typeof rank === 'number' ? Array<Dimension>(rank).fill(undefined) : undefined)];
  }
  const allowZero = facts.node.int('allowzero', 0) !== 0;
  const dims: Dimension[] = wanted.map((d, i) => (d === 0 && !allowZero ? shape?.[i] : d));
  const open = dims.indexOf(-1);
  if (open >= 0) {
    dims[open] =
      shape &&
      quotient(
        shape,
        dims.filter((_, i) => i !== open),
      );
  }
  return [tensor(facts.type(0), dims)];
};

/** Product of one shape divided by that of another; equal names cancel. */
function quotient(over: Shape, under: Shape): Dimension {
  const names = over.filter((d): d is string => typeof d === 'string');
  let size = 1;
  for (const d of under) {
    if (typeof d === 'string') {
      const at = names.indexOf(d);
      if (at < 0) {
        return undefined;
      }
      names.splice(at, 1);
    } else if (d === undefined) {
      return undefined;
    } else {
      size *= d;
    }
  }
  let total = 1;
  for (const d of over) {
    if (d === undefined) {
      return undefined;
    }
    total *= typeof d === 'number' ? d : 1;
  }
  if (size === 0 || total % size !== 0) {
    return undefined;
  }
  if (names.length === 1 && total === size) {
    return names[0];
  }
  return names.length === 0 ? total / size : undefined;
}

const flatten: Rule = (facts) => {
  const shape = facts.shape(0);
  if (shape === undefined) {
    return [tensor(facts.type(0), [undefined, undefined])];
  }
  const axis = normalAxis(facts.node.int('axis', 1), shape.length);
  return [tensor(facts.type(0), [quotient(shape.slice(0, axis), []), quotient(shape.slice(axis), [])])];
};

const transpose: Rule = (facts) => {
  const shape = facts.shape(0);
  const perm = facts.node.ints('perm');
  return [tensor(facts.type(0), perm ? shape && perm.map((axis) => shape[axis]) : shape && [...shape].reverse())];
};

const squeeze: Rule = (facts) => {
  const shape = facts.shape(0);
  const axes = axesOf(facts);
  if (shape === undefined || (axes === undefined && shape.some((d) => typeof d !== 'number'))) {
    return [tensor(facts.type(0), undefined)];
  }
  const gone = new Set(axes?.map((axis) => normalAxis(axis, shape.length)));
  return [tensor(facts.type(0), axes ? shape.filter((_, i) => !gone.has(i)) : shape.filter((d) => d !== 1))];
};

const unsqueeze: Rule = (facts) => {
  const shape = facts.shape(0);
  const axes = axesOf(facts);
  if (shape === undefined || axes === undefined) {
    return [tensor(facts.type(0), undefined)];
  }
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => normalAxis(axis, rank)));
  let from = 0;
  return [
    tensor(
      facts.type(0),
      Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : shape[from++])),
    ),
  ];
};

function axesOf(facts: NodeFacts): readonly number[] | undefined {
  return facts.node.ints('axes') ?? numbers(facts.contents(1));
}

/** The contents if all are numbers. */
function numbers(contents: Contents | undefined): readonly number[] | undefined {
  return contents?.every((d): d is number => typeof d === 'number') === true ? contents : undefined;
}

const slice: Rule = (facts) => {
  const shape = facts.shape(0);
  const { node } = facts;
  const starts = node.ints('starts') ?? numbers(facts.contents(1));
  const ends = node.ints('ends') ?? numbers(facts.contents(2));
  const axes = node.ints('axes') ?? numbers(facts.contents(3)) ?? starts?.map((_, i) => i);
  const steps = node.inputs[4] === undefined ? starts?.map(() => 1) : numbers(facts.contents(4));
  if (shape === undefined || starts === undefined || ends === undefined || axes === undefined || steps === undefined) {
    return [
      tensor(
        facts.type(0),
        shape?.map(() => undefined),
      ),
    ];
  }
  const dims = [...shape];
  axes.forEach((axis, i) => {
    const at = normalAxis(axis, shape.length);
    dims[at] = slicedLength(shape[at], starts[i]!, ends[i]!, steps[i]!);
  });
  return [tensor(facts.type(0), dims)];
};

function slicedLength(size: Dimension, start: number, end: number, step: number): Dimension {
  if (typeof size !== 'number' || step === 0) {
    return start === 0 && end >= 2147483647 && step === 1 ? size : undefined;
  }
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? size : size - 1;
  const clamp = (at: number): number => Math.min(high, Math.max(low, at < 0 ? at + size : at));
  return Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
}

const gather: Rule = (facts) => {
  const shape = facts.shape(0);
  const indices = facts.shape(1);
  const axis = normalAxis(facts.node.int('axis', 0), shape?.length ?? 0);
  return [tensor(facts.type(0), shape && indices && [...shape.slice(0, axis), ...indices, ...shape.slice(axis + 1)])];
};

const split: Rule = (facts) => {
  const { node } = facts;
  const shape = facts.shape(0);
  const axis = normalAxis(node.int('axis', 0), shape?.length ?? 0);
  const sizes = node.ints('split') ?? facts.contents(1);
  const whole = shape?.[axis];
  const count = node.outputs.length;
  return node.outputs.map((_, i) => {
    // Without sizes the parts are equal, the last one shorter where it does not divide.
    const even = typeof whole === 'number' ? Math.ceil(whole / count) : undefined;
    const part =
      sizes !== undefined
        ? sizes[i]
        : even !== undefined && typeof whole === 'number'
          ? Math.min(even, whole - even * i)
          : undefined;
    return tensor(
      facts.type(0),
      shape?.map((d, at) => (at === axis ? part : d)),
    );
  });
};

const pad: Rule = (facts) => {
  const shape = facts.shape(0);
  const pads = facts.node.ints('pads') ?? numbers(facts.contents(1));
  if (shape === undefined || pads?.length !== 2 * shape.length || facts.node.inputs[3] !== undefined) {
    return [
      tensor(
        facts.type(0),
        shape?.map(() => undefined),
      ),
    ];
  }
  const padded = shape.map((d, i) => {
    const added = pads[i]! + pads[i + shape.length]!;
    return typeof d === 'number' ? d + added : added === 0 ? d : undefined;
  });
  return [tensor(facts.type(0), padded)];
};

const expand: Rule = (facts) => [tensor(facts.type(0), broadcast(facts.shape(0), facts.contents(1)))];

const tile: Rule = (facts) => {
  const repeats = facts.contents(1);
  return [
    tensor(
      facts.type(0),
      facts.shape(0)?.map((d, i) => {
        const times = repeats?.[i];
        return times === 1 ? d : typeof d === 'number' && typeof times === 'number' ? d * times : undefined;
      }),
    ),
  ];
};

const globalPool: Rule = (facts) => [
  tensor(
    facts.type(0),
    facts.shape(0)?.map((d, i) => (i < 2 ? d : 1)),
  ),
];

const recurrent: Rule = (facts) => {
  const { node } = facts;
  const x = facts.shape(0);
  const directions = node.string('direction', 'forward') === 'bidirectional' ? 2 : 1;
  const hidden = node.int('hidden_size', 0);
  const batchFirst = node.int('layout', 0) === 1;
  const state = x && (batchFirst ? [x[0], directions, hidden] : [directions, x[1], hidden]);
  const y = x && (batchFirst ? [x[0], x[1], directions, hidden] : [x[0], directions, x[1], hidden]);
  return [y, state, state].map((shape) => tensor(facts.type(0), shape));
};

/** DepthToSpace (factor > 1) and its inverse on [N, C, H, W]. */
function rearranged(facts: NodeFacts, toSpace: boolean): readonly TensorType[] {
  const block = facts.node.int('blocksize', 1);
  const shape = facts.shape(0)?.map((d, i) => {
    if (i === 0 || typeof d !== 'number') {
      return i === 0 ? d : undefined;
    }
    const grows = (i === 1) !== toSpace;
    const factor = i === 1 ? block * block : block;
    return grows ? d * factor : d / factor;
  });
  return [tensor(facts.type(0), shape)];
}

const rules: Readonly<Partial<Record<string, Rule>>> = {
  ...Object.fromEntries(
    (
      'Relu LeakyRelu PRelu Sigmoid Tanh Erf Gelu Clip Identity Softmax LogSoftmax Hardmax InstanceNormalization ' +
      'GroupNormalization LRN LpNormalization MeanVarianceNormalization Elu Selu Celu HardSigmoid HardSwish Mish Swish ' +
      'Softplus Softsign ThresholdedRelu Abs Neg Exp Log Sqrt Reciprocal Floor Ceil Round Sign Sin Cos Tan Not CumSum ' +
      'Trilu QuickGelu FastGelu BiasGelu BatchNormalization Dropout LayerNormalization RMSNormalization ' +
      'SimplifiedLayerNormalization ScatterND ScatterElements'
    )
      .split(' ')
      .map((name) => [name, sameAsFirst]),
  ),
  ...Object.fromEntries(
    'Add Sub Mul Div Pow Mod Min Max Sum Mean And Or Xor BitShift'.split(' ').map((name) => [name, broadcastAll]),
  ),
  ...Object.fromEntries('Equal Greater Less GreaterOrEqual LessOrEqual'.split(' ').map((name) => [name, compare])),
  ...Object.fromEntries(
    'ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare'
      .split(' ')
      .map((name) => [name, reduce]),
  ),
  ArgMax: argReduce,
  ArgMin: argReduce,
  Where: (facts) => [tensor(facts.type(1), broadcastInputs(facts))],
  Cast: (facts) => [tensor(facts.node.int('to', 0) as DataType, facts.shape(0))],
  CastLike: (facts) => [tensor(facts.type(1), facts.shape(0))],
  QuantizeLinear: (facts) => {
    const stated = facts.node.int('output_dtype', 0) as DataType;
    const type = facts.type(2) === DataType.UNDEFINED ? stated || DataType.UINT8 : facts.type(2);
    return [tensor(type, facts.shape(0))];
  },
  DequantizeLinear: (facts) => [tensor(facts.type(1), facts.shape(0))],
  DynamicQuantizeLinear: (facts) => [
    tensor(DataType.UINT8, facts.shape(0)),
    tensor(DataType.FLOAT, []),
    tensor(DataType.UINT8, []),
  ],
  Conv: conv,
  ConvInteger: conv,
  QLinearConv: conv,
  ConvTranspose: (facts) => [tensor(facts.type(0), transposeConvOutput(facts.node, facts.shape(0), facts.shape(1)))],
  MaxPool: (facts) => {
    const shape = poolOutput(facts.node, facts.shape(0));
    return [tensor(facts.type(0), shape), tensor(DataType.INT64, shape)];
  },
  AveragePool: (facts) => [tensor(facts.type(0), poolOutput(facts.node, facts.shape(0)))],
  LpPool: (facts) => [tensor(facts.type(0), poolOutput(facts.node, facts.shape(0)))],
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  Gemm: gemm,
  MatMul: matMul,
  MatMulInteger: matMul,
  QLinearMatMul: matMul,
  MatMulNBits: (facts) => [
    tensor(
      facts.type(0),
      facts.shape(0)?.map((d, i, all) => (i === all.length - 1 ? facts.node.int('N', 0) : d)),
    ),
  ],
  Concat: concat,
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Slice: slice,
  Gather: gather,
  Split: split,
  Pad: pad,
  Expand: expand,
  Tile: tile,
  Resize: (facts) => [tensor(facts.type(0), resizedOutput(facts, facts.node.inputs.length > 2 ? 2 : 1))],
  Upsample: (facts) => [tensor(facts.type(0), resizedOutput(facts, 1))],
  DepthToSpace: (facts) => rearranged(facts, true),
  SpaceToDepth: (facts) => rearranged(facts, false),
  Shape: (facts) => {
    const rank = facts.shape(0)?.length;
    const length =
      facts.node.attributes.has('start') || facts.node.attributes.has('end')
        ? Array.from({ length: rank ?? 0 }).slice(
            facts.node.int('start', 0),
            facts.node.attributes.has('end') ? facts.node.int('end', 0) : undefined,
          ).length
        : rank;
    return [tensor(DataType.INT64, [rank === undefined ? undefined : length])];
  },
  Size: () => [tensor(DataType.INT64, [])],
  Constant: (facts) => {
    const constant = facts.node.outputs[0]?.constant();
    return [constant && tensor(constant.dataType, constant.dims)];
  },
  ConstantOfShape: (facts) => [tensor(facts.node.tensor('value')?.dataType ?? DataType.FLOAT, facts.contents(0))],
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
};
