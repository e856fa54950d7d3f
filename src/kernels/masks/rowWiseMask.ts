import { largestOf } from './largestOf';
import { checkPlane, MAX_GROUP, type Scores } from './maskKernel';

const values = new Float64Array(MAX_GROUP);

/**
 * Row-wise N:M mask: the `keep` largest of every group along a row; a tail of fewer cells keeps min(cells, keep).
 * Equal scores go to the smaller column. A {@link MaskKernel}.
 */
export function rowWiseMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  checkPlane(scores, rows, columns, keep, group, mask);
  for (let i = 0; i < rows; i++) {
    for (let left = 0; left < columns; left += group) {
      const width = Math.min(group, columns - left);
      const at = i * columns + left;
      for (let j = 0; j < width; j++) {
        values[j] = scores[at + j]!;
      }
      const set = largestOf(values, 0, 1, width, keep);
      for (let j = 0; j < width; j++) {
        mask[at + j] = (set >>> j) & 1;
      }
    }
  }
}
