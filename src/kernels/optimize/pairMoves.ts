import { addRow } from './rowProduct';

/**
 * For each column of a symmetric positive G (row-major n × n) the `count` others it is most correlated with, by
 * |G_jk| / √(G_jj G_kk), strongest first: n × count indices, −1 where there are too few.
 */
export function correlatedColumns(gram: Float64Array, n: number, count: number): Int32Array {
  const out = new Int32Array(n * count).fill(-1);
  const strengths = new Float64Array(count);
  const inverse = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    const diagonal = gram[j * n + j]!;
    inverse[j] = diagonal > 0 ? 1 / diagonal : 0;
  }
  for (let j = 0; j < n; j++) {
    const row = j * n;
    const at = j * count;
    let filled = 0;
    let weakest = 0;
    for (let k = 0; k < n; k++) {
      const g = gram[row + k]!;
      // G_jj is the same for all of them.
      const strength = g * g * inverse[k]!;
      if (strength <= weakest || k === j) {
        continue;
      }
      let place = filled < count ? filled++ : count - 1;
      while (place > 0 && strengths[place - 1]! < strength) {
        strengths[place] = strengths[place - 1]!;
        out[at + place] = out[at + place - 1]!;
        place--;
      }
      strengths[place] = strength;
      out[at + place] = k;
      weakest = filled < count ? 0 : strengths[count - 1]!;
    }
  }
  return out;
}

/**
 * One sweep over pairs of codes of one row at a fixed scale: where no single code can move to advantage, two of them
 * moving by ±1 together still may, because their inputs are correlated. Each column is tried with its partners and makes
 * the move that lowers û G ûᵀ − 2 c ûᵀ most, if one does. Returns the moves. Looking for partners among all columns finds
 * a little more and takes some twenty times as long.
 *
 * @param partners see {@link correlatedColumns}; `partnerCount` for each column
 */
export function descendPairs(
  steps: Float64Array,
  offset: number,
  n: number,
  scale: number,
  low: number,
  high: number,
  gram: Float64Array,
  c: Float64Array,
  cOffset: number,
  products: Float64Array,
  productsOffset: number,
  mask: Uint8Array | undefined,
  maskOffset: number,
  partners: Int32Array,
  partnerCount: number,
): number {
  let moves = 0;
  for (let j = 0; j < n; j++) {
    const row = j * n;
    const diagonal = gram[row + j]!;
    if (!(diagonal > 0) || (mask !== undefined && mask[maskOffset + j] === 0)) {
      continue;
    }
    // Costs over scale²: a step up of one column costs half its diagonal plus its slope, a step down minus the slope.
    const v = steps[offset + j]!;
    const slope = products[productsOffset + j]! - c[cOffset + j]! / scale;
    const up = v < high ? 0.5 * diagonal + slope : Infinity;
    const down = v > low ? 0.5 * diagonal - slope : Infinity;
    // A gain that rounding could make up is none.
    let best = -1e-12 * diagonal;
    let partner = -1;
    let direction = 0;
    let partnerDirection = 0;
    for (let i = 0; i < partnerCount; i++) {
      const k = partners[j * partnerCount + i]!;
      if (k < 0) {
        break;
      }
      if (mask !== undefined && mask[maskOffset + k] === 0) {
        continue;
      }
      const g = gram[row + k]!;
      const diagonalK = gram[k * n + k]!;
      const vk = steps[offset + k]!;
      const slopeK = products[productsOffset + k]! - c[cOffset + k]! / scale;
      const upK = vk < high ? 0.5 * diagonalK + slopeK : Infinity;
      const downK = vk > low ? 0.5 * diagonalK - slopeK : Infinity;
      // Correlated columns gain by moving against each other, anticorrelated ones by moving together.
      const withUp = g > 0 ? up + downK - g : up + upK + g;
      const withDown = g > 0 ? down + upK - g : down + downK + g;
      if (withUp < best) {
        best = withUp;
        partner = k;
        direction = 1;
        partnerDirection = g > 0 ? -1 : 1;
      }
      if (withDown < best) {
        best = withDown;
        partner = k;
        direction = -1;
        partnerDirection = g > 0 ? 1 : -1;
      }
    }
    if (partner >= 0) {
      steps[offset + j]! += direction;
      steps[offset + partner]! += partnerDirection;
      addRow(direction, gram, row, n, products, productsOffset);
      addRow(partnerDirection, gram, partner * n, n, products, productsOffset);
      moves++;
    }
  }
  return moves;
}
