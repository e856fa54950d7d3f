/** Largest group; rows of tile arrays are this many numbers apart, so that a column index is always a shift. */
export const STRIDE: i32 = 32;
/** Bytes from row to row of a tile of float64. */
export const ROW_BYTES: i32 = STRIDE * 8;

/** Scores of the tile at hand, row-major. */
export const SCORES: usize = memory.data(8192, 64);
/** The same, column-major. */
export const COLUMNS: usize = memory.data(8192, 64);
/** Scores of pruned cells, -Infinity at kept ones and past the tile's edge, row-major. */
export const PRUNED: usize = memory.data(8192, 64);
/** Kept cells of each row: bit j = column j. */
export const ROW_SETS: usize = memory.data(128, 64);
/** Rows that keep a column, as bits. */
export const KEEPERS: usize = memory.data(128, 64);
/** Kept cells of each column, or what room it has left. */
export const COUNTS: usize = memory.data(128, 64);
/** Price of a place in each column. */
export const PRICES: usize = memory.data(256, 64);
/** Reduced distance from the over-full column to each column. */
export const DISTANCES: usize = memory.data(256, 64);
/** The column before each column on the way, as 64-bit lanes. */
export const PREVIOUS: usize = memory.data(256, 64);
/** All bits set in the 64-bit lanes of settled columns. */
export const SETTLED: usize = memory.data(256, 64);
/** All bits set in the 64-bit lanes of columns with a free place. */
export const FREE: usize = memory.data(256, 64);
/** Cell indices of a tile, 16 bits each, and room to merge them. */
export const ORDER: usize = memory.data(2048, 64);
export const MERGED: usize = memory.data(2048, 64);

/** Address of `bytes` free bytes behind everything static; the same each time, so one call holds all of a caller's data. */
export function reserve(bytes: i32): usize {
  const start = (__heap_base + 63) & ~63;
  const pages = <i32>((start + <usize>bytes + 65535) >>> 16);
  const missing = pages - memory.size();
  if (missing > 0 && memory.grow(missing) < 0) {
    return 0;
  }
  return start;
}
