/** See `roundHalfEven`. */
const SHIFTER = 6755399441055744;

/** Grids of the columns of one row: the scale of each column, and the ends of its grid as code − zero point. */
export interface ColumnGrids {
  readonly scales: Float64Array;
  readonly lows: Float64Array;
  readonly highs: Float64Array;
}

/**
 * GPTQ rounding of one row whose columns have scales of their own, in the form of Babai's nearest plane (see
 * `nearestPlaneInto`). Returns e G eᵀ.
 *
 * @param factor Lᵀ of G in the order `order`, row-major n × n, entries (p, i), i ≥ p, are read
 * @param steps out, n at `stepsOffset`: code − zero point
 * @param scratch n, overwritten
 */
export function nearestPlaneBlocked(
  u: Float64Array,
  n: number,
  order: Int32Array,
  factor: Float64Array,
  { scales, lows, highs }: ColumnGrids,
  mask: Uint8Array | undefined,
  maskOffset: number,
  steps: Float64Array,
  scratch: Float64Array,
): number {
  let error = 0;
  for (let p = n - 1; p >= 0; p--) {
    const row = p * n;
    let sum = 0;
    for (let i = p + 1; i < n; i++) {
      sum += factor[row + i]! * scratch[i]!;
    }
    const column = order[p]!;
    const pivot = factor[row + p]!;
    const value = u[column]!;
    let step = 0;
    if (mask === undefined || mask[maskOffset + column]! !== 0) {
      const quotient = (value - sum / pivot) / scales[column]!;
      step = Math.min(highs[column]!, Math.max(lows[column]!, quotient)) + SHIFTER - SHIFTER;
    }
    const e = step * scales[column]! - value;
    const term = pivot * e + sum;
    steps[column] = step;
    scratch[p] = e;
    error += term * term;
  }
  return error;
}

/**
 * One sweep of coordinate descent over the codes of a row whose columns have scales of their own: each code moves to where
 * ŵ G ŵᵀ − 2 c ŵᵀ, ŵ_j = s_j · step_j, is least with the others fixed. Returns the number of codes that moved.
 *
 * @param product ŵ G, kept up to date
 */
export function descendBlocked(
  steps: Float64Array,
  n: number,
  { scales, lows, highs }: ColumnGrids,
  gram: Float64Array,
  c: Float64Array,
  product: Float64Array,
  mask: Uint8Array | undefined,
  maskOffset: number,
): number {
  let moves = 0;
  for (let j = 0; j < n; j++) {
    if (mask !== undefined && mask[maskOffset + j]! === 0) {
      continue;
    }
    const scale = scales[j]!;
    const diagonal = gram[j * n + j]!;
    const gradient = product[j]! - c[j]!;
    const wanted = steps[j]! - gradient / (scale * diagonal);
    const step = Math.min(highs[j]!, Math.max(lows[j]!, wanted)) + SHIFTER - SHIFTER;
    const delta = step - steps[j]!;
    // Less by a share of its terms that rounding cannot account for: ties do not move back and forth.
    if (delta !== 0 && 2 * gradient * delta < -(1 + 1e-12) * scale * diagonal * delta * delta) {
      const length = delta * scale;
      const row = j * n;
      for (let i = 0; i < n; i++) {
        product[i]! += length * gram[row + i]!;
      }
      steps[j] = step;
      moves++;
    }
  }
  return moves;
}
