import { COUNTS, KEEPERS, MERGED, ORDER, ROW_BYTES, ROW_SETS, SCORES } from './memory';

/** Keeps cells of the tile in SCORES in descending order while row and column have room, into ROW_SETS. */
export function solveGreedyTile(height: i32, width: i32, keep: i32): void {
  const sorted = sortCells(height, width);
  // Rooms of rows are held where the exact solver holds its column sets.
  const rowRooms = KEEPERS;
  const columnRooms = COUNTS;
  for (let at: usize = 0; at < 128; at += 4) {
    store<i32>(rowRooms + at, keep);
    store<i32>(columnRooms + at, keep);
    store<i32>(ROW_SETS + at, 0);
  }
  const end = sorted + ((<usize>(height * width)) << 1);
  for (let at = sorted; at < end; at += 2) {
    const cell = <i32>load<u16>(at);
    const row = (<usize>(cell >>> 5)) << 2;
    const column = cell & 31;
    const rowRoom = load<i32>(rowRooms + row);
    const columnRoom = load<i32>(columnRooms + ((<usize>column) << 2));
    if (rowRoom > 0 && columnRoom > 0) {
      store<i32>(rowRooms + row, rowRoom - 1);
      store<i32>(columnRooms + ((<usize>column) << 2), columnRoom - 1);
      store<i32>(ROW_SETS + row, load<i32>(ROW_SETS + row) | (1 << column));
    }
  }
}

/** Cells as 32·row + column, descending by score, equal scores in row-major order: a merge sort from runs of one. */
function sortCells(height: i32, width: i32): usize {
  const cells = height * width;
  let to = ORDER;
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++, to += 2) {
      store<u16>(to, <u16>((i << 5) | j));
    }
  }
  let from = ORDER;
  let into = MERGED;
  for (let run = 1; run < cells; run <<= 1) {
    for (let low = 0; low < cells; low += run << 1) {
      mergeRuns(from, into, low, min(low + run, cells), min(low + (run << 1), cells));
    }
    const swapped = from;
    from = into;
    into = swapped;
  }
  return from;
}

function mergeRuns(from: usize, into: usize, low: i32, middle: i32, high: i32): void {
  let left = from + ((<usize>low) << 1);
  const leftEnd = from + ((<usize>middle) << 1);
  let right = leftEnd;
  const rightEnd = from + ((<usize>high) << 1);
  let to = into + ((<usize>low) << 1);
  while (left < leftEnd && right < rightEnd) {
    const a = load<u16>(left);
    const b = load<u16>(right);
    // The left run goes first at equal scores, which keeps indices ascending.
    const takeLeft = scoreOf(a) >= scoreOf(b);
    store<u16>(to, takeLeft ? a : b);
    left += (<usize>takeLeft) << 1;
    right += (<usize>!takeLeft) << 1;
    to += 2;
  }
  for (; left < leftEnd; left += 2, to += 2) {
    store<u16>(to, load<u16>(left));
  }
  for (; right < rightEnd; right += 2, to += 2) {
    store<u16>(to, load<u16>(right));
  }
}

function scoreOf(cell: u16): f64 {
  return load<f64>(SCORES + ((<usize>cell) << 3));
}
