import { DataType, ONNX_DOMAIN, type Model, type Node, type Value } from '../onnx';
import { clipBounds } from './clipBounds';
import { traceConstant } from './constantChain';
import { layerNodes, type Layer } from './layer';
import type { ShapeTable } from './shapeTable';

/** An operator between the layers that can compute on 8-bit values. */
export interface OperatorBetween {
  readonly node: Node;
  /** As {@link floatOperators} calls it. */
  readonly operator: string;
  /** Every value that has to be on a grid for it: what it reads, and what it gives, behind the Relu or Clip that alone reads that. */
  readonly values: readonly Value[];
}

/**
 * Operators that ONNX Runtime computes on 8-bit values where all they read comes from DequantizeLinear and what they give goes
 * into QuantizeLinear alone. It knows others too (Softmax, Where), in which 8 bits cost more than they save.
 */
const EIGHT_BIT = new Set([
  'Add',
  'Mul',
  'Concat',
  'AveragePool',
  'GlobalAveragePool',
  'Sigmoid',
  'LeakyRelu',
  'MatMul',
]);
/** Only move values: ONNX Runtime moves quantisers across them by itself. */
const MOVING = new Set(['MaxPool', 'Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity']);
/** Layers that ONNX Runtime gives an 8-bit output where that is quantised. */
const GIVE_EIGHT_BIT = new Set<Layer['kind']>(['Conv', 'Gemm', 'MatMul']);

/**
 * Residual adds, products (squeeze-and-excite, attention), concatenations, averages and sigmoids of the main graph that can
 * compute on 8-bit values and read what a layer, or another such operator, computed on integers, in node order. An operator
 * all of whose operands are computed in float (GELU, residual adds around layer norms) gains nothing by 8 bits and is left
 * out; so is one with a constant operand, and one that gives an output of the model, which stays float.
 */
export function operatorsBetween(model: Model, layers: readonly Layer[], shapes: ShapeTable): OperatorBetween[] {
  const own = layerNodes(layers);
  const computed = (value: Value | undefined): value is Value =>
    value !== undefined && shapes.get(value.name)?.elementType === DataType.FLOAT && traceConstant(value) === undefined;
  const layerOf = new Map(layers.map((layer) => [layer.node, layer]));
  /** Values that come out of computations on integers once they are quantised. */
  const integral = new Set<Value>();
  const found: OperatorBetween[] = [];
  for (const node of model.graph.nodes) {
    const output = settledOutput(node);
    if (output === undefined || node.domain !== ONNX_DOMAIN) {
      continue;
    }
    const layer = layerOf.get(node);
    const inputs = node.inputs.filter((value) => value !== undefined);
    if (layer !== undefined) {
      const isFused = layer.bias === undefined || layer.bias.node === node;
      if (isFused && GIVE_EIGHT_BIT.has(layer.kind) && !output.isGraphOutput) {
        integral.add(output);
      }
    } else if (MOVING.has(node.opType)) {
      if (inputs[0] !== undefined && integral.has(inputs[0])) {
        integral.add(output);
      }
    } else if (
      EIGHT_BIT.has(node.opType) &&
      !own.has(node) &&
      computed(output) &&
      !output.isGraphOutput &&
      inputs.every(computed) &&
      inputs.some((value) => integral.has(value))
    ) {
      const ofTwo = inputs.length > 1 && node.opType !== 'Concat';
      const operator = ofTwo ? `${node.opType} of two activations` : node.opType;
      found.push({ node, operator, values: [...new Set([...inputs, output])] });
      integral.add(output);
    }
  }
  return found;
}

/** What a node gives, behind the Relu or Clip that alone reads it. */
function settledOutput(node: Node): Value | undefined {
  const output = node.outputs[0];
  const [use, ...others] = output?.uses() ?? [];
  const clip = use?.index === 0 && others.length === 0 ? use.node : undefined;
  const isClipped = clip !== undefined && clip.graph === node.graph && clipBounds(clip).low > -Infinity;
  return isClipped && output?.isGraphOutput !== true ? clip.outputs[0] : output;
}
