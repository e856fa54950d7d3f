/**
 * Gram and cross-product accumulation in float64. Columns of X are samples: X is row-major [n, columns] with leading
 * dimension `ldx`. Blocks of 4 × 4 entries are kept in registers while the columns are walked, so each loaded value is
 * used four times; Float64Array inputs avoid a conversion per load.
 */

/**
 * G += X Xᵀ on the upper triangle (row ≤ column) of G, row-major n × n with leading dimension `ldg`. Entries below the
 * diagonal inside the 4 × 4 diagonal blocks may be written too; call {@link mirrorUpperTriangle} before reading them.
 */
export function accumulateGram(
  x: Float64Array,
  xOffset: number,
  n: number,
  columns: number,
  ldx: number,
  g: Float64Array,
  ldg: number,
): void {
  for (let i = 0; i < n; i += 4) {
    for (let j = i; j < n; j += 4) {
      accumulateBlock(x, xOffset + i * ldx, n - i, ldx, x, xOffset + j * ldx, n - j, ldx, columns, g, i * ldg + j, ldg);
    }
  }
}

/** C += Y Xᵀ with Y [m, columns] and X [n, columns]; C is row-major m × n with leading dimension `ldc`. */
export function accumulateCrossProduct(
  y: Float64Array,
  yOffset: number,
  m: number,
  ldy: number,
  x: Float64Array,
  xOffset: number,
  n: number,
  ldx: number,
  columns: number,
  c: Float64Array,
  cOffset: number,
  ldc: number,
): void {
  for (let i = 0; i < m; i += 4) {
    for (let j = 0; j < n; j += 4) {
      const at = cOffset + i * ldc + j;
      accumulateBlock(y, yOffset + i * ldy, m - i, ldy, x, xOffset + j * ldx, n - j, ldx, columns, c, at, ldc);
    }
  }
}

/** Copies the upper triangle onto the lower one. */
export function mirrorUpperTriangle(g: Float64Array, n: number, ldg: number): void {
  for (let i = 1; i < n; i++) {
    const row = i * ldg;
    for (let j = 0; j < i; j++) {
      g[row + j] = g[j * ldg + i]!;
    }
  }
}

/** Multiplies n × n entries by a factor (1 / N turns sums into means). */
export function scaleMatrix(g: Float64Array, rows: number, columns: number, ldg: number, factor: number): void {
  for (let i = 0; i < rows; i++) {
    const end = i * ldg + columns;
    for (let at = i * ldg; at < end; at++) {
      g[at]! *= factor;
    }
  }
}

/** One block of up to 4 × 4: out[r, s] += Σ_k a[r, k] · b[s, k]. */
function accumulateBlock(
  a: Float64Array,
  aOffset: number,
  aRows: number,
  lda: number,
  b: Float64Array,
  bOffset: number,
  bRows: number,
  ldb: number,
  columns: number,
  out: Float64Array,
  outOffset: number,
  ldo: number,
): void {
  if (aRows < 4 || bRows < 4) {
    const rows = aRows < 4 ? aRows : 4;
    const cols = bRows < 4 ? bRows : 4;
    for (let r = 0; r < rows; r++) {
      for (let s = 0; s < cols; s++) {
        let sum = 0;
        for (let k = 0, p = aOffset + r * lda, q = bOffset + s * ldb; k < columns; k++, p++, q++) {
          sum += a[p]! * b[q]!;
        }
        out[outOffset + r * ldo + s]! += sum;
      }
    }
    return;
  }
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  const lda2 = 2 * lda;
  const lda3 = 3 * lda;
  const ldb2 = 2 * ldb;
  const ldb3 = 3 * ldb;
  for (let k = 0, p = aOffset, q = bOffset; k < columns; k++, p++, q++) {
    const a0 = a[p]!;
    const a1 = a[p + lda]!;
    const a2 = a[p + lda2]!;
    const a3 = a[p + lda3]!;
    const b0 = b[q]!;
    const b1 = b[q + ldb]!;
    const b2 = b[q + ldb2]!;
    const b3 = b[q + ldb3]!;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  out[outOffset]! += s00;
  out[outOffset + 1]! += s01;
  out[outOffset + 2]! += s02;
  out[outOffset + 3]! += s03;
  const row1 = outOffset + ldo;
  out[row1]! += s10;
  out[row1 + 1]! += s11;
  out[row1 + 2]! += s12;
  out[row1 + 3]! += s13;
  const row2 = row1 + ldo;
  out[row2]! += s20;
  out[row2 + 1]! += s21;
  out[row2 + 2]! += s22;
  out[row2 + 3]! += s23;
  const row3 = row2 + ldo;
  out[row3]! += s30;
  out[row3 + 1]! += s31;
  out[row3 + 2]! += s32;
  out[row3 + 3]! += s33;
}
