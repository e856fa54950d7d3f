/**
 * Row-wise losses between network outputs. All logits are row-major [rows, classes]; sums are in float64. A row with a
 * NaN, or with +Infinity, has no softmax: its results are NaN, which callers report.
 */

/** log Σ exp(x) of one row, shifted by its maximum. −Infinity entries count as probability 0. */
export function logSumExp(x: Float32Array, offset: number, classes: number): number {
  let max = -Infinity;
  for (let i = 0; i < classes; i++) {
    const v = x[offset + i]!;
    if (v !== v) {
      return NaN;
    }
    if (v > max) {
      max = v;
    }
  }
  if (max === -Infinity) {
    return -Infinity;
  }
  let sum = 0;
  for (let i = 0; i < classes; i++) {
    sum += Math.exp(x[offset + i]! - max);
  }
  return max + Math.log(sum);
}

/** {@link logSumExp} of each row. */
export function logSumExpRowsInto(
  x: Float32Array,
  offset: number,
  rows: number,
  classes: number,
  out: Float64Array,
  outOffset: number,
): void {
  for (let r = 0; r < rows; r++) {
    out[outOffset + r] = logSumExp(x, offset + r * classes, classes);
  }
}

/** Softmax of each row, in float64. */
export function softmaxRowsInto(
  x: Float32Array,
  offset: number,
  rows: number,
  classes: number,
  out: Float64Array,
  outOffset: number,
): void {
  for (let r = 0; r < rows; r++) {
    const at = offset + r * classes;
    const to = outOffset + r * classes;
    const norm = logSumExp(x, at, classes);
    for (let i = 0; i < classes; i++) {
      out[to + i] = Math.exp(x[at + i]! - norm);
    }
  }
}

/**
 * KL(softmax(p) ‖ softmax(q)) of each row in nats: Σ P (log P − log Q). Terms with P = 0 count 0; P > 0 with Q = 0 gives
 * Infinity. Rounding below zero is cut off at 0.
 */
export function klDivergenceRowsInto(
  p: Float32Array,
  pOffset: number,
  q: Float32Array,
  qOffset: number,
  rows: number,
  classes: number,
  out: Float64Array,
  outOffset: number,
): void {
  for (let r = 0; r < rows; r++) {
    const pAt = pOffset + r * classes;
    const qAt = qOffset + r * classes;
    const pNorm = logSumExp(p, pAt, classes);
    const qNorm = logSumExp(q, qAt, classes);
    let sum = 0;
    for (let i = 0; i < classes; i++) {
      const logP = p[pAt + i]! - pNorm;
      const probability = Math.exp(logP);
      if (probability > 0) {
        sum += probability * (logP - (q[qAt + i]! - qNorm));
      } else if (probability !== 0 || qNorm !== qNorm) {
        sum = NaN;
      }
    }
    out[outOffset + r] = sum < 0 ? 0 : sum;
  }
}

/** Sum over rows of KL(softmax(p) ‖ softmax(q)), in nats. See {@link klDivergenceRowsInto}. */
export function klDivergenceSum(
  p: Float32Array,
  pOffset: number,
  q: Float32Array,
  qOffset: number,
  rows: number,
  classes: number,
): number {
  const row = new Float64Array(1);
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    klDivergenceRowsInto(p, pOffset + r * classes, q, qOffset + r * classes, 1, classes, row, 0);
    sum += row[0]!;
  }
  return sum;
}

/** Cross-entropy −log softmax(x)[label] of each row, in nats. Labels must lie in [0, classes). */
export function crossEntropyRowsInto(
  x: Float32Array,
  offset: number,
  rows: number,
  classes: number,
  labels: Int32Array,
  labelsOffset: number,
  out: Float64Array,
  outOffset: number,
): void {
  for (let r = 0; r < rows; r++) {
    const at = offset + r * classes;
    out[outOffset + r] = logSumExp(x, at, classes) - x[at + labels[labelsOffset + r]!]!;
  }
}

/** Sum over rows of the cross-entropy. See {@link crossEntropyRowsInto}. */
export function crossEntropySum(
  x: Float32Array,
  offset: number,
  rows: number,
  classes: number,
  labels: Int32Array,
  labelsOffset: number,
): number {
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    const at = offset + r * classes;
    sum += logSumExp(x, at, classes) - x[at + labels[labelsOffset + r]!]!;
  }
  return sum;
}

/**
 * Rows whose label is among the `k` largest entries. Ties are broken by index, the smaller first, as a stable sort and
 * NumPy's argmax do; a NaN ranks below everything, and a row whose labelled entry is NaN is a miss.
 */
export function countTopK(
  x: Float32Array,
  offset: number,
  rows: number,
  classes: number,
  labels: Int32Array,
  labelsOffset: number,
  k: number,
): number {
  let hits = 0;
  for (let r = 0; r < rows; r++) {
    const at = offset + r * classes;
    const label = labels[labelsOffset + r]!;
    const target = x[at + label]!;
    let ahead = 0;
    for (let i = 0; i < classes; i++) {
      const v = x[at + i]!;
      if (v > target || (v === target && i < label)) {
        ahead++;
      }
    }
    if (ahead < k && target === target) {
      hits++;
    }
  }
  return hits;
}
