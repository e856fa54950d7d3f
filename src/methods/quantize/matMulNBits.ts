import { DataType, MICROSOFT_DOMAIN, Tensor, type Model, type Node, type Value } from '../../onnx';
import { removeUnread } from '../../passes';
import { takePlace } from './takePlace';

/** What became of the layers with weights in blocks. */
export interface MatMulNBitsResult {
  /** Names of the nodes that are MatMulNBits now, in graph order. */
  readonly converted: readonly string[];
  /** Names of the stored codes that went into them. */
  readonly tensors: ReadonlySet<string>;
}

/** The container a MatMulNBits packs codes in, and what is added to signed codes. */
interface Packing {
  readonly bits: 4 | 8;
  readonly offset: number;
}

/**
 * Writes MatMul nodes whose weight comes from a DequantizeLinear in blocks along the reduction axis as
 * com.microsoft.MatMulNBits, the operator ONNX Runtime has kernels for; the function stays the same. A Gemm is taken where
 * it is x · Wᵀ + b or x · W + b without factors. Everything else stays as it is.
 *
 * Codes are packed low bits first, row n holding output n; signed codes are shifted to unsigned ones, whose default zero
 * point 2^(bits − 1) then stands for 0.
 */
export function toMatMulNBits(model: Model): MatMulNBitsResult {
  const converted: string[] = [];
  const tensors = new Set<string>();
  for (const node of [...model.graph.nodes]) {
    const parts = partsOf(node);
    if (parts === undefined) {
      continue;
    }
    const name = node.name;
    tensors.add(parts.codes.name);
    convert(model, node, parts);
    converted.push(name);
  }
  return { converted, tensors };
}

interface Parts {
  readonly dequantize: Node;
  readonly codes: Tensor;
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array | undefined;
  readonly packing: Packing;
  readonly blockSize: number;
  readonly n: number;
  readonly k: number;
  /** Codes lie [K, N] rather than [N, K]. */
  readonly isTransposed: boolean;
}

function partsOf(node: Node): Parts | undefined {
  const isGemm = node.is('Gemm');
  if (!isGemm && !node.is('MatMul')) {
    return undefined;
  }
  const dequantize = node.inputs[1]?.producer();
  const blockSize = dequantize?.int('block_size', 0) ?? 0;
  if (dequantize?.is('DequantizeLinear') !== true || blockSize < 16 || (blockSize & (blockSize - 1)) !== 0) {
    return undefined;
  }
  if (dequantize.outputs[0]!.uses().length !== 1 || dequantize.outputs[0]!.isGraphOutput) {
    return undefined;
  }
  const outFirst = isGemm && node.int('transB', 0) !== 0;
  const hasFactors = node.float('alpha', 1) !== 1 || node.float('beta', 1) !== 1 || node.int('transA', 0) !== 0;
  const [codes, scales, zeroPoints] = dequantize.inputs.map((input) => input?.initializer);
  if (codes === undefined || scales === undefined || codes.dims.length !== 2 || (isGemm && hasFactors)) {
    return undefined;
  }
  if (dequantize.int('axis', 1) !== (outFirst ? 1 : 0)) {
    return undefined;
  }
  const [n, k] = outFirst ? [codes.dims[0]!, codes.dims[1]!] : [codes.dims[1]!, codes.dims[0]!];
  const bias = isGemm ? node.inputs[2] : undefined;
  if (bias !== undefined && bias.initializer?.dims.join() !== String(n)) {
    return undefined;
  }
  const packing = packingOf(codes.dataType);
  if (packing === undefined) {
    return undefined;
  }
  return {
    dequantize,
    codes,
    scales: scales.toFloat32(),
    zeroPoints: zeroPoints?.toFloat32(),
    packing,
    blockSize,
    n,
    k,
    isTransposed: !outFirst,
  };
}

function packingOf(type: DataType): Packing | undefined {
  switch (type) {
    case DataType.INT4:
      return { bits: 4, offset: 8 };
    case DataType.UINT4:
      return { bits: 4, offset: 0 };
    case DataType.INT8:
      return { bits: 8, offset: 128 };
    case DataType.UINT8:
      return { bits: 8, offset: 0 };
    default:
      return undefined;
  }
}

function convert(model: Model, node: Node, parts: Parts): void {
  const { graph } = model;
  const { codes, packing, blockSize, n, k, isTransposed } = parts;
  const { bits, offset } = packing;
  const blocks = Math.ceil(k / blockSize);
  const blobBytes = (blockSize * bits) / 8;
  const values = codes.toFloat32();
  const packed = new Uint8Array(n * blocks * blobBytes);
  const scales = new Float32Array(n * blocks);
  const zeroRow = Math.ceil((blocks * bits) / 8);
  const zeros = new Uint8Array(n * zeroRow);
  let allDefault = true;
  for (let row = 0; row < n; row++) {
    for (let block = 0; block < blocks; block++) {
      const at = row * blocks + block;
      const parameter = isTransposed ? block * n + row : at;
      scales[at] = parts.scales[parameter]!;
      const zero = (parts.zeroPoints?.[parameter] ?? 0) + offset;
      allDefault &&= zero === 1 << (bits - 1);
      zeros[row * zeroRow + ((block * bits) >> 3)]! |= zero << ((block * bits) & 7);
      for (let i = 0; i < blockSize; i++) {
        const j = block * blockSize + i;
        // Padding of a short last block: the zero point, which stands for 0.
        const code = j < k ? values[isTransposed ? j * n + row : row * k + j]! + offset : zero;
        packed[at * blobBytes + ((i * bits) >> 3)]! |= code << ((i * bits) & 7);
      }
    }
  }
  const base = codes.name;
  const add = (suffix: string, dims: readonly number[], data: Uint8Array): Value =>
    graph.addInitializer(
      Tensor.fromIntegers(graph.freshName(`${base}_${suffix}`), DataType.UINT8, dims, Int32Array.from(data)),
    );
  const inputs = [
    node.inputs[0],
    add('packed', [n, blocks, blobBytes], packed),
    graph.addInitializer(Tensor.fromFloat32(graph.freshName(`${base}_block_scales`), [n, blocks], scales)),
  ];
  const bias = node.is('Gemm') ? node.inputs[2] : undefined;
  if (!allDefault || bias !== undefined) {
    inputs.push(allDefault ? undefined : add('block_zero_points', [n, zeroRow], zeros));
  }
  if (bias !== undefined) {
    inputs.push(undefined, bias);
  }
  if (!model.opsets.has(MICROSOFT_DOMAIN)) {
    model.setOpset(MICROSOFT_DOMAIN, 1);
  }
  const made = graph.addNode(
    {
      opType: 'MatMulNBits',
      domain: MICROSOFT_DOMAIN,
      name: node.name,
      inputs,
      outputs: [graph.freshName(`${node.outputs[0]!.name}_blocks`)],
      attributes: [
        { name: 'K', type: 'INT', value: k },
        { name: 'N', type: 'INT', value: n },
        { name: 'bits', type: 'INT', value: bits },
        { name: 'block_size', type: 'INT', value: blockSize },
      ],
    },
    { before: node },
  );
  takePlace(made.outputs[0]!, node);
  removeUnread(parts.dequantize.outputs);
}
