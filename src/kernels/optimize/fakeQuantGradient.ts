/** See `roundHalfEven`. */
const SHIFTER = 6755399441055744;

/**
 * Straight-through gradients of fake quantisation with a learned range (Esser et al., "Learned Step Size Quantization",
 * ICLR 2020, section 2.1, in the parameters of Hubara et al., ICML 2021): scale s = range / levels, zero point
 * Z = clip(rne(−minimum / s), 0, levels), codes 0…levels. With D the gradient at the dequantised values, `in` = the value is
 * not clipped and v = code − Z:
 *
 * dL/dw = D · in; dL/drange = Σ D (in ? v − w / s : v − minimum / s) / levels; dL/dminimum = Σ D (1 − in). The terms with the
 * minimum vanish once Z itself is clipped.
 *
 * `weightGradient` is overwritten, `sums` = [dL/drange, dL/dminimum] is added to.
 */
export function rangeGradientsInto(
  values: Float64Array,
  offset: number,
  n: number,
  range: number,
  minimum: number,
  levels: number,
  upstream: Float64Array,
  upstreamOffset: number,
  weightGradient: Float64Array,
  gradientOffset: number,
  sums: Float64Array,
): void {
  const scale = range / levels;
  const exact = -minimum / scale + SHIFTER - SHIFTER;
  const zeroPoint = exact < 0 ? 0 : exact > levels ? levels : exact;
  const free = exact === zeroPoint;
  const low = -zeroPoint;
  const high = levels - zeroPoint;
  let forRange = 0;
  let forMinimum = 0;
  for (let i = 0; i < n; i++) {
    const d = upstream[upstreamOffset + i]!;
    const quotient = values[offset + i]! / scale;
    const inside = quotient >= low && quotient <= high;
    if (inside) {
      forRange += d * (quotient + SHIFTER - SHIFTER - quotient);
      weightGradient[gradientOffset + i] = d;
    } else {
      const v = quotient < low ? low : high;
      forRange += d * (free ? v - minimum / scale : v);
      forMinimum += free ? d : 0;
      weightGradient[gradientOffset + i] = 0;
    }
  }
  sums[0]! += forRange / levels;
  sums[1]! += forMinimum;
}

/**
 * The same for a learned scale on a fixed grid of v = code − zero point in [low, high]: dL/dw = D · in,
 * dL/ds = Σ D (v − in · w / s), which is returned.
 */
export function scaleGradientInto(
  values: Float64Array,
  offset: number,
  n: number,
  scale: number,
  low: number,
  high: number,
  upstream: Float64Array,
  upstreamOffset: number,
  weightGradient: Float64Array,
  gradientOffset: number,
): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const d = upstream[upstreamOffset + i]!;
    const quotient = values[offset + i]! / scale;
    if (quotient < low) {
      sum += d * low;
      weightGradient[gradientOffset + i] = 0;
    } else if (quotient > high) {
      sum += d * high;
      weightGradient[gradientOffset + i] = 0;
    } else {
      sum += d * (quotient + SHIFTER - SHIFTER - quotient);
      weightGradient[gradientOffset + i] = d;
    }
  }
  return sum;
}
