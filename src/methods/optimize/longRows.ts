/**
 * The costly steps of a fit on many long rows at a time, as products of matrices: row by row each of them walks over a whole
 * matrix of n² values that no cache holds, together most of their work is Gemm. Sums are those of the row-by-row forms in
 * another order.
 */
import { choleskyInto, dotProduct, LANES, roundHalfEven } from '../../kernels';
import type { InputMoments, MatrixProducts } from '../moments';
import { errorFrom, errorVector, targetFrom, type TargetRow } from './rowErrors';
import type { RowSet, SetSolution, StepGrid } from './rowSet';

/** Columns that are eliminated or rounded one by one before what they change is made up for by a product. */
const BLOCK = 128;
/** Rows of a product that is made at a time: bounds its result. */
const STRIP = 512;

/** A row's codes on one grid, with e G eᵀ. */
export type RoundedRow = SetSolution & { readonly error: number };

/**
 * `choleskyInto`, by blocks of columns. Reads the lower triangle of `a` and writes L there; what lies above is spoilt. False
 * when a pivot is not positive.
 */
export async function choleskyBy(products: MatrixProducts, a: Float64Array, n: number): Promise<boolean> {
  for (let k = 0; k < n; k += BLOCK) {
    const width = Math.min(BLOCK, n - k);
    const next = k + width;
    const corner = submatrix(a, n, k, k, width, width);
    if (!choleskyInto(corner, width)) {
      return false;
    }
    for (let i = 0; i < width; i++) {
      a.set(corner.subarray(i * width, i * width + i + 1), (k + i) * n + k);
    }
    const rest = n - next;
    const panel = submatrix(a, n, next, k, rest, width);
    for (let i = 0; i < rest; i++) {
      const at = i * width;
      for (let j = 0; j < width; j++) {
        const sum = dotProduct(panel, at, corner, j * width, j);
        panel[at + j] = (panel[at + j]! - sum) / corner[j * width + j]!;
      }
      a.set(panel.subarray(at, at + width), (next + i) * n + k);
    }
    for (let first = 0; first < rest; first += STRIP) {
      const end = Math.min(rest, first + STRIP);
      const strip = panel.subarray(first * width, end * width);
      const product = await products.product(strip, panel.subarray(0, end * width), end - first, end, width);
      for (let i = first; i < end; i++) {
        const to = (next + i) * n + next;
        const from = (i - first) * end;
        for (let j = 0; j <= i; j++) {
          a[to + j]! -= product[from + j]!;
        }
      }
    }
  }
  return true;
}

/**
 * `nearestPlaneInto` of many rows of one problem, each on grids of its own: blocks of places from the last to the first, what
 * the places behind a block add to its sums by a product.
 *
 * @param sets one row each
 * @returns for each row its solutions in the order of its grids
 */
export async function roundRows(
  products: MatrixProducts,
  { order, factor }: { readonly order: Int32Array; readonly factor: Float64Array },
  sets: readonly RowSet[],
  grids: readonly (readonly StepGrid[])[],
): Promise<RoundedRow[][]> {
  const n = order.length;
  const found: RoundedRow[][] = sets.map(() => []);
  const most = Math.max(0, ...grids.map(({ length }) => length));
  for (let first = 0; first < most; first += LANES) {
    const wanted = sets.flatMap((set, row) =>
      grids[row]!.slice(first, first + LANES).map((grid) => ({
        row,
        set,
        grid,
        steps: new Float64Array(n),
        /** e of the places, in their order. */
        e: new Float64Array(n),
        error: 0,
      })),
    );
    for (let end = n; end > 0; end -= BLOCK) {
      const begin = Math.max(0, end - BLOCK);
      const width = end - begin;
      const behind = n - end;
      let sums: Float64Array = new Float64Array(wanted.length * width);
      if (behind > 0) {
        const errors = new Float64Array(wanted.length * behind);
        wanted.forEach(({ e }, at) => errors.set(e.subarray(end), at * behind));
        sums = await products.product(
          errors,
          submatrix(factor, n, begin, end, width, behind),
          wanted.length,
          width,
          behind,
        );
      }
      wanted.forEach((lane, at) => roundPlaces(lane, order, factor, begin, end, sums, at * width));
    }
    for (const { row, grid, steps, error } of wanted) {
      found[row]!.push({ grid, steps, error });
    }
  }
  return found;
}

