import { ONNX_DOMAIN, type Node, type Value } from '../../onnx';
import { convInputGradient, transposedConvInputGradient } from './convGradient';
import type { GradientWriter } from './gradientWriter';

/**
 * Gradients of a node's inputs from those of its outputs (undefined: 0), for the inputs that `wanted` names; undefined in the
 * place of one that cannot be given.
 */
type Rule = (
  node: Node,
  gradients: readonly (Value | undefined)[],
  wanted: (index: number) => boolean,
  g: GradientWriter,
) => readonly (Value | undefined)[];

/** A rule for nodes with one output, by the first of their inputs alone. */
function ofOne(rule: (node: Node, gradient: Value, g: GradientWriter) => Value | undefined): Rule {
  return (node, [gradient], _, g) => [gradient && rule(node, gradient, g)];
}

/** A rule for a function of two values that are broadcast to each other. */
function ofTwo(rule: (node: Node, gradient: Value, g: GradientWriter) => [() => Value, () => Value]): Rule {
  return (node, [gradient], wanted, g) => {
    const shape = g.shapeOf(node.outputs[0]!);
    const made = rule(node, gradient!, g);
    return made.map((make, index) => (wanted(index) ? g.reducedTo(make(), shape, node.inputs[index]!) : undefined));
  };
}

const x = (node: Node): Value => node.inputs[0]!;
const y = (node: Node): Value => node.outputs[0]!;

/** Round passes gradients through as if it were not there: the straight-through estimator (Bengio et al., 2013). */
const straightThrough = ofOne((_, gradient) => gradient);
const reshaped = ofOne((node, gradient, g) => g.inShapeOf(gradient, x(node)));

/** With x̂ the normalised input and h = gradient · γ: (h − mean h − x̂ · mean(h x̂)) / σ over the last axis. */
function layerNormGradient(node: Node, gradient: Value, g: GradientWriter): Value | undefined {
  const shape = g.shapeOf(x(node));
  const size = Number(shape?.at(-1));
  const axis = node.int('axis', -1);
  if (shape === undefined || Number.isNaN(size) || (axis !== -1 && axis !== shape.length - 1)) {
    return undefined;
  }
  const mean = (value: Value): Value => g.times(g.sum(value, [-1], true), 1 / size);
  const centred = g.op('Sub', [x(node), mean(x(node))]);
  const variance = mean(g.times(centred, centred));
  const deviation = g.op('Sqrt', [g.plus(variance, g.number(node.float('epsilon', 1e-5)))]);
  const normal = g.op('Div', [centred, deviation]);
  const h = node.inputs[1] === undefined ? gradient : g.times(gradient, node.inputs[1]);
  const along = g.times(normal, mean(g.times(h, normal)));
  return g.op('Div', [g.op('Sub', [g.op('Sub', [h, mean(h)]), along]), deviation]);
}

function meanGradient(node: Node, gradient: Value, g: GradientWriter): Value | undefined {
  const shape = g.shapeOf(x(node));
  const axes = node.ints('axes') ?? node.inputs[1]?.constant()?.toNumbers();
  if (shape === undefined || axes === undefined) {
    return undefined;
  }
  const places = axes.map((axis) => (axis < 0 ? axis + shape.length : axis)).sort((a, b) => a - b);
  const count = places.reduce((product, axis) => product * Number(shape[axis]), 1);
  if (Number.isNaN(count)) {
    return undefined;
  }
  const kept = node.int('keepdims', 1) === 1 ? gradient : g.op('Unsqueeze', [gradient, g.list(places)]);
  return g.op('Expand', [g.times(kept, 1 / count), g.op('Shape', [x(node)])]);
}

const gemmGradient: Rule = (node, [gradient], wanted, g) => {
  const [, b, c] = node.inputs;
  const weights = node.int('transB', 0) === 1 ? b : g.transposed(b!);
  if (weights === undefined || node.int('transA', 0) !== 0) {
    return [];
  }
  const scaled = (factor: number): Value => (factor === 1 ? gradient! : g.times(gradient!, factor));
  return [
    wanted(0) ? g.op('MatMul', [scaled(node.float('alpha', 1)), weights]) : undefined,
    undefined,
    wanted(2) ? g.reducedTo(scaled(node.float('beta', 1)), g.shapeOf(y(node)), c!) : undefined,
  ];
};

const matMulGradient: Rule = (node, [gradient], wanted, g) => {
  const [a, b] = [node.inputs[0]!, node.inputs[1]!];
  const shape = g.shapeOf(y(node));
  const results: (Value | undefined)[] = [];
  if (wanted(0)) {
    const across = g.transposed(b);
    results[0] = across && outer(g, a, shape, () => g.op('MatMul', [gradient!, across]));
  }
  if (wanted(1)) {
    const across = g.transposed(a);
    results[1] = across && outer(g, b, shape, () => g.op('MatMul', [across, gradient!]));
  }
  return results;
};

/** Sums over the leading axes along which an operand of a product was repeated; the last two are its own. */
function outer(
  g: GradientWriter,
  operand: Value,
  product: ReturnType<GradientWriter['shapeOf']>,
  make: () => Value,
): Value | undefined {
  const own = g.shapeOf(operand);
  if (own === undefined || product === undefined || own.length < 2) {
    return undefined;
  }
  return g.reducedTo(make(), [...product.slice(0, -2), ...own.slice(-2)], operand);
}

