import { checkPlane, MAX_GROUP, type Scores } from './maskKernel';
import { forEachTile, tileRows, tileScores } from './tiles';

const CELLS = MAX_GROUP * MAX_GROUP;
const order = new Int16Array(CELLS);
const merged = new Int16Array(CELLS);
const rowRoom = new Int32Array(MAX_GROUP);
const columnRoom = new Int32Array(MAX_GROUP);

/**
 * Transposable mask by one greedy sweep: cells in descending order are kept while their row and their column have room.
 * Keeps at least half of the best score, and often stops a few cells short of `keep` in some rows and columns. Equal
 * scores go to the smaller row-major index. A {@link MaskKernel}.
 */
export function greedyMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  checkPlane(scores, rows, columns, keep, group, mask);
  forEachTile(scores, rows, columns, group, mask, (height, width) => {
    const sorted = sortCells(height * width);
    tileRows.fill(0, 0, height);
    rowRoom.fill(keep, 0, height);
    columnRoom.fill(keep, 0, width);
    for (let n = 0; n < height * width; n++) {
      const cell = sorted[n]!;
      const i = (cell / width) | 0;
      const j = cell - i * width;
      if (rowRoom[i]! > 0 && columnRoom[j]! > 0) {
        rowRoom[i]! -= 1;
        columnRoom[j]! -= 1;
        tileRows[i]! |= 1 << j;
      }
    }
  });
}

/** Indices of the tile's cells, descending by score, equal scores ascending by index: a merge sort from runs of one. */
function sortCells(cells: number): Int16Array {
  for (let n = 0; n < cells; n++) {
    order[n] = n;
  }
  let from = order;
  let to = merged;
  for (let run = 1; run < cells; run *= 2) {
    for (let low = 0; low < cells; low += 2 * run) {
      mergeRuns(from, to, low, Math.min(low + run, cells), Math.min(low + 2 * run, cells));
    }
    [from, to] = [to, from];
  }
  return from;
}

function mergeRuns(from: Int16Array, to: Int16Array, low: number, middle: number, high: number): void {
  let left = low;
  let right = middle;
  for (let n = low; n < high; n++) {
    // Taking the left run at equal scores keeps indices ascending.
    if (right >= high || (left < middle && tileScores[from[left]!]! >= tileScores[from[right]!]!)) {
      to[n] = from[left++]!;
    } else {
      to[n] = from[right++]!;
    }
  }
}
