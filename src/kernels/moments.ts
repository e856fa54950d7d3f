/** Running statistics of a stream of values. Updated in place by {@link accumulateMoments}. */
export interface Moments {
  /** Finite values seen. */
  count: number;
  mean: number;
  /** Sum of squared deviations from the mean. */
  m2: number;
  /** Of the finite values; +Infinity and −Infinity before the first. */
  min: number;
  max: number;
  /** Exact zeros of either sign. */
  zeros: number;
  nans: number;
  infinities: number;
}

export function createMoments(): Moments {
  return { count: 0, mean: 0, m2: 0, min: Infinity, max: -Infinity, zeros: 0, nans: 0, infinities: 0 };
}

/**
 * Adds a run of values. Each run is reduced in two passes (mean, then squared deviations) and merged by the formula of
 * Chan, Golub and LeVeque, so the result does not drift with the length of the stream. NaN and infinities are counted
 * and kept out of everything else.
 */
export function accumulateMoments(into: Moments, src: Float32Array, offset: number, length: number): void {
  const end = offset + length;
  let count = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  let zeros = 0;
  let nans = 0;
  for (let i = offset; i < end; i++) {
    const x = src[i]!;
    // x − x is 0 for finite values and NaN otherwise.
    if (x - x === 0) {
      count++;
      sum += x;
      if (x < min) {
        min = x;
      }
      if (x > max) {
        max = x;
      }
      if (x === 0) {
        zeros++;
      }
    } else if (x !== x) {
      nans++;
    }
  }
  into.nans += nans;
  into.infinities += length - count - nans;
  into.zeros += zeros;
  if (count === 0) {
    return;
  }
  const mean = sum / count;
  // Two sums, so that one addition need not wait for the other.
  let even = 0;
  let odd = 0;
  if (count === length) {
    let i = offset;
    for (const last = end - 1; i < last; i += 2) {
      const d = src[i]! - mean;
      const e = src[i + 1]! - mean;
      even += d * d;
      odd += e * e;
    }
    if (i < end) {
      even += (src[i]! - mean) ** 2;
    }
  } else {
    for (let i = offset; i < end; i++) {
      const x = src[i]!;
      if (x - x === 0) {
        even += (x - mean) * (x - mean);
      }
    }
  }
  const m2 = even + odd;
  const total = into.count + count;
  const delta = mean - into.mean;
  into.m2 += m2 + (delta * delta * into.count * count) / total;
  into.mean += (delta * count) / total;
  into.count = total;
  into.min = Math.min(into.min, min);
  into.max = Math.max(into.max, max);
}

/** Variance over the count (not count − 1); 0 before the first value. */
export function variance(moments: Moments): number {
  return moments.count === 0 ? 0 : moments.m2 / moments.count;
}
