/** See `roundHalfEven`. */
const SHIFTER = 6755399441055744;

/** Grids rounded to side by side: each walk over the factor serves all of them. */
export const LANES = 4;

/**
 * GPTQ rounding of one row (Frantar et al., "GPTQ", ICLR 2023, section 3) on four grids at a time: columns are rounded
 * one after another, and what rounding lost moves into the columns not yet rounded, in the proportions that keep
 * e G eᵀ least, e = ŵ − u. Written on a factor of G instead of its inverse, the form of Babai's nearest plane: with
 * G = L Lᵀ, e G eᵀ = Σ_p (Σ_{i ≥ p} L[i, p] e_i)², so that going from the last column to the first each term is made as
 * small as the grid allows.
 *
 * @param u what is rounded: the row (or the unconstrained least-squares solution), in its own order
 * @param order order[p] is the column at place p; place n − 1 is rounded first
 * @param factor Lᵀ of G in that order: row-major n × n, entries (p, i), i ≥ p, are read
 * @param scales one per lane; `lows` and `highs` are the ends of the grid as code − zero point
 * @param mask 1 = kept; columns with 0 become 0. Undefined: all kept
 * @param steps out, LANES × n: code − zero point
 * @param errors out, one per lane: e G eᵀ
 * @param scratch LANES × n, overwritten
 */
export function nearestPlaneInto(
  u: Float64Array,
  uOffset: number,
  n: number,
  order: Int32Array,
  factor: Float64Array,
  scales: Float64Array,
  lows: Float64Array,
  highs: Float64Array,
  mask: Uint8Array | undefined,
  maskOffset: number,
  steps: Float64Array,
  errors: Float64Array,
  scratch: Float64Array,
): void {
  const at1 = n;
  const at2 = 2 * n;
  const at3 = 3 * n;
  errors.fill(0);
  for (let p = n - 1; p >= 0; p--) {
    const row = p * n;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let b0 = 0;
    let b1 = 0;
    let b2 = 0;
    let b3 = 0;
    let i = p + 1;
    for (; i + 1 < n; i += 2) {
      const f = factor[row + i]!;
      const g = factor[row + i + 1]!;
      a0 += f * scratch[i]!;
      a1 += f * scratch[at1 + i]!;
      a2 += f * scratch[at2 + i]!;
      a3 += f * scratch[at3 + i]!;
      b0 += g * scratch[i + 1]!;
      b1 += g * scratch[at1 + i + 1]!;
      b2 += g * scratch[at2 + i + 1]!;
      b3 += g * scratch[at3 + i + 1]!;
    }
    if (i < n) {
      const f = factor[row + i]!;
      a0 += f * scratch[i]!;
      a1 += f * scratch[at1 + i]!;
      a2 += f * scratch[at2 + i]!;
      a3 += f * scratch[at3 + i]!;
    }
    const column = order[p]!;
    const pivot = factor[row + p]!;
    const value = u[uOffset + column]!;
    const kept = mask === undefined || mask[maskOffset + column]! !== 0;
    for (let lane = 0; lane < LANES; lane++) {
      const sum = lane === 0 ? a0 + b0 : lane === 1 ? a1 + b1 : lane === 2 ? a2 + b2 : a3 + b3;
      let step = 0;
      if (kept) {
        const quotient = (value - sum / pivot) / scales[lane]!;
        const low = lows[lane]!;
        const high = highs[lane]!;
        step = (quotient > low ? (quotient < high ? quotient : high) : low) + SHIFTER - SHIFTER;
      }
      const e = step * scales[lane]! - value;
      const term = pivot * e + sum;
      steps[lane * n + column] = step;
      scratch[lane * n + p] = e;
      errors[lane]! += term * term;
    }
  }
}
