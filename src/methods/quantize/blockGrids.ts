import type { Layer, MatrixLayout } from '../../analysis';
import { asymmetricGrid, roundHalfEven, symmetricGrid } from '../../kernels';

/** Thresholds below this part of the range, in per cent, are not tried. */
const SCAN_FROM = 40;

/** A grid as steps: value = scale · step, step = code − zero point between `low` and `high`. */
export interface BlockGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Elements of the reduction axis that share a scale, or why the layer keeps its scales per channel. Blocks are for the plain
 * matrices of MatMul and Gemm, where runtimes have kernels for them (com.microsoft.MatMulNBits); the standard stores any.
 */
export function blockSizeOf(layer: Layer, wanted: number | undefined): number | undefined {
  const { kind, tie, weight } = layer;
  const isMatrix = (kind === 'MatMul' || kind === 'Gemm') && weight.shape.length === 2;
  // A shared weight is written once for readers that may not agree on the axis of the blocks.
  return isMatrix && tie === undefined ? wanted : undefined;
}

/** Scales of one row. */
export function blocksOf(columns: number, blockSize: number): number {
  return Math.ceil(columns / blockSize);
}

/**
 * The grid of one block: from its extremes, or (`importance` or `scan`) at the threshold max|w| · k / 100 with the least
 * squared error of the weights, weighted by the power of their inputs where that is given.
 *
 * @param importance one per column of the row; index 0 belongs to element 0 of `values` less `rowOffset`
 */
export function blockGrid(
  values: ArrayLike<number>,
  rowOffset: number,
  from: number,
  to: number,
  options: {
    readonly bits: number;
    readonly symmetric: boolean;
    readonly scan: boolean;
    readonly importance?: ((column: number) => number) | undefined;
  },
): BlockGrid {
  let lo = 0;
  let hi = 0;
  for (let j = from; j < to; j++) {
    const x = values[rowOffset + j]!;
    lo = x < lo ? x : lo;
    hi = x > hi ? x : hi;
  }
  const at = (part: number): BlockGrid => {
    const grid = options.symmetric
      ? symmetricGrid(lo * part, hi * part, options.bits)
      : asymmetricGrid(lo * part, hi * part, options.bits);
    const { scale, zeroPoint, qmin, qmax } = grid;
    return { scale, zeroPoint, low: qmin - zeroPoint, high: qmax - zeroPoint };
  };
  let best = at(1);
  if (!options.scan || (lo === 0 && hi === 0)) {
    return best;
  }
  let bestError = Infinity;
  for (let k = 100; k >= SCAN_FROM; k--) {
    const grid = at(k / 100);
    let error = 0;
    for (let j = from; j < to && error < bestError; j++) {
      const x = values[rowOffset + j]!;
      const e = roundHalfEven(Math.min(grid.high, Math.max(grid.low, x / grid.scale))) * grid.scale - x;
      error += (options.importance?.(j) ?? 1) * e * e;
    }
    if (error < bestError) {
      best = grid;
      bestError = error;
    }
  }
  return best;
}

/**
 * From one parameter per row and block ([rows, blocks], matrix order) to the order of the stored tensor, whose shape is the
 * weight's with the blocked axis counted in blocks.
 */
export function parametersToWeight<T extends Float32Array | Int32Array>(layout: MatrixLayout, values: T): T {
  if (!layout.swapped) {
    return values;
  }
  const { rows } = layout;
  const blocks = values.length / rows;
  const out = values.slice() as T;
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++) {
      out[b * rows + row] = values[row * blocks + b]!;
    }
  }
  return out;
}

/** The output channel of a scale or zero point in stored order. */
export function rowOfParameter(layout: MatrixLayout, parameters: number, index: number): number {
  return layout.swapped ? index % layout.rows : Math.floor(index / (parameters / layout.rows));
}
