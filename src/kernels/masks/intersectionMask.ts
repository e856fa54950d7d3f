import { largestOf } from './largestOf';
import { checkPlane, type Scores } from './maskKernel';
import { forEachTile, tileRows, tileScores } from './tiles';

/**
 * Cells that both the row-wise and the column-wise mask of their tile keep. This is the greedy of Hubara et al.
 * (NeurIPS 2021, arXiv 2102.08124) that prunes from the smallest cell on while either end still lacks zeros: pruned score
 * at most twice the least possible. It over-prunes: half-dense 8 × 8 tiles keep about 26 cells, not 32. A {@link MaskKernel}.
 */
export function intersectionMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  checkPlane(scores, rows, columns, keep, group, mask);
  forEachTile(scores, rows, columns, group, mask, (height, width) => {
    for (let i = 0; i < height; i++) {
      tileRows[i] = largestOf(tileScores, i * width, 1, width, keep);
    }
    for (let j = 0; j < width; j++) {
      const set = largestOf(tileScores, j, width, height, keep);
      for (let i = 0; i < height; i++) {
        if (((set >>> i) & 1) === 0) {
          tileRows[i]! &= ~(1 << j);
        }
      }
    }
  });
}
