/**
 * out = x M for one row x and a row-major n × n matrix M. Rows of M are added four at a time; zeros of x cost nothing
 * when four of them meet.
 */
export function rowProductInto(
  x: Float64Array,
  xOffset: number,
  n: number,
  matrix: Float64Array,
  out: Float64Array,
  outOffset: number,
): void {
  out.fill(0, outOffset, outOffset + n);
  let i = 0;
  for (; i + 3 < n; i += 4) {
    const x0 = x[xOffset + i]!;
    const x1 = x[xOffset + i + 1]!;
    const x2 = x[xOffset + i + 2]!;
    const x3 = x[xOffset + i + 3]!;
    if (x0 === 0 && x1 === 0 && x2 === 0 && x3 === 0) {
      continue;
    }
    const p0 = i * n;
    const p1 = p0 + n;
    const p2 = p1 + n;
    const p3 = p2 + n;
    for (let j = 0; j < n; j++) {
      out[outOffset + j]! +=
        x0 * matrix[p0 + j]! + x1 * matrix[p1 + j]! + (x2 * matrix[p2 + j]! + x3 * matrix[p3 + j]!);
    }
  }
  for (; i < n; i++) {
    const xi = x[xOffset + i]!;
    if (xi !== 0) {
      addRow(xi, matrix, i * n, n, out, outOffset);
    }
  }
}

/** out += factor · one row of a matrix. */
export function addRow(
  factor: number,
  matrix: Float64Array,
  at: number,
  n: number,
  out: Float64Array,
  outOffset: number,
): void {
  let j = 0;
  for (; j + 3 < n; j += 4) {
    const o = outOffset + j;
    const m = at + j;
    out[o]! += factor * matrix[m]!;
    out[o + 1]! += factor * matrix[m + 1]!;
    out[o + 2]! += factor * matrix[m + 2]!;
    out[o + 3]! += factor * matrix[m + 3]!;
  }
  for (; j < n; j++) {
    out[outOffset + j]! += factor * matrix[at + j]!;
  }
}

/** Σ a_i b_i over n elements. */
export function dotProduct(a: Float64Array, aOffset: number, b: Float64Array, bOffset: number, n: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    const p = aOffset + i;
    const q = bOffset + i;
    s0 += a[p]! * b[q]!;
    s1 += a[p + 1]! * b[q + 1]!;
    s2 += a[p + 2]! * b[q + 2]!;
    s3 += a[p + 3]! * b[q + 3]!;
  }
  for (; i < n; i++) {
    s0 += a[aOffset + i]! * b[bOffset + i]!;
  }
  return s0 + s1 + (s2 + s3);
}

/** e G eᵀ of one row and a symmetric G, reading its upper triangle: two rows of G and two columns at a time. */
export function symmetricForm(e: Float64Array, offset: number, n: number, g: Float64Array): number {
  let sum = 0;
  let i = 0;
  for (; i + 1 < n; i += 2) {
    const row = i * n;
    const below = row + n;
    const x = e[offset + i]!;
    const y = e[offset + i + 1]!;
    let a0 = 0.5 * g[row + i]! * x + g[row + i + 1]! * y;
    let b0 = 0.5 * g[below + i + 1]! * y;
    let a1 = 0;
    let b1 = 0;
    let j = i + 2;
    for (; j + 1 < n; j += 2) {
      const p = e[offset + j]!;
      const q = e[offset + j + 1]!;
      a0 += g[row + j]! * p;
      a1 += g[row + j + 1]! * q;
      b0 += g[below + j]! * p;
      b1 += g[below + j + 1]! * q;
    }
    if (j < n) {
      a0 += g[row + j]! * e[offset + j]!;
      b0 += g[below + j]! * e[offset + j]!;
    }
    sum += x * (a0 + a1) + y * (b0 + b1);
  }
  if (i < n) {
    sum += 0.5 * g[i * n + i]! * e[offset + i]! * e[offset + i]!;
  }
  return 2 * sum;
}
