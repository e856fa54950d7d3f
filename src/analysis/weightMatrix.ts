import { product } from './constantChain';
import { evaluateChain } from './evaluateChain';
import { noWeightValues } from './errors';
import type { Layer } from './layer';

/**
 * A weight as a matrix of output channels × inputs per channel. The memory order of `Layer.weight.shape` is
 * [batch, first, second, inner]; the matrix is the same array, or (`swapped`) has `first` and `second` exchanged, so that
 * each row is contiguous.
 */
export interface MatrixLayout {
  /** Output channels over all groups and batches. */
  readonly rows: number;
  /** Elements of one dot product, kernel positions innermost: the order of `convColumnsInto`'s rows. */
  readonly columns: number;
  /** Sets of rows that see different inputs: convolution groups, or the batches of a stacked MatMul operand. */
  readonly rowGroups: number;
  /** Scales along `outAxis`: `rows` for most layers, fewer where groups or batches share them. Row r uses r % scales. */
  readonly scales: number;
  readonly batch: number;
  readonly first: number;
  readonly second: number;
  readonly inner: number;
  readonly swapped: boolean;
}

export interface WeightMatrix extends MatrixLayout {
  /** Row-major [rows, columns]. */
  readonly data: Float32Array;
}

export function matrixLayout(layer: Layer): MatrixLayout {
  const { shape, outAxis, inAxis } = layer.weight;
  switch (layer.kind) {
    case 'Conv':
    case 'ConvInteger':
    case 'QLinearConv': {
      const rows = shape[0]!;
      const columns = product(shape.slice(1));
      return contiguous(rows, columns, layer.groups, rows);
    }
    case 'ConvTranspose': {
      // [groups · Cin/g, Cout/g, kernel] → [groups, Cout/g, Cin/g, kernel]
      const first = shape[0]! / layer.groups;
      const second = shape[1]!;
      const inner = product(shape.slice(2));
      return {
        rows: layer.groups * second,
        columns: first * inner,
        rowGroups: layer.groups,
        scales: second,
        batch: layer.groups,
        first,
        second,
        inner,
        swapped: true,
      };
    }
    case 'MatMulNBits':
      throw noWeightValues(layer.name, 'packed blocks');
    case 'Gemm':
    case 'MatMul':
    case 'MatMulInteger':
    case 'QLinearMatMul':
    case 'Gather':
    case 'LSTM':
    case 'GRU':
    case 'RNN': {
      if (shape.length < 2) {
        return contiguous(1, shape[0] ?? 1, 1, 1);
      }
      const out = shape[outAxis]!;
      const summed = shape[inAxis]!;
      const batch = product(shape.slice(0, Math.min(outAxis, inAxis)));
      const rows = batch * out;
      return outAxis < inAxis
        ? contiguous(rows, summed, batch, out)
        : {
            rows,
            columns: summed,
            rowGroups: batch,
            scales: out,
            batch,
            first: summed,
            second: out,
            inner: 1,
            swapped: true,
          };
    }
  }
}

function contiguous(rows: number, columns: number, rowGroups: number, scales: number): MatrixLayout {
  return { rows, columns, rowGroups, scales, batch: 1, first: rows, second: 1, inner: columns, swapped: false };
}

/** The group (see `rowGroups`) a matrix row belongs to. Rows of a group are adjacent. */
export function rowGroupOf(layout: MatrixLayout, row: number): number {
  return Math.floor(row / (layout.rows / layout.rowGroups));
}

/** Values of the weight in the order of `layer.weight.shape`, dequantised where the chain does so. Loads them. */
export function readWeight(layer: Layer): Float32Array {
  if (layer.kind === 'MatMulNBits') {
    throw noWeightValues(layer.name, 'packed blocks');
  }
  return evaluateChain(layer.weight.tensor, layer.weight.steps);
}

/** Loads a weight as a matrix with one output channel per row. */
export function weightAsMatrix(layer: Layer): WeightMatrix {
  const layout = matrixLayout(layer);
  const values = readWeight(layer);
  return { ...layout, data: weightToMatrix(layout, values) };
}

/** From the order of `layer.weight.shape` to matrix order; the given array itself when nothing moves. */
export function weightToMatrix(layout: MatrixLayout, values: Float32Array): Float32Array {
  return layout.swapped ? swapMiddle(values, layout, false) : values;
}

/** Back from matrix order to the order of `layer.weight.shape`; the given array itself when nothing moves. */
export function matrixToWeight(layout: MatrixLayout, matrix: Float32Array): Float32Array {
  return layout.swapped ? swapMiddle(matrix, layout, true) : matrix;
}

/** {@link matrixToWeight} for integer codes. */
export function codesToWeight(layout: MatrixLayout, codes: Int32Array): Int32Array {
  if (!layout.swapped) {
    return codes;
  }
  const { batch, first, second, inner } = layout;
  const out = new Int32Array(codes.length);
  for (let b = 0; b < batch; b++) {
    const base = b * first * second * inner;
    for (let q = 0; q < second; q++) {
      for (let p = 0; p < first; p++) {
        const from = base + (q * first + p) * inner;
        const to = base + (p * second + q) * inner;
        for (let i = 0; i < inner; i++) {
          out[to + i] = codes[from + i]!;
        }
      }
    }
  }
  return out;
}

/** [batch, first, second, inner] ↔ [batch, second, first, inner]. */
function swapMiddle(src: Float32Array, layout: MatrixLayout, back: boolean): Float32Array {
  const { batch, inner } = layout;
  const first = back ? layout.second : layout.first;
  const second = back ? layout.first : layout.second;
  const out = new Float32Array(src.length);
  for (let b = 0; b < batch; b++) {
    const base = b * first * second * inner;
    for (let p = 0; p < first; p++) {
      for (let q = 0; q < second; q++) {
        const from = base + (p * second + q) * inner;
        const to = base + (q * first + p) * inner;
        for (let i = 0; i < inner; i++) {
          out[to + i] = src[from + i]!;
        }
      }
    }
  }
  return out;
}
