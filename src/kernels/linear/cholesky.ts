/**
 * Cholesky factorisation and the solves on it, float64, row-major n × n. Rows of L are walked along their length, four
 * rows against four rows at a time, so that every loaded value is used four times.
 */

/**
 * A = L Lᵀ in place: reads the lower triangle of `a` and writes L there. Entries above the diagonal are left as they are.
 * False when a pivot is not positive (A is not positive definite, or not finite); `a` is then spoilt.
 */
export function choleskyInto(a: Float64Array, n: number): boolean {
  const blocked = n - (n % 4);
  for (let i = 0; i < blocked; i += 4) {
    for (let j = 0; j < i; j += 4) {
      factorBlock(a, n, i, j);
    }
    for (let row = i; row < i + 4; row++) {
      if (!factorRow(a, n, row, i)) {
        return false;
      }
    }
  }
  for (let row = blocked; row < n; row++) {
    if (!factorRow(a, n, row, 0)) {
      return false;
    }
  }
  return true;
}

/** Solves L Lᵀ x = b in place, b being n values from `offset`. */
export function choleskySolve(l: Float64Array, n: number, b: Float64Array, offset = 0): void {
  solveLower(l, n, b, offset);
  solveLowerTransposed(l, n, b, offset);
}

/** L x = b in place. */
export function solveLower(l: Float64Array, n: number, b: Float64Array, offset = 0): void {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    let sum = b[offset + i]!;
    for (let k = 0; k < i; k++) {
      sum -= l[row + k]! * b[offset + k]!;
    }
    b[offset + i] = sum / l[row + i]!;
  }
}

/** Lᵀ x = b in place, by rows of L: the columns of Lᵀ. */
export function solveLowerTransposed(l: Float64Array, n: number, b: Float64Array, offset = 0): void {
  for (let i = n - 1; i >= 0; i--) {
    const row = i * n;
    const x = b[offset + i]! / l[row + i]!;
    b[offset + i] = x;
    for (let k = 0; k < i; k++) {
      b[offset + k]! -= l[row + k]! * x;
    }
  }
}

/** L⁻¹ in place of L. Entries above the diagonal become zero. */
export function invertLowerInto(l: Float64Array, n: number): void {
  const factors = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    const inverse = 1 / l[row + i]!;
    for (let k = 0; k < i; k++) {
      factors[k] = -l[row + k]! * inverse;
    }
    l.fill(0, row, row + n);
    // Row i of L⁻¹ is −(Σ_k L[i, k] · row k of L⁻¹) / L[i, i]: two finished rows at a time.
    let k = 0;
    for (; k + 1 < i; k += 2) {
      const f0 = factors[k]!;
      const f1 = factors[k + 1]!;
      const p = k * n;
      const q = p + n;
      for (let j = 0; j <= k + 1; j++) {
        l[row + j]! += f0 * l[p + j]! + f1 * l[q + j]!;
      }
    }
    if (k < i) {
      const f = factors[k]!;
      const p = k * n;
      for (let j = 0; j <= k; j++) {
        l[row + j]! += f * l[p + j]!;
      }
    }
    l[row + i] = inverse;
  }
}

/** Columns `from` to `row` of one row of L, the columns before being done. */
function factorRow(a: Float64Array, n: number, row: number, from: number): boolean {
  const p = row * n;
  for (let j = from; j < row; j++) {
    const q = j * n;
    let sum = a[p + j]!;
    for (let k = 0; k < j; k++) {
      sum -= a[p + k]! * a[q + k]!;
    }
    a[p + j] = sum / a[q + j]!;
  }
  let pivot = a[p + row]!;
  for (let k = 0; k < row; k++) {
    pivot -= a[p + k]! * a[p + k]!;
  }
  // Written so that NaN fails as well.
  if (!(pivot > 0) || pivot === Infinity) {
    return false;
  }
  a[p + row] = Math.sqrt(pivot);
  return true;
}

/** The 4 × 4 block of L at rows i.., columns j.. (j + 4 ≤ i). */
function factorBlock(a: Float64Array, n: number, i: number, j: number): void {
  const p0 = i * n;
  const p1 = p0 + n;
  const p2 = p1 + n;
  const p3 = p2 + n;
  const q0 = j * n;
  const q1 = q0 + n;
  const q2 = q1 + n;
  const q3 = q2 + n;
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
  for (let k = 0; k < j; k++) {
    const a0 = a[p0 + k]!;
    const a1 = a[p1 + k]!;
    const a2 = a[p2 + k]!;
    const a3 = a[p3 + k]!;
    const b0 = a[q0 + k]!;
    const b1 = a[q1 + k]!;
    const b2 = a[q2 + k]!;
    const b3 = a[q3 + k]!;
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
  finishRow(a, p0 + j, q0 + j, n, s00, s01, s02, s03);
  finishRow(a, p1 + j, q0 + j, n, s10, s11, s12, s13);
  finishRow(a, p2 + j, q0 + j, n, s20, s21, s22, s23);
  finishRow(a, p3 + j, q0 + j, n, s30, s31, s32, s33);
}

/** Four entries from `at`: what is left after the sums, solved with the 4 × 4 triangle of L at `diagonal`. */
function finishRow(
  a: Float64Array,
  at: number,
  diagonal: number,
  n: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): void {
  const d1 = diagonal + n;
  const d2 = d1 + n;
  const d3 = d2 + n;
  const x0 = (a[at]! - s0) / a[diagonal]!;
  const x1 = (a[at + 1]! - s1 - a[d1]! * x0) / a[d1 + 1]!;
  const x2 = (a[at + 2]! - s2 - a[d2]! * x0 - a[d2 + 1]! * x1) / a[d2 + 2]!;
  a[at] = x0;
  a[at + 1] = x1;
  a[at + 2] = x2;
  a[at + 3] = (a[at + 3]! - s3 - a[d3]! * x0 - a[d3 + 1]! * x1 - a[d3 + 2]! * x2) / a[d3 + 3]!;
}
