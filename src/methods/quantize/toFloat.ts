import { evaluateChain, traceConstant } from '../../analysis';
import type { Refusal } from '../../base/errors';
import { DataType, MICROSOFT_DOMAIN, type Graph, type Model, type Node, type Tensor, type Value } from '../../onnx';
import { floatTensor, isFloatType, removeUnread } from '../../passes';
import { takePlace } from './takePlace';

export interface ToFloatResult {
  /** Names of the stored weights that are float32 now, as the model names the values they stand for. */
  readonly weights: readonly string[];
  /** Values that were rounded between QuantizeLinear and DequantizeLinear, and are not any more. */
  readonly activations: readonly string[];
  /** Nodes that stay quantised, with the reason. */
  readonly refused: readonly Refusal[];
}

/**
 * Turns a quantised model into a float one, in place: codes become the float32 values they stand for (pruned weights stay
 * exact zeros), pairs of QuantizeLinear and DequantizeLinear around activations go, MatMulNBits becomes MatMul. What computes
 * is the same but for the rounding of activations. For tools that read no quantised operators.
 */
export function toFloat(model: Model): ToFloatResult {
  const weights: string[] = [];
  const activations: string[] = [];
  const refused: Refusal[] = [];
  for (const node of [...model.graph.nodes]) {
    if (node.domain === MICROSOFT_DOMAIN && node.opType === 'MatMulNBits') {
      const weight = unpacked(node);
      if (typeof weight === 'string') {
        refused.push({ applied: false, nodes: [node.key], reason: weight });
      } else {
        weights.push(weight.name);
        plainMatMul(node, weight);
      }
    } else if (node.is('DequantizeLinear')) {
      const made = node.outputs[0]!;
      const weight = dequantized(node);
      if (weight !== undefined) {
        weights.push(weight.name);
        replaceBy(node, model.graph.addInitializer(weight));
      } else if (unrounded(node) !== undefined && !made.isGraphOutput) {
        activations.push(made.name);
        replaceBy(node, unrounded(node)!);
      } else {
        refused.push({
          applied: false,
          nodes: [node.key],
          reason: 'what it dequantises is neither stored nor float before',
        });
      }
    }
  }
  return { weights, activations, refused };
}

/** The stored values behind a DequantizeLinear. */
function dequantized(node: Node): Tensor | undefined {
  const chain = traceConstant(node.outputs[0]);
  return chain === undefined
    ? undefined
    : floatTensor(
        floatName(node.graph, node.outputs[0]!.name),
        typeOf(node.inputs[1]?.constant()),
        [...chain.shape],
        Float64Array.from(evaluateChain(chain.tensor, chain.steps)),
      );
}

/** The name a weight had before it was quantised, as far as its present one tells. */
function floatName(graph: Graph, name: string): string {
  const plain = name.replace(/(_dequantized|_quantized|_packed)+$/, '');
  return graph.freshName(plain === name ? `${name}_float` : plain);
}

/** What is dequantised has the type of its scales. */
function typeOf(scales: Tensor | undefined): DataType {
  return scales !== undefined && isFloatType(scales.dataType) ? scales.dataType : DataType.FLOAT;
}

/** What a DequantizeLinear stands for where a QuantizeLinear is in front. */
function unrounded(node: Node): Value | undefined {
  const quantize = node.inputs[0]?.producer();
  return quantize?.is('QuantizeLinear') === true ? quantize.inputs[0] : undefined;
}

function replaceBy(node: Node, value: Value): void {
  const [old] = node.outputs;
  node.graph.replaceAllUses(old!, value);
  removeUnread([old]);
}

/** The weight of a MatMulNBits as [K, N], or why it cannot be had. */
function unpacked(node: Node): Tensor | string {
  const [k, n, bits, blockSize] = ['K', 'N', 'bits', 'block_size'].map((name) =>
    node.int(name, name === 'bits' ? 4 : 0),
  );
  const [packed, scaleTensor, zeroTensor] = node.inputs.slice(1, 4).map((input) => input?.constant());
  if (packed === undefined || scaleTensor === undefined || (node.inputs[3] !== undefined && zeroTensor === undefined)) {
    return 'its codes, scales or zero points are not constant';
  }
  if (![2, 4, 8].includes(bits!)) {
    return `its codes have ${bits} bits`;
  }
  if (node.inputs[4] !== undefined) {
    return 'its input columns are reordered (g_idx)';
  }
  const blocks = Math.ceil(k! / blockSize!);
  const codes = Uint8Array.from(packed.toNumbers());
  const scales = scaleTensor.toFloat32();
  if (codes.length !== (n! * blocks * blockSize! * bits!) / 8 || scales.length !== n! * blocks) {
    return 'its codes or scales have another size than its attributes say';
  }
  const zeroRow = Math.ceil((blocks * bits!) / 8);
  const zeros = zeroTensor === undefined ? undefined : Uint8Array.from(zeroTensor.toNumbers());
  if (zeros !== undefined && zeros.length !== n! * zeroRow) {
    return 'its zero points are not packed as its codes are';
  }
  const mask = 2 ** bits! - 1;
  const field = (bytes: Uint8Array, from: number, at: number): number =>
    (bytes[from + ((at * bits!) >> 3)]! >> ((at * bits!) & 7)) & mask;
  const values = new Float64Array(k! * n!);
  for (let row = 0; row < n!; row++) {
    for (let j = 0; j < k!; j++) {
      const block = Math.floor(j / blockSize!);
      const zero = zeros === undefined ? 2 ** (bits! - 1) : field(zeros, row * zeroRow, block);
      const code = field(codes, ((row * blocks + block) * blockSize! * bits!) / 8, j - block * blockSize!);
      values[j * n! + row] = (code - zero) * scales[row * blocks + block]!;
    }
  }
  const name = floatName(node.graph, node.inputs[1]!.name);
  return floatTensor(name, typeOf(scaleTensor), [k!, n!], values);
}

/** x · W (+ bias) in place of a MatMulNBits. */
function plainMatMul(node: Node, weight: Tensor): void {
  const { graph } = node;
  const { name } = node.outputs[0]!;
  const bias = node.inputs[5];
  const read = node.inputs.slice(1);
  let made = graph.addNode(
    {
      opType: 'MatMul',
      name: node.name,
      inputs: [node.inputs[0], graph.addInitializer(weight)],
      outputs: [graph.freshName(`${name}_product`)],
    },
    { before: node },
  );
  if (bias !== undefined) {
    made = graph.addNode(
      {
        opType: 'Add',
        name: graph.freshName(`${node.name}_bias`),
        inputs: [made.outputs[0], bias],
        outputs: [graph.freshName(`${name}_sum`)],
      },
      { before: node },
    );
  }
  takePlace(made.outputs[0]!, node);
  removeUnread(read.filter((input) => input !== bias));
}
