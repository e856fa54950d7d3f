const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * Step `step` (from 1) of Adam (Kingma and Ba, ICLR 2015, algorithm 1; β 0.9 and 0.999, ε 1e-8) on n parameters in place:
 * m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², x ← x − rate · m̂ / (√v̂ + ε) with m̂, v̂ corrected for their start at 0.
 */
export function adamInto(
  parameters: Float64Array,
  gradients: Float64Array,
  first: Float64Array,
  second: Float64Array,
  offset: number,
  n: number,
  rate: number,
  step: number,
): void {
  const firstCorrection = 1 / (1 - BETA1 ** step);
  const secondCorrection = 1 / (1 - BETA2 ** step);
  for (let i = offset, end = offset + n; i < end; i++) {
    const g = gradients[i]!;
    const m = BETA1 * first[i]! + (1 - BETA1) * g;
    const v = BETA2 * second[i]! + (1 - BETA2) * g * g;
    first[i] = m;
    second[i] = v;
    parameters[i]! -= (rate * m * firstCorrection) / (Math.sqrt(v * secondCorrection) + EPSILON);
  }
}
