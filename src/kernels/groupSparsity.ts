/** Columns counted side by side: their counts stay in the first-level cache while rows are read in memory order. */
const TILE = 512;
const counts = new Int32Array(TILE);
/** From this many interleaved groups on, walking memory in order beats walking one group after the other. */
const WIDE = 8;

/** Counts found by {@link countGroups}. */
let compliant = 0;
let excess = 0;

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
  countGroups(src, offset, outer, axis, inner, keep, group);
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
  countGroups(src, offset, outer, axis, inner, keep, group);
  return excess;
}

function countGroups(
  src: Float32Array,
  offset: number,
  outer: number,
  axis: number,
  inner: number,
  keep: number,
  group: number,
): void {
  compliant = 0;
  excess = 0;
  const slab = axis * inner;
  for (let o = 0; o < outer; o++) {
    const slabStart = offset + o * slab;
    for (let start = 0; start < axis; start += group) {
      const size = start + group <= axis ? group : axis - start;
      if (size <= keep) {
        compliant += inner;
      } else if (inner < WIDE) {
        countOneByOne(src, slabStart + start * inner, size, inner, keep);
      } else {
        countSideBySide(src, slabStart + start * inner, size, inner, keep);
      }
    }
  }
}

function countOneByOne(src: Float32Array, first: number, size: number, inner: number, keep: number): void {
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
    } else {
      excess += nonZeros - keep;
    }
  }
}

function countSideBySide(src: Float32Array, first: number, size: number, inner: number, keep: number): void {
  for (let tile = 0; tile < inner; tile += TILE) {
    const width = tile + TILE <= inner ? TILE : inner - tile;
    for (let c = 0; c < width; c++) {
      counts[c] = 0;
    }
    for (let row = 0; row < size; row++) {
      const at = first + row * inner + tile;
      for (let c = 0; c < width; c++) {
        if (src[at + c] !== 0) {
          counts[c]! += 1;
        }
      }
    }
    for (let c = 0; c < width; c++) {
      const nonZeros = counts[c]!;
      if (nonZeros <= keep) {
        compliant++;
      } else {
        excess += nonZeros - keep;
      }
    }
  }
}
