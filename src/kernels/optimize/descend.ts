import { addRow } from './rowProduct';

/** See `roundHalfEven`. */
const SHIFTER = 6755399441055744;
/** A move must lower the error by more than rounding can pretend. */
const GAIN = 1 + 1e-12;

/**
 * One sweep of exact coordinate descent on the codes of one row at a fixed scale: with û = scale · v, each v_j in turn
 * goes to the integer that makes û G ûᵀ − 2 c ûᵀ least with the others held. Never raises the error. Returns the moves.
 *
 * `products` is v G and is kept up to date over its whole length `ld`, which is also the leading dimension of G: entries
 * behind the first n belong to coordinates that do not move here (a bias).
 *
 * @param steps v, code − zero point
 * @param c target products c = y Xᵀ / N
 * @param low lowest and highest v
 * @param mask 1 = kept; others do not move. Undefined: all kept
 */
export function descendCodes(
  steps: Float64Array,
  offset: number,
  n: number,
  scale: number,
  low: number,
  high: number,
  gram: Float64Array,
  ld: number,
  c: Float64Array,
  cOffset: number,
  products: Float64Array,
  productsOffset: number,
  mask: Uint8Array | undefined,
  maskOffset: number,
): number {
  let moves = 0;
  for (let j = 0; j < n; j++) {
    const diagonal = gram[j * ld + j]!;
    if (!(diagonal > 0) || (mask !== undefined && mask[maskOffset + j]! === 0)) {
      continue;
    }
    const v = steps[offset + j]!;
    const residual = scale * products[productsOffset + j]! - c[cOffset + j]!;
    const exact = v - residual / (scale * diagonal);
    const next = (exact > low ? (exact < high ? exact : high) : low) + SHIFTER - SHIFTER;
    const d = next - v;
    // A tie would let two codes swap for ever.
    if (d !== 0 && scale * d * d * diagonal + 2 * d * residual < 0) {
      steps[offset + j] = next;
      addRow(d, gram, j * ld, ld, products, productsOffset);
      moves++;
    }
  }
  return moves;
}

/**
 * One sweep of coordinate descent on codes and scale together: with the best scale s = A / B for every choice of codes
 * (A = c vᵀ, B = v G vᵀ), the error is t − A² / B; a step of ±1 in one code is taken when it raises A² / B. Finds what
 * alternating between codes and scale does not, at the same cost. Rows that share a scale share `sums` = [A, B], which is
 * kept up to date, as is `products` = v G. Returns the moves.
 */
export function descendRatio(
  steps: Float64Array,
  offset: number,
  n: number,
  low: number,
  high: number,
  gram: Float64Array,
  c: Float64Array,
  cOffset: number,
  products: Float64Array,
  productsOffset: number,
  mask: Uint8Array | undefined,
  maskOffset: number,
  sums: Float64Array,
): number {
  let moves = 0;
  let a = sums[0]!;
  let b = sums[1]!;
  for (let j = 0; j < n; j++) {
    const diagonal = gram[j * n + j]!;
    if (!(diagonal > 0) || (mask !== undefined && mask[maskOffset + j]! === 0)) {
      continue;
    }
    const cj = c[cOffset + j]!;
    const twice = 2 * products[productsOffset + j]!;
    const v = steps[offset + j]!;
    const limit = a * a * GAIN;
    const upA = a + cj;
    const upB = b + twice + diagonal;
    const downA = a - cj;
    const downB = b - twice + diagonal;
    const up = v < high && upA > 0 && upB > 0 && upA * upA * b > limit * upB;
    const down = v > low && downA > 0 && downB > 0 && downA * downA * b > limit * downB;
    if (!up && !down) {
      continue;
    }
    const rises = up && (!down || upA * upA * downB >= downA * downA * upB);
    steps[offset + j] = rises ? v + 1 : v - 1;
    a = rises ? upA : downA;
    b = rises ? upB : downB;
    addRow(rises ? 1 : -1, gram, j * n, n, products, productsOffset);
    moves++;
  }
  sums[0] = a;
  sums[1] = b;
  return moves;
}
