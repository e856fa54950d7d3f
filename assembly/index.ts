/**
 * Mask kernels on planes in linear memory: the counterparts of src/kernels/masks, which give the same masks bit by bit.
 * `wide` = 1 for float64 scores, 0 for float32. `reserve` gives the memory that callers fill.
 */
import { solveGreedyTile } from './greedyTile';
import { largestOf } from './largestOf';
import { ROW_BYTES, ROW_SETS, SCORES } from './memory';
import { searchPatternTile } from './patternTile';
import { loadTile, storeSet, storeTile, transposeTile } from './tiles';
import { solveTransposableTile } from './transposableTile';

export { reserve } from './memory';
export { backwardViolations, forwardViolations } from './compliance';

const EXACTLY: i32 = 0;
const AT_MOST: i32 = 1;
const GREEDY: i32 = 2;
const INTERSECTION: i32 = 3;
const PATTERNS: i32 = 4;

export function rowWise(scores: usize, wide: i32, rows: i32, columns: i32, keep: i32, group: i32, mask: usize): void {
  const size = wide ? 8 : 4;
  for (let i = 0; i < rows; i++) {
    for (let left = 0; left < columns; left += group) {
      const width = min(group, columns - left);
      loadTile(scores, <bool>wide, columns, 1, width);
      storeSet(largestOf(SCORES, 8, width, keep), mask, width);
      scores += width * size;
      mask += width;
    }
  }
}

export function exactly(scores: usize, wide: i32, rows: i32, columns: i32, keep: i32, group: i32, mask: usize): void {
  tiled(scores, wide, rows, columns, keep, group, mask, EXACTLY);
}

export function atMost(scores: usize, wide: i32, rows: i32, columns: i32, keep: i32, group: i32, mask: usize): void {
  tiled(scores, wide, rows, columns, keep, group, mask, AT_MOST);
}

export function greedy(scores: usize, wide: i32, rows: i32, columns: i32, keep: i32, group: i32, mask: usize): void {
  tiled(scores, wide, rows, columns, keep, group, mask, GREEDY);
}

export function intersection(
  scores: usize,
  wide: i32,
  rows: i32,
  columns: i32,
  keep: i32,
  group: i32,
  mask: usize,
): void {
  tiled(scores, wide, rows, columns, keep, group, mask, INTERSECTION);
}

export function patterns(scores: usize, wide: i32, rows: i32, columns: i32, keep: i32, group: i32, mask: usize): void {
  tiled(scores, wide, rows, columns, keep, group, mask, PATTERNS);
}

function tiled(
  scores: usize,
  wide: i32,
  rows: i32,
  columns: i32,
  keep: i32,
  group: i32,
  mask: usize,
  method: i32,
): void {
  const shift: usize = wide ? 3 : 2;
  for (let top = 0; top < rows; top += group) {
    const height = min(group, rows - top);
    for (let left = 0; left < columns; left += group) {
      const width = min(group, columns - left);
      const cell = <usize>top * columns + left;
      loadTile(scores + (cell << shift), <bool>wide, columns, height, width);
      solve(height, width, keep, group, method);
      storeTile(mask + cell, columns, height, width);
    }
  }
}

function solve(height: i32, width: i32, keep: i32, group: i32, method: i32): void {
  const full = height === group && width === group;
  if (method === GREEDY) {
    solveGreedyTile(height, width, keep);
  } else if (method === INTERSECTION) {
    intersect(height, width, keep);
  } else if (method === PATTERNS && full) {
    searchPatternTile();
  } else {
    transposeTile(height, width);
    solveTransposableTile(height, width, keep, method === EXACTLY && full);
  }
}

function intersect(height: i32, width: i32, keep: i32): void {
  for (let i = 0; i < height; i++) {
    store<i32>(ROW_SETS + ((<usize>i) << 2), largestOf(SCORES + i * ROW_BYTES, 8, width, keep));
  }
  for (let j = 0; j < width; j++) {
    const set = largestOf(SCORES + ((<usize>j) << 3), ROW_BYTES, height, keep);
    for (let i = 0; i < height; i++) {
      const at = ROW_SETS + ((<usize>i) << 2);
      store<i32>(at, load<i32>(at) & ~((((set >>> i) & 1) ^ 1) << j));
    }
  }
}
