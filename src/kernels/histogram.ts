/**
 * Adds a run of values to `counts.length` equal bins over [lo, hi]. The last bin includes hi; values outside and NaN are
 * left out. With lo = hi everything equal to lo goes to the first bin. Returns how many were counted.
 */
export function histogramInto(
  src: Float32Array,
  offset: number,
  length: number,
  lo: number,
  hi: number,
  counts: Float64Array,
): number {
  const bins = counts.length;
  const last = bins - 1;
  const perUnit = hi > lo ? bins / (hi - lo) : 0;
  let counted = 0;
  for (let i = offset, end = offset + length; i < end; i++) {
    const x = src[i]!;
    if (x >= lo && x <= hi) {
      const bin = Math.floor((x - lo) * perUnit);
      counts[bin < bins ? bin : last]! += 1;
      counted++;
    }
  }
  return counted;
}

/** Smallest and largest finite value into out[0] and out[1]; +Infinity and −Infinity when there is none. */
export function minMaxInto(src: Float32Array, offset: number, length: number, out: Float64Array): void {
  let min = Infinity;
  let max = -Infinity;
  for (let i = offset, end = offset + length; i < end; i++) {
    const x = src[i]!;
    if (x < min && x !== -Infinity) {
      min = x;
    }
    if (x > max && x !== Infinity) {
      max = x;
    }
  }
  out[0] = min;
  out[1] = max;
}

/** How many values are exactly zero (either sign). */
export function countZeros(src: Float32Array, offset: number, length: number): number {
  let zeros = 0;
  for (let i = offset, end = offset + length; i < end; i++) {
    if (src[i] === 0) {
      zeros++;
    }
  }
  return zeros;
}

/** How many values are NaN or infinite. */
export function countNonFinite(src: Float32Array, offset: number, length: number): number {
  let found = 0;
  for (let i = offset, end = offset + length; i < end; i++) {
    const x = src[i]!;
    if (x - x !== 0) {
      found++;
    }
  }
  return found;
}

/** The q-quantile (0…1) of ascending values, by linear interpolation between order statistics. NaN when empty. */
export function sortedQuantile(sorted: Float32Array | Float64Array, length: number, q: number): number {
  if (length === 0) {
    return NaN;
  }
  const position = Math.min(Math.max(q, 0), 1) * (length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  return below + 1 < length ? low + (position - below) * (sorted[below + 1]! - low) : low;
}
