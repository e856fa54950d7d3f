import { traceConstant } from '../../../analysis';
import type { Node } from '../../../onnx';
import type { LayerWeights } from './layerWeights';

/** Dequantises the packed weight of a MatMulNBits, or says why it cannot. */
export function unpackBlocks(node: Node): LayerWeights | string {
  const rows = node.int('N', 0);
  const columns = node.int('K', 0);
  const bits = node.int('bits', 4);
  const size = node.int('block_size', 32);
  const packed = traceConstant(node.inputs[1])?.tensor.bytes();
  const scales = traceConstant(node.inputs[2])?.tensor.toFloat32();
  if (packed === undefined || scales === undefined || (bits !== 2 && bits !== 4 && bits !== 8)) {
    return 'the weight of its MatMulNBits is not stored in a form that can be unpacked';
  }
  const zeros = node.inputs[3] === undefined ? undefined : traceConstant(node.inputs[3])?.tensor;
  if (node.inputs[3] !== undefined && zeros === undefined) {
    return 'the zero points of its MatMulNBits are not constant';
  }
  const blocks = Math.ceil(columns / size);
  const blobBytes = Math.ceil((size * bits) / 8);
  if (packed.length !== rows * blocks * blobBytes || scales.length !== rows * blocks) {
    return 'the packed weight of its MatMulNBits has another size than its attributes say';
  }
  // Zero points are packed codes, or plain numbers in the type of the scales.
  const plainZeros =
    zeros !== undefined && zeros.elementCount === rows * blocks && bits !== 8 ? zeros.toFloat32() : undefined;
  const packedZeros = zeros === undefined || plainZeros !== undefined ? undefined : zeros.bytes();
  const zeroRow = Math.ceil((blocks * bits) / 8);
  const mask = (1 << bits) - 1;
  const code = (bytes: Uint8Array, start: number, index: number): number =>
    (bytes[start + ((index * bits) >> 3)]! >> ((index * bits) & 7)) & mask;
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const at = row * blocks + block;
      const zero =
        plainZeros?.[at] ?? (packedZeros === undefined ? 1 << (bits - 1) : code(packedZeros, row * zeroRow, block));
      const length = Math.min(size, columns - block * size);
      for (let i = 0; i < length; i++) {
        data[row * columns + block * size + i] = (code(packed, at * blobBytes, i) - zero) * scales[at]!;
      }
    }
  }
  return { rows, columns, inner: 1, data };
}
