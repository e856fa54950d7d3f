/** 1.5 · 2^52: adding it pushes the fraction of |x| < 2^51 out of the significand, and the addition rounds half to even. */
const SHIFTER = 6755399441055744;

/**
 * Rounds to the nearest integer, ties to even, as ONNX and IEEE 754 do (`Math.round` rounds half up). NaN and the
 * infinities pass through; a result of zero is +0.
 */
export function roundHalfEven(x: number): number {
  // From 2^51 on the trick would lose bits; ties exist up to 2^52, where x · 0.5 still tells them apart.
  if (x < 2251799813685248 && x > -2251799813685248) {
    return x + SHIFTER - SHIFTER;
  }
  const floor = Math.floor(x);
  if (x - floor !== 0.5) {
    return Math.round(x);
  }
  return floor % 2 === 0 ? floor : floor + 1;
}
