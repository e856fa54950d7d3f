import { roundHalfEven } from './rounding';

/**
 * A uniform quantiser: q = clip(rne(x / scale) + zeroPoint, qmin, qmax), x̂ = scale · (q − zeroPoint). `scale` is a
 * float32 value greater than zero, the rest are integers with qmin ≤ zeroPoint ≤ qmax.
 */
export interface QuantGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly qmin: number;
  readonly qmax: number;
}

export interface IntegerRange {
  readonly qmin: number;
  readonly qmax: number;
}

/** Smallest scale used, the smallest normal float32: below it a quotient loses bits, and 0 would divide by zero. */
const SMALLEST_SCALE = 2 ** -126;

/** [−2^(b−1), 2^(b−1) − 1], or symmetric without the lowest code when `narrow`. */
export function signedRange(bits: number, narrow = false): IntegerRange {
  const half = 2 ** (bits - 1);
  return { qmin: narrow ? 1 - half : -half, qmax: half - 1 };
}

/** [0, 2^b − 1]. */
export function unsignedRange(bits: number): IntegerRange {
  return { qmin: 0, qmax: 2 ** bits - 1 };
}

/**
 * Scale of the narrow symmetric grid: maxAbs / (2^(b−1) − 1), rounded to float32. A dead row (maxAbs 0, NaN or infinite)
 * gets 1, so that nothing divides by zero and its codes stay finite.
 */
export function symmetricScale(maxAbs: number, bits: number): number {
  return usableScale(maxAbs / (2 ** (bits - 1) - 1));
}

/**
 * Symmetric grid (zero point 0) that holds [lo, hi].
 *
 * - narrow: [−(2^(b−1) − 1), 2^(b−1) − 1] and scale max(|lo|, |hi|) / (2^(b−1) − 1);
 * - full: one more code below, which the negative side uses: scale max(−lo / 2^(b−1), hi / (2^(b−1) − 1)).
 */
export function symmetricGrid(lo: number, hi: number, bits: number, narrow = true): QuantGrid {
  const { qmin, qmax } = signedRange(bits, narrow);
  const scale = narrow ? Math.max(-lo, lo, -hi, hi) / qmax : Math.max(lo / qmin, hi / qmax, 0);
  return { scale: usableScale(scale), zeroPoint: 0, qmin, qmax };
}

/**
 * Asymmetric grid for [lo, hi] after widening it to hold 0, so that real zero (padding, ReLU) is a code:
 * scale = (hi − lo) / (2^b − 1), zero point = clip(rne(qmin − lo / scale)). Rounding the zero point shifts the range by
 * up to half a step; read the range back with {@link gridRange}.
 */
export function asymmetricGrid(lo: number, hi: number, bits: number, signed = false): QuantGrid {
  const { qmin, qmax } = signed ? signedRange(bits) : unsignedRange(bits);
  const low = Math.min(lo, 0);
  const high = Math.max(hi, 0);
  const scale = usableScale((high - low) / (qmax - qmin));
  const zeroPoint = Math.min(qmax, Math.max(qmin, roundHalfEven(qmin - low / scale)));
  return { scale, zeroPoint, qmin, qmax };
}

/** The real range a grid represents, after its zero point was rounded. */
export function gridRange(grid: QuantGrid): { readonly lo: number; readonly hi: number } {
  return { lo: grid.scale * (grid.qmin - grid.zeroPoint), hi: grid.scale * (grid.qmax - grid.zeroPoint) };
}

function usableScale(scale: number): number {
  const rounded = Math.fround(scale);
  if (!(rounded > 0) || rounded === Infinity) {
    return scale > 0 && scale < 1 ? SMALLEST_SCALE : 1;
  }
  return Math.max(rounded, SMALLEST_SCALE);
}
