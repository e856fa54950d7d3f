/**
 * Matrix of whole numbers below `modulus` from a 32-bit linear congruential generator, row by row: the published test
 * cases of N:M masks are written down by seed.
 */
export function lcgMatrix(rows: number, columns: number, seed: number, modulus: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: rows * columns }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 16) % modulus;
  });
}
