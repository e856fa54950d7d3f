/**
 * Counts groups that comply with an N:M pattern. The array is row-major [outer, axis, inner] and groups of `group`
 * consecutive indices run along the middle axis, `inner` elements apart; a shorter tail counts as filled up with zeros.
 * A group complies when at most `keep` of its elements are non-zero (NaN is non-zero).
 *
 * Groups in all: outer · inner · ceil(axis / group).
 */
export function countCompliantGroups(
  src: Float32Array,
  offset: number,
  outer: number,
  axis: number,
  inner: number,
  keep: number,
  group: number,
): number {
  let compliant = 0;
  const slab = axis * inner;
  for (let o = 0; o < outer; o++) {
    const slabStart = offset + o * slab;
    for (let start = 0; start < axis; start += group) {
      const size = start + group <= axis ? group : axis - start;
      if (size <= keep) {
        compliant += inner;
        continue;
      }
      const first = slabStart + start * inner;
      const span = size * inner;
      for (let i = 0; i < inner; i++) {
        let nonZeros = 0;
        for (let at = first + i, end = first + i + span; at < end; at += inner) {
          if (src[at] !== 0) {
            nonZeros++;
          }
        }
        if (nonZeros <= keep) {
          compliant++;
        }
      }
    }
  }
  return compliant;
}

/** Non-zeros that an N:M mask along the same groups would drop: the sum over groups of max(0, non-zeros − keep). */
export function countExcessNonZeros(
  src: Float32Array,
  offset: number,
  outer: number,
  axis: number,
  inner: number,
  keep: number,
  group: number,
): number {
  let excess = 0;
  const slab = axis * inner;
  for (let o = 0; o < outer; o++) {
    const slabStart = offset + o * slab;
    for (let start = 0; start < axis; start += group) {
      const size = start + group <= axis ? group : axis - start;
      const first = slabStart + start * inner;
      const span = size * inner;
      for (let i = 0; i < inner; i++) {
        let nonZeros = 0;
        for (let at = first + i, end = first + i + span; at < end; at += inner) {
          if (src[at] !== 0) {
            nonZeros++;
          }
        }
        if (nonZeros > keep) {
          excess += nonZeros - keep;
        }
      }
    }
  }
  return excess;
}
