import { checkPlane, type Scores, type TransposableOptions } from './maskKernel';
import { forEachTile } from './tiles';
import { solveTransposableTile } from './transposableTile';

/**
 * Transposable N:M mask of the largest score: at most `keep` cells in every row and every column of each tile of
 * group × group, so that the masked weight and its transpose both follow the pattern. Exact in every tile up to the
 * rounding of float64 sums. Equal sums are settled the same way every time. A {@link MaskKernel}.
 */
export function transposableMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
  options: TransposableOptions = {},
): void {
  checkPlane(scores, rows, columns, keep, group, mask);
  const exactly = options.exactly === true;
  forEachTile(scores, rows, columns, group, mask, (height, width) => {
    solveTransposableTile(height, width, keep, exactly && height === group && width === group);
  });
}