const concatGradient: Rule = (node, [gradient], wanted, g) => {
  const axis = node.int('axis', 0);
  const sizes = node.inputs.map((input) => Number(g.shapeOf(input!)?.at(axis)));
  if (sizes.some((size) => Number.isNaN(size))) {
    return [];
  }
  const parts = g.ops('Split', [gradient, g.list(sizes)], sizes.length, { axis });
  return parts.map((part, index) => (wanted(index) ? part : undefined));
};

const splitGradient: Rule = (node, gradients, _, g) => {
  const parts = node.outputs.map((output, index) => output && (gradients[index] ?? g.times(output, 0)));
  return parts.includes(undefined) ? [] : [g.op('Concat', parts, { axis: node.int('axis', 0) })];
};

const RULES: Readonly<Record<string, Rule>> = {
  Identity: straightThrough,
  Round: straightThrough,
  Flatten: reshaped,
  Reshape: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Relu: ofOne((node, gradient, g) => g.where(g.op('Greater', [y(node), g.number(0)]), gradient)),
  LeakyRelu: ofOne((node, gradient, g) =>
    g.op('Where', [g.op('Greater', [x(node), g.number(0)]), gradient, g.times(gradient, node.float('alpha', 0.01))]),
  ),
  Clip: ofOne((node, gradient, g) => {
    const [, low, high] = node.inputs;
    const above = low && g.op('GreaterOrEqual', [x(node), low]);
    const below = high && g.op('LessOrEqual', [x(node), high]);
    const masked = above === undefined ? gradient : g.where(above, gradient);
    return below === undefined ? masked : g.where(below, masked);
  }),
  Neg: ofOne((_, gradient, g) => g.op('Neg', [gradient])),
  Sigmoid: ofOne((node, gradient, g) => g.times(gradient, g.times(y(node), g.op('Sub', [g.number(1), y(node)])))),
  Tanh: ofOne((node, gradient, g) => g.times(gradient, g.op('Sub', [g.number(1), g.times(y(node), y(node))]))),
  Erf: ofOne((node, gradient, g) => {
    const bell = g.op('Exp', [g.op('Neg', [g.times(x(node), x(node))])]);
    return g.times(gradient, g.times(bell, 2 / Math.sqrt(Math.PI)));
  }),
  HardSigmoid: ofOne((node, gradient, g) => {
    const inside = g.op('And', [g.op('Greater', [y(node), g.number(0)]), g.op('Less', [y(node), g.number(1)])]);
    return g.where(inside, g.times(gradient, node.float('alpha', 0.2)));
  }),
  HardSwish: ofOne((node, gradient, g) => {
    const middle = g.plus(g.times(x(node), 1 / 3), g.number(0.5));
    const slope = g.op('Where', [g.op('Less', [x(node), g.number(3)]), middle, g.number(1)]);
    return g.where(g.op('Greater', [x(node), g.number(-3)]), g.times(gradient, slope));
  }),
  Softmax: ofOne((node, gradient, g) => {
    const axis = node.int('axis', -1);
    const total = g.sum(g.times(gradient, y(node)), [axis], true);
    return g.times(y(node), g.op('Sub', [gradient, total]));
  }),
  LayerNormalization: ofOne(layerNormGradient),
  GlobalAveragePool: ofOne((node, gradient, g) => {
    const area = g
      .shapeOf(x(node))
      ?.slice(2)
      .reduce<number>((product, size) => product * Number(size), 1);
    return area === undefined || Number.isNaN(area)
      ? undefined
      : g.op('Expand', [g.times(gradient, 1 / area), g.op('Shape', [x(node)])]);
  }),
  ReduceMean: ofOne(meanGradient),
  Transpose: ofOne((node, gradient, g) => {
    const rank = g.shapeOf(x(node))?.length;
    const perm = node.ints('perm') ?? (rank === undefined ? undefined : [...Array(rank).keys()].reverse());
    return perm && g.op('Transpose', [gradient], { perm: perm.map((_, axis) => perm.indexOf(axis)) });
  }),
  Add: ofTwo((_, gradient) => [() => gradient, () => gradient]),
  Sub: ofTwo((_, gradient, g) => [() => gradient, () => g.op('Neg', [gradient])]),
  Mul: ofTwo((node, gradient, g) => [
    () => g.times(gradient, node.inputs[1]!),
    () => g.times(gradient, node.inputs[0]!),
  ]),
  Div: ofTwo((node, gradient, g) => [
    () => g.op('Div', [gradient, node.inputs[1]!]),
    () => g.op('Neg', [g.op('Div', [g.times(gradient, y(node)), node.inputs[1]!])]),
  ]),
  Conv: ofOne(convInputGradient),
  ConvTranspose: ofOne(transposedConvInputGradient),
  Gemm: gemmGradient,
  MatMul: matMulGradient,
  Concat: concatGradient,
  Split: splitGradient,
};

/** The rule for a node; undefined where gradients do not go through it. */
export function gradientRule(node: Node): Rule | undefined {
  return node.domain === ONNX_DOMAIN && Object.hasOwn(RULES, node.opType) ? RULES[node.opType] : undefined;
}
