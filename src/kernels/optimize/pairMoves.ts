import { addRow } from './rowProduct';

/**
 * One sweep over pairs of codes of one row at a fixed scale: where no single code can move to advantage, two of them
 * moving by ±1 together still may, because their inputs are correlated. For each column the partner that gains most is
 * looked for among all columns and the move is made when it lowers û G ûᵀ − 2 c ûᵀ. Returns the moves. Cost: n² for a
 * sweep without moves.
 *
 * @param up scratch of n: what a step up of each column would cost
 * @param down scratch of n: the same for a step down
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
  up: Float64Array,
  down: Float64Array,
): number {
  const square = scale * scale;
  const costs = (): void => {
    for (let j = 0; j < n; j++) {
      const diagonal = gram[j * n + j]!;
      const kept = diagonal > 0 && (mask === undefined || mask[maskOffset + j]! !== 0);
      const v = steps[offset + j]!;
      const linear = 2 * scale * (scale * products[productsOffset + j]! - c[cOffset + j]!);
      up[j] = kept && v < high ? square * diagonal + linear : Infinity;
      down[j] = kept && v > low ? square * diagonal - linear : Infinity;
    }
  };
  costs();
  const coupling = 2 * square;
  let moves = 0;
  for (let j = 0; j < n; j++) {
    const upJ = up[j]!;
    const downJ = down[j]!;
    if (upJ === Infinity && downJ === Infinity) {
      continue;
    }
    const row = j * n;
    // Twice the couplings in both directions: (up, up) and (down, down) add g, (up, down) and (down, up) subtract it.
    let best = 0;
    let partner = -1;
    let direction = 1;
    let partnerDirection = 1;
    for (let k = 0; k < n; k++) {
      const g = coupling * gram[row + k]!;
      const upK = up[k]!;
      const downK = down[k]!;
      const withUp = upK + g < downK - g ? upK + g : downK - g;
      const withDown = upK - g < downK + g ? upK - g : downK + g;
      const total = upJ + withUp < downJ + withDown ? upJ + withUp : downJ + withDown;
      if (total < best && k !== j) {
        best = total;
        partner = k;
        direction = upJ + withUp <= downJ + withDown ? 1 : -1;
        partnerDirection = direction === 1 ? (upK + g <= downK - g ? 1 : -1) : upK - g <= downK + g ? 1 : -1;
      }
    }
    // A gain that rounding could make up is none.
    if (partner >= 0 && best < -1e-12 * square * gram[row + j]!) {
      steps[offset + j]! += direction;
      steps[offset + partner]! += partnerDirection;
      addRow(direction, gram, row, n, products, productsOffset);
      addRow(partnerDirection, gram, partner * n, n, products, productsOffset);
      costs();
      moves++;
    }
  }
  return moves;
}
