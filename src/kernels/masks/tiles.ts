import { MAX_GROUP, type Scores } from './maskKernel';

/** Scores of the tile at hand, row-major without gaps. Widened once, so that inner loops see one array class. */
export const tileScores = new Float64Array(MAX_GROUP * MAX_GROUP);
/** Kept cells of each row of the tile at hand: bit j = column j. */
export const tileRows = new Int32Array(MAX_GROUP);

/**
 * Cuts a plane into tiles of group × group, smaller at the lower and right edge. `solve` finds {@link tileScores} filled
 * with height × width scores and leaves the mask in {@link tileRows}.
 */
export function forEachTile(
  scores: Scores,
  rows: number,
  columns: number,
  group: number,
  mask: Uint8Array,
  solve: (height: number, width: number) => void,
): void {
  for (let top = 0; top < rows; top += group) {
    const height = Math.min(group, rows - top);
    for (let left = 0; left < columns; left += group) {
      const width = Math.min(group, columns - left);
      loadTile(scores, top * columns + left, columns, height, width);
      solve(height, width);
      storeTile(mask, top * columns + left, columns, height, width);
    }
  }
}

function loadTile(scores: Scores, corner: number, stride: number, height: number, width: number): void {
  let to = 0;
  for (let i = 0; i < height; i++) {
    const from = corner + i * stride;
    for (let j = 0; j < width; j++) {
      tileScores[to++] = scores[from + j]!;
    }
  }
}

function storeTile(mask: Uint8Array, corner: number, stride: number, height: number, width: number): void {
  for (let i = 0; i < height; i++) {
    const set = tileRows[i]!;
    const to = corner + i * stride;
    for (let j = 0; j < width; j++) {
      mask[to + j] = (set >>> j) & 1;
    }
  }
}