/** One row on one grid over the places from `end` − 1 down to `begin`; `sums` has what the places behind add. */
function roundPlaces(
  lane: { readonly set: RowSet; readonly grid: StepGrid; readonly steps: Float64Array; e: Float64Array; error: number },
  order: Int32Array,
  factor: Float64Array,
  begin: number,
  end: number,
  sums: Float64Array,
  sumsOffset: number,
): void {
  const { set, grid, steps, e } = lane;
  const { centre, mask } = set;
  const { scale, low, high } = grid;
  const n = order.length;
  for (let p = end - 1; p >= begin; p--) {
    const column = order[p]!;
    const pivot = factor[p * n + p]!;
    const value = centre[column]!;
    const sum = sums[sumsOffset + p - begin]! + dotProduct(factor, p * n + p + 1, e, p + 1, end - p - 1);
    let step = 0;
    if (mask === undefined || mask[column] !== 0) {
      const quotient = (value - sum / pivot) / scale;
      step = roundHalfEven(quotient > low ? (quotient < high ? quotient : high) : low);
    }
    const error = step * scale - value;
    const term = pivot * error + sum;
    steps[column] = step;
    e[p] = error;
    lane.error += term * term;
  }
}

/** x M of many rows and a symmetric M. */
export function symmetricProducts(
  products: MatrixProducts,
  rows: readonly Float64Array[],
  matrix: Float64Array,
  n: number,
): Promise<Float64Array> {
  return products.product(stacked(rows, n), matrix, rows.length, n, n);
}

/** x M of many rows and any M; the transposed matrix is kept as long as M is. */
export function rowProducts(
  products: MatrixProducts,
  rows: readonly Float64Array[],
  matrix: Float64Array,
  n: number,
): Promise<Float64Array> {
  let transposed = transposedMatrices.get(matrix);
  if (transposed === undefined) {
    transposed = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        transposed[j * n + i] = matrix[i * n + j]!;
      }
    }
    transposedMatrices.set(matrix, transposed);
  }
  return products.product(stacked(rows, n), transposed, rows.length, n, n);
}

const transposedMatrices = new WeakMap<Float64Array, Float64Array>();

/** `targetRow` of many rows. */
export async function targetRows(
  products: MatrixProducts,
  moments: InputMoments,
  rows: readonly { readonly weight: Float64Array; readonly bias: number }[],
): Promise<TargetRow[]> {
  const { size, power, cross, gram } = moments;
  const weights = rows.map(({ weight }) => weight);
  const powers = await symmetricProducts(products, weights, power, size);
  const crosses = cross === gram ? undefined : await rowProducts(products, weights, cross, size);
  return rows.map(({ weight, bias }, at) => {
    const square = dotProduct(powers, at * size, weight, 0, size);
    return targetFrom(moments, weight, bias, square, crosses?.slice(at * size, (at + 1) * size));
  });
}

/** `rowError` of many rows. */
export async function rowErrors(
  products: MatrixProducts,
  moments: InputMoments,
  rows: readonly { readonly target: TargetRow; readonly weight: Float64Array; readonly bias: number }[],
): Promise<number[]> {
  const { size, gram } = moments;
  const vectors = rows.map(({ target, weight }) => errorVector(target, weight));
  const walked = await symmetricProducts(products, vectors, gram, size);
  return rows.map(({ target, weight, bias }, at) => {
    const vector = vectors[at]!;
    return errorFrom(moments, target, weight, bias, vector, dotProduct(walked, at * size, vector, 0, size));
  });
}

function stacked(rows: readonly Float64Array[], n: number): Float64Array {
  const out = new Float64Array(rows.length * n);
  rows.forEach((row, at) => out.set(row, at * n));
  return out;
}

function submatrix(
  matrix: Float64Array,
  n: number,
  row: number,
  column: number,
  rows: number,
  columns: number,
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const from = (row + i) * n + column;
    out.set(matrix.subarray(from, from + columns), i * columns);
  }
  return out;
}
