/**
 * 64 draws with Laplace tails from a linear congruential generator: s ← 1664525 s + 1013904223 mod 2³², v = 2 s / 2³² − 1,
 * x = sign(v) · −ln(1 − |v|), seed 7.
 */
export function laplaceDraws(): Float32Array {
  let state = 7;
  return Float32Array.from({ length: 64 }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    const v = (2 * state) / 4294967296 - 1;
    return Math.sign(v) * -Math.log(1 - Math.abs(v));
  });
}
