import type { ScanResult } from './rangeScan';

/** See `roundHalfEven`. */
const SHIFTER = 6755399441055744;

/**
 * Per-row scale with the least error of the layer's *output*: with u the quantised row, G = X Xᵀ / N the Gram matrix of
 * the layer's input columns and c = y Xᵀ / N, minimises u G uᵀ − 2 c uᵀ. With e = u − w and r₀ = w G − c this equals
 * e G eᵀ + 2 e r₀ᵀ plus a constant, the numerically safe form used here; when y = w X (weights alone are quantised),
 * r₀ = 0. (Hubara et al., "Accurate Post Training Quantization With Small Calibration Sets", ICML 2021, objective (1),
 * as a quadratic form.)
 *
 * Candidates are max|w| · k / 100 for k = from…100 in steps of `step`, then every k within a step of the best. Four
 * candidates share one walk over G. Cost: candidates · n² / 2 multiply-adds.
 *
 * @param g row-major n × n with leading dimension `ldg`; only the upper triangle is read
 * @param residual r₀ at `residualOffset`, or undefined for 0
 * @param scratch at least 4 · n elements, overwritten
 * @param low floor of codes (qmin − zero point), `high` likewise
 */
export function scanOutputErrorScale(
  weights: Float32Array,
  offset: number,
  n: number,
  g: Float64Array,
  ldg: number,
  residual: Float64Array | undefined,
  residualOffset: number,
  low: number,
  high: number,
  scratch: Float64Array,
  from = 50,
  step = 1,
): ScanResult {
  let max = 0;
  for (let i = 0; i < n; i++) {
    const w = weights[offset + i]!;
    const a = w < 0 ? -w : w;
    if (a > max) {
      max = a;
    }
  }
  if (!(max > 0) || max === Infinity) {
    return { percent: 100, scale: 1, error: 0 };
  }
  const errors = new Float64Array(4);
  let best = 100;
  let bestError = Infinity;
  // 0 stands for "no candidate" in the last, partly filled four.
  const scaleOf = (k: number): number => Math.fround((max * k) / 100 / high);
  const tryFour = (a: number, b: number, c: number, d: number): void => {
    const candidates = [a, b, c, d];
    for (let lane = 0; lane < 4; lane++) {
      const k = candidates[lane]!;
      roundingErrorInto(weights, offset, n, k === 0 ? 0 : scaleOf(k), low, high, scratch, lane * n);
    }
    quadraticFormsOfFour(scratch, n, g, ldg, errors);
    for (let lane = 0; lane < 4; lane++) {
      const k = candidates[lane]!;
      if (k === 0) {
        continue;
      }
      let error = errors[lane]!;
      if (residual !== undefined) {
        for (let i = 0, at = lane * n; i < n; i++, at++) {
          error += 2 * scratch[at]! * residual[residualOffset + i]!;
        }
      }
      if (error < bestError) {
        bestError = error;
        best = k;
      }
    }
  };
  const tryAll = (list: readonly number[]): void => {
    for (let i = 0; i < list.length; i += 4) {
      tryFour(list[i]!, list[i + 1] ?? 0, list[i + 2] ?? 0, list[i + 3] ?? 0);
    }
  };
  const coarse: number[] = [];
  for (let k = 100; k >= from; k -= step) {
    coarse.push(k);
  }
  tryAll(coarse);
  if (step > 1) {
    const fine: number[] = [];
    for (let k = Math.min(100, best + step - 1); k > best - step && k >= from; k--) {
      if (k !== best) {
        fine.push(k);
      }
    }
    tryAll(fine);
  }
  return { percent: best, scale: scaleOf(best), error: bestError };
}

/** e = Q(w) − w on the symmetric grid; zeros when the scale is 0. */
function roundingErrorInto(
  weights: Float32Array,
  offset: number,
  n: number,
  scale: number,
  low: number,
  high: number,
  out: Float64Array,
  outOffset: number,
): void {
  if (!(scale > 0)) {
    out.fill(0, outOffset, outOffset + n);
    return;
  }
  for (let i = 0; i < n; i++) {
    const w = weights[offset + i]!;
    const quotient = Math.fround(w / scale);
    const clipped = quotient > low ? (quotient < high ? quotient : high) : low;
    out[outOffset + i] = (clipped + SHIFTER - SHIFTER) * scale - w;
  }
}

/**
 * e G eᵀ for four vectors lying one after another, reading the upper triangle of a symmetric G once. Two rows of G are
 * walked together, so that each element of e that is loaded serves twice.
 */
function quadraticFormsOfFour(e: Float64Array, n: number, g: Float64Array, ldg: number, out: Float64Array): void {
  const at1 = n;
  const at2 = 2 * n;
  const at3 = 3 * n;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 1 < n; i += 2) {
    const row = i * ldg;
    const below = row + ldg;
    const half = 0.5 * g[row + i]!;
    const beside = g[row + i + 1]!;
    const halfBelow = 0.5 * g[below + i + 1]!;
    let a0 = half * e[i]! + beside * e[i + 1]!;
    let a1 = half * e[at1 + i]! + beside * e[at1 + i + 1]!;
    let a2 = half * e[at2 + i]! + beside * e[at2 + i + 1]!;
    let a3 = half * e[at3 + i]! + beside * e[at3 + i + 1]!;
    let b0 = halfBelow * e[i + 1]!;
    let b1 = halfBelow * e[at1 + i + 1]!;
    let b2 = halfBelow * e[at2 + i + 1]!;
    let b3 = halfBelow * e[at3 + i + 1]!;
    for (let j = i + 2; j < n; j++) {
      const v = g[row + j]!;
      const w = g[below + j]!;
      const e0 = e[j]!;
      const e1 = e[at1 + j]!;
      const e2 = e[at2 + j]!;
      const e3 = e[at3 + j]!;
      a0 += v * e0;
      a1 += v * e1;
      a2 += v * e2;
      a3 += v * e3;
      b0 += w * e0;
      b1 += w * e1;
      b2 += w * e2;
      b3 += w * e3;
    }
    s0 += e[i]! * a0 + e[i + 1]! * b0;
    s1 += e[at1 + i]! * a1 + e[at1 + i + 1]! * b1;
    s2 += e[at2 + i]! * a2 + e[at2 + i + 1]! * b2;
    s3 += e[at3 + i]! * a3 + e[at3 + i + 1]! * b3;
  }
  if (i < n) {
    const half = 0.5 * g[i * ldg + i]!;
    s0 += half * e[i]! * e[i]!;
    s1 += half * e[at1 + i]! * e[at1 + i]!;
    s2 += half * e[at2 + i]! * e[at2 + i]!;
    s3 += half * e[at3 + i]! * e[at3 + i]!;
  }
  out[0] = 2 * s0;
  out[1] = 2 * s1;
  out[2] = 2 * s2;
  out[3] = 2 * s3;
}

/** e G eᵀ of one vector, reading the upper triangle of a symmetric G. */
export function quadraticForm(e: Float64Array, offset: number, n: number, g: Float64Array, ldg: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const row = i * ldg;
    let dot = 0.5 * g[row + i]! * e[offset + i]!;
    for (let j = i + 1; j < n; j++) {
      dot += g[row + j]! * e[offset + j]!;
    }
    sum += e[offset + i]! * dot;
  }
  return 2 * sum;
}
