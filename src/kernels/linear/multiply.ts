import { accumulateCrossProduct } from '../gram';

/** Bᵀ of a row-major rows × columns matrix. */
export function transpose(b: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      out[j * rows + i] = b[i * columns + j]!;
    }
  }
  return out;
}

/** C = A B with B given transposed: A [m, k], `bt` [n, k], C [m, n], all row-major. Overwrites C. */
export function multiplyTransposedInto(
  a: Float64Array,
  bt: Float64Array,
  m: number,
  k: number,
  n: number,
  c: Float64Array,
): void {
  c.fill(0, 0, m * n);
  // Rows of B by panels that stay in the cache while all rows of A pass by.
  const panel = Math.max(4, Math.floor(32768 / Math.max(1, k)) & ~3);
  for (let j = 0; j < n; j += panel) {
    accumulateCrossProduct(a, 0, m, k, bt, j * k, Math.min(panel, n - j), k, k, c, j, n);
  }
}

/** y = A x for a row-major rows × columns matrix. */
export function multiplyVectorInto(
  a: Float64Array,
  x: Float64Array,
  rows: number,
  columns: number,
  y: Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    y[i] = dot(a, i * columns, x, 0, columns);
  }
}

/** Σ a[aOffset + k] · b[bOffset + k]. */
export function dot(a: Float64Array, aOffset: number, b: Float64Array, bOffset: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += a[aOffset + k]! * b[bOffset + k]!;
    s1 += a[aOffset + k + 1]! * b[bOffset + k + 1]!;
    s2 += a[aOffset + k + 2]! * b[bOffset + k + 2]!;
    s3 += a[aOffset + k + 3]! * b[bOffset + k + 3]!;
  }
  for (; k < length; k++) {
    s0 += a[aOffset + k]! * b[bOffset + k]!;
  }
  return s0 + s1 + (s2 + s3);
}
