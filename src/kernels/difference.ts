/** Σ x². */
export function sumOfSquares(x: Float32Array, offset: number, length: number): number {
  let sum = 0;
  for (let i = offset, end = offset + length; i < end; i++) {
    const v = x[i]!;
    sum += v * v;
  }
  return sum;
}

/** Σ (a − b)². */
export function squaredError(
  a: Float32Array,
  aOffset: number,
  b: Float32Array,
  bOffset: number,
  length: number,
): number {
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const d = a[aOffset + i]! - b[bOffset + i]!;
    sum += d * d;
  }
  return sum;
}

/** Largest |a − b|; NaN if either holds a NaN. Equal infinities differ by 0. */
export function maxAbsDifference(
  a: Float32Array,
  aOffset: number,
  b: Float32Array,
  bOffset: number,
  length: number,
): number {
  let max = 0;
  for (let i = 0; i < length; i++) {
    const x = a[aOffset + i]!;
    const y = b[bOffset + i]!;
    if (x === y) {
      continue;
    }
    const d = Math.abs(x - y);
    if (d !== d) {
      return NaN;
    }
    if (d > max) {
      max = d;
    }
  }
  return max;
}

/** Signal-to-noise ratio 10 · log₁₀(signal / noise) in dB; Infinity without noise (also for 0 / 0). */
export function decibels(signal: number, noise: number): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

/** SQNR = 10 · log₁₀(Σ x² / Σ (x − x̂)²) in dB. */
export function sqnr(
  x: Float32Array,
  xOffset: number,
  approximation: Float32Array,
  offset: number,
  length: number,
): number {
  return decibels(sumOfSquares(x, xOffset, length), squaredError(x, xOffset, approximation, offset, length));
}

/** Cosine of the angle between two runs; 1 when both are zero, 0 when one is. */
export function cosineSimilarity(
  a: Float32Array,
  aOffset: number,
  b: Float32Array,
  bOffset: number,
  length: number,
): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < length; i++) {
    const x = a[aOffset + i]!;
    const y = b[bOffset + i]!;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa === 0 || bb === 0) {
    return aa === bb ? 1 : 0;
  }
  return dot / Math.sqrt(aa * bb);
}
