/** See `roundHalfEven`. */
const SHIFTER = 6755399441055744;
/** Elements between two checks whether a candidate is already worse than the best. */
const CHECK = 256;

/** The winner of a scan over clipping thresholds. */
export interface ScanResult {
  /** Threshold in per cent of the full range, 1…100. */
  readonly percent: number;
  /** Scale at that threshold, a float32 value. */
  readonly scale: number;
  /** Sum (not mean) of the error at that scale. */
  readonly error: number;
}

/** Largest |x|, ignoring NaN. */
export function maxAbs(src: Float32Array, offset: number, length: number): number {
  let max = 0;
  for (let i = offset, end = offset + length; i < end; i++) {
    const x = src[i]!;
    const a = x < 0 ? -x : x;
    if (a > max) {
      max = a;
    }
  }
  return max;
}

/**
 * Sum of |x − Q(x)|^p on one run for a grid with integer zero point, with the rounding of `fakeQuantizeInto`. Gives up
 * (returning a number above `limit`) once the sum passes `limit`.
 */
export function quantizationError(
  src: Float32Array,
  offset: number,
  length: number,
  scaleF32: number,
  zeroPoint: number,
  qmin: number,
  qmax: number,
  p = 2,
  limit = Infinity,
): number {
  const scale = Math.fround(scaleF32);
  const low = qmin - zeroPoint;
  const high = qmax - zeroPoint;
  const end = offset + length;
  let sum = 0;
  for (let start = offset; start < end && sum <= limit; start += CHECK) {
    const stop = start + CHECK < end ? start + CHECK : end;
    if (p === 2) {
      for (let i = start; i < stop; i++) {
        const x = src[i]!;
        const quotient = Math.fround(x / scale);
        const clipped = quotient > low ? (quotient < high ? quotient : high) : low;
        const error = x - (clipped + SHIFTER - SHIFTER) * scale;
        sum += error * error;
      }
    } else {
      for (let i = start; i < stop; i++) {
        const x = src[i]!;
        const quotient = Math.fround(x / scale);
        const clipped = quotient > low ? (quotient < high ? quotient : high) : low;
        sum += Math.abs(x - (clipped + SHIFTER - SHIFTER) * scale) ** p;
      }
    }
  }
  return sum;
}

/**
 * Symmetric scale with the least sum |x − Q(x)|^p over thresholds max|x| · k / 100, k = from…100. The error is not
 * unimodal in k, so every k is tried; a candidate is dropped as soon as its partial sum passes the best. Cost: at most
 * (101 − from) · length quotients. The scale of 100 % is max|x| / qmax, so a full grid keeps its extra code unused at
 * the positive side. A run of zeros answers with scale 1 and error 0.
 */
export function scanSymmetricScale(
  src: Float32Array,
  offset: number,
  length: number,
  qmin: number,
  qmax: number,
  p = 2,
  from = 1,
): ScanResult {
  const max = maxAbs(src, offset, length);
  if (!(max > 0) || max === Infinity) {
    return { percent: 100, scale: 1, error: quantizationError(src, offset, length, 1, 0, qmin, qmax, p) };
  }
  let best = 100;
  let bestScale = 1;
  let bestError = Infinity;
  for (let k = 100; k >= from; k--) {
    const scale = Math.fround((max * k) / 100 / qmax);
    if (!(scale > 0)) {
      break;
    }
    const error = quantizationError(src, offset, length, scale, 0, qmin, qmax, p, bestError);
    if (error < bestError) {
      best = k;
      bestScale = scale;
      bestError = error;
    }
  }
  return { percent: best, scale: bestScale, error: bestError };
}

/**
 * Asymmetric counterpart of {@link scanSymmetricScale}: both ends of [lo, hi] (widened to hold 0) shrink together and
 * the zero point is rounded anew for each threshold.
 */
export function scanAsymmetricScale(
  src: Float32Array,
  offset: number,
  length: number,
  lo: number,
  hi: number,
  qmin: number,
  qmax: number,
  p = 2,
  from = 1,
): ScanResult & { readonly zeroPoint: number } {
  const low = lo < 0 ? lo : 0;
  const high = hi > 0 ? hi : 0;
  let best = 100;
  let bestScale = 1;
  let bestZeroPoint = qmin > 0 ? qmin : qmax < 0 ? qmax : 0;
  let bestError = Infinity;
  for (let k = 100; k >= from; k--) {
    const scale = Math.fround(((high - low) * k) / 100 / (qmax - qmin));
    if (!(scale > 0) || scale === Infinity) {
      break;
    }
    const exact = qmin - (low * k) / 100 / scale;
    const rounded = exact + SHIFTER - SHIFTER;
    const zeroPoint = rounded < qmin ? qmin : rounded > qmax ? qmax : rounded;
    const error = quantizationError(src, offset, length, scale, zeroPoint, qmin, qmax, p, bestError);
    if (error < bestError) {
      best = k;
      bestScale = scale;
      bestZeroPoint = zeroPoint;
      bestError = error;
    }
  }
  if (bestError === Infinity) {
    bestError = quantizationError(src, offset, length, bestScale, bestZeroPoint, qmin, qmax, p);
  }
  return { percent: best, scale: bestScale, error: bestError, zeroPoint: bestZeroPoint };
}

/**
 * Sum over histogram bins of count · |centre − Q(centre)|^p: what {@link quantizationError} would give on the values
 * behind the histogram, up to the width of a bin. Bin i covers lo + width · [i, i + 1).
 */
export function histogramQuantizationError(
  counts: Float64Array,
  lo: number,
  width: number,
  scale: number,
  zeroPoint: number,
  qmin: number,
  qmax: number,
  p = 2,
  limit = Infinity,
): number {
  const low = qmin - zeroPoint;
  const high = qmax - zeroPoint;
  let sum = 0;
  for (let i = 0; i < counts.length && sum <= limit; i++) {
    const count = counts[i]!;
    if (count > 0) {
      const x = lo + width * (i + 0.5);
      const quotient = x / scale;
      const clipped = quotient > low ? (quotient < high ? quotient : high) : low;
      const error = x - (clipped + SHIFTER - SHIFTER) * scale;
      sum += count * (p === 2 ? error * error : Math.abs(error) ** p);
    }
  }
  return sum;
}
