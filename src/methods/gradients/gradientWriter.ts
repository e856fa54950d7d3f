import type { ShapeTable } from '../../analysis';
import { DataType, Tensor, type Dimension, type Graph, type Node, type Value } from '../../onnx';

type Shape = readonly Dimension[];
/** Attributes of the nodes that gradients are made of: integers and lists of integers. */
type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** First opset whose ReduceSum and Split take axes and sizes as inputs, and whose Softmax works along one axis. */
export const LEAST_OPSET = 13;

/** Adds nodes of a backward pass at the end of a graph, and knows the shapes of values as far as the rules need them. */
export class GradientWriter {
  private readonly integers = new Map<string, Value>();
  private readonly numbers = new Map<number, Value>();

  constructor(
    readonly graph: Graph,
    private readonly shapes: ShapeTable,
  ) {}

  op(opType: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value {
    return this.ops(opType, inputs, 1, attributes)[0]!;
  }

  ops(opType: string, inputs: readonly (Value | undefined)[], outputs: number, attributes: Attributes = {}): Value[] {
    const node = this.graph.addNode({
      opType,
      name: this.graph.freshName(`gradient/${opType}`),
      inputs,
      outputs: Array.from({ length: outputs }, () => this.graph.freshName('gradient')),
      attributes: Object.entries(attributes).map(([name, value]) =>
        typeof value === 'number' ? { name, type: 'INT', value } : { name, type: 'INTS', value },
      ),
    });
    return node.outputs.map((output) => output!);
  }

  number(value: number): Value {
    const known = this.numbers.get(value);
    if (known !== undefined) {
      return known;
    }
    const name = this.graph.freshName('gradient_constant');
    const made = this.graph.addInitializer(Tensor.fromFloat32(name, [], Float32Array.of(value)));
    this.numbers.set(value, made);
    return made;
  }

  list(values: readonly number[]): Value {
    const key = values.join(' ');
    const known = this.integers.get(key);
    if (known !== undefined) {
      return known;
    }
    const name = this.graph.freshName('gradient_axes');
    const made = this.graph.addInitializer(Tensor.fromIntegers(name, DataType.INT64, [values.length], values));
    this.integers.set(key, made);
    return made;
  }

  constant(base: string, dims: readonly number[], values: Float32Array): Value {
    return this.graph.addInitializer(Tensor.fromFloat32(this.graph.freshName(base), dims, values));
  }

  times(a: Value, b: Value | number): Value {
    return this.op('Mul', [a, typeof b === 'number' ? this.number(b) : b]);
  }

  plus(a: Value, b: Value): Value {
    return this.op('Add', [a, b]);
  }

  sum(value: Value, axes: readonly number[], keep: boolean): Value {
    return axes.length === 0 ? value : this.op('ReduceSum', [value, this.list(axes)], { keepdims: keep ? 1 : 0 });
  }

  /** `value` where the condition holds, else 0. */
  where(condition: Value, value: Value): Value {
    return this.op('Where', [condition, value, this.number(0)]);
  }

  /** In the shape of another value, whose elements are as many. */
  inShapeOf(value: Value, model: Value): Value {
    return this.op('Reshape', [value, this.op('Shape', [model])]);
  }

  /** With the last two axes swapped; undefined where the rank is not known or below 2. */
  transposed(value: Value): Value | undefined {
    const rank = this.shapeOf(value)?.length;
    if (rank === undefined || rank < 2) {
      return undefined;
    }
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
    return this.op('Transpose', [value], { perm });
  }

  /** Sums what broadcasting repeated: a gradient in the shape `from` becomes one in the shape of `target`. */
  reducedTo(gradient: Value, from: Shape | undefined, target: Value): Value | undefined {
    const to = this.shapeOf(target);
    if (from === undefined || to === undefined) {
      return undefined;
    }
    const missing = from.length - to.length;
    const leading = Array.from({ length: missing }, (_, axis) => axis);
    const repeated = to.flatMap((size, axis) => (size === 1 && from[axis + missing] !== 1 ? [axis] : []));
    return this.sum(this.sum(gradient, leading, false), repeated, true);
  }

  shapeOf(value: Value): Shape | undefined {
    const tensor = value.constant();
    if (tensor !== undefined) {
      return tensor.dims;
    }
    const known = this.shapes.get(value.name) ?? (value.type?.kind === 'tensor' ? value.type : undefined);
    return known?.shape ?? this.broadcast(value.producer());
  }

  /** Shape of what an elementwise node gives. */
  private broadcast(node: Node | undefined): Shape | undefined {
    if (node === undefined || !ELEMENTWISE.has(node.opType)) {
      return undefined;
    }
    const inputs = node.opType === 'Clip' ? [node.inputs[0]] : node.inputs;
    let result: Shape = [];
    for (const input of inputs) {
      const shape = input === undefined ? undefined : this.shapeOf(input);
      if (shape === undefined) {
        return undefined;
      }
      const [longer, shorter] = shape.length > result.length ? [shape, result] : [result, shape];
      const offset = longer.length - shorter.length;
      result = longer.map((size, axis) => {
        const other = axis < offset ? 1 : shorter[axis - offset];
        return size === 1 ? other : size;
      });
    }
    return result;
  }
}

const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul', 'Div', 'Clip', 'Round', 'Relu']);
