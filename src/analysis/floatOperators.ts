import { DataType, type Model, type Node, type Value } from '../onnx';
import { traceConstant } from './constantChain';
import { layerNodes, type Layer } from './layer';
import type { ShapeTable } from './shapeTable';

/** An operator between the layers, and how often. */
export interface OperatorCount {
  /** "Softmax"; "MatMul of two activations" where layers of the same operator have a weight. */
  readonly operator: string;
  readonly count: number;
}

/** Change values whatever their inputs are. What only moves or clips values (Reshape, Relu, MaxPool…) is exact in any type. */
const COMPUTING = new Set([
  'Softmax',
  'LogSoftmax',
  'LayerNormalization',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
  'InstanceNormalization',
  'GroupNormalization',
  'BatchNormalization',
  'LpNormalization',
  'Sigmoid',
  'HardSigmoid',
  'HardSwish',
  'Swish',
  'Mish',
  'Gelu',
  'Erf',
  'Tanh',
  'Elu',
  'Selu',
  'Softplus',
  'Exp',
  'Log',
  'Sqrt',
  'Pow',
  'AveragePool',
  'GlobalAveragePool',
  'ReduceMean',
  'ReduceSum',
  'Resize',
  'Attention',
]);
/** Count where both inputs are computed: with a constant they scale or shift, and are not worth a line. */
const OF_TWO = new Set(['Add', 'Sub', 'Mul', 'Div', 'MatMul', 'Gemm', 'Sum', 'Einsum']);
const FLOATS = new Set<DataType>([DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE]);

/**
 * What stays float in a network whose layers are quantised at their inputs and weights: norms, softmax, smooth activations,
 * averages, and sums and products of two activations (residual adds, attention). Most frequent first, then by name.
 *
 * @param quantized nodes that compute on 8-bit values
 */
export function floatOperators(
  model: Model,
  layers: readonly Layer[],
  shapes: ShapeTable,
  quantized: ReadonlySet<Node> = new Set(),
): OperatorCount[] {
  const own = layerNodes(layers);
  const found: string[] = [];
  const computed = (value: Value | undefined): boolean =>
    value !== undefined && traceConstant(value) === undefined && isFloat(shapes, value);
  for (const node of model.graph.nodes) {
    const [output] = node.outputs;
    if (own.has(node) || quantized.has(node) || output === undefined || !isFloat(shapes, output)) {
      continue;
    }
    const operator = COMPUTING.has(node.opType)
      ? node.opType
      : OF_TWO.has(node.opType) && node.inputs.filter(computed).length > 1
        ? `${node.opType} of two activations`
        : undefined;
    if (operator !== undefined) {
      found.push(operator);
    }
  }
  return countOperators(found);
}

/** Most frequent first, then by name. */
export function countOperators(operators: readonly string[]): OperatorCount[] {
  const counts = new Map<string, number>();
  for (const operator of operators) {
    counts.set(operator, (counts.get(operator) ?? 0) + 1);
  }
  return [...counts]
    .map(([operator, count]) => ({ operator, count }))
    .sort((a, b) => b.count - a.count || (a.operator < b.operator ? -1 : 1));
}

function isFloat(shapes: ShapeTable, value: Value): boolean {
  const type = shapes.get(value.name)?.elementType;
  return type !== undefined && FLOATS.has(type);
}
