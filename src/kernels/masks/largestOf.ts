/**
 * The set of the `keep` largest among `size` values from `start` on, `step` apart, as bits (bit j = j-th value).
 * Equal values go to the smaller index. Everything when size ≤ keep. Needs size ≤ 32.
 *
 * Counts for each value how many precede it: quadratic, but without a branch that depends on the data.
 */
export function largestOf(values: Float64Array, start: number, step: number, size: number, keep: number): number {
  if (size <= keep) {
    return size === 32 ? -1 : (1 << size) - 1;
  }
  let set = 0;
  const end = start + size * step;
  for (let j = 0, at = start; j < size; j++, at += step) {
    const value = values[at]!;
    let before = 0;
    for (let other = start; other < at; other += step) {
      before += values[other]! >= value ? 1 : 0;
    }
    for (let other = at + step; other < end; other += step) {
      before += values[other]! > value ? 1 : 0;
    }
    if (before < keep) {
      set |= 1 << j;
    }
  }
  return set;
}
