import { COLUMNS, ROW_BYTES, ROW_SETS, SCORES } from './memory';

/** Copies a tile of the plane to SCORES as float64. `wide`: the plane holds float64, else float32. */
export function loadTile(corner: usize, wide: bool, stride: i32, height: i32, width: i32): void {
  if (wide) {
    for (let i = 0; i < height; i++) {
      memory.copy(SCORES + i * ROW_BYTES, corner + ((<usize>i * stride) << 3), (<usize>width) << 3);
    }
    return;
  }
  for (let i = 0; i < height; i++) {
    const from = corner + ((<usize>i * stride) << 2);
    const to = SCORES + i * ROW_BYTES;
    for (let j = 0; j < width; j++) {
      store<f64>(to + ((<usize>j) << 3), <f64>load<f32>(from + ((<usize>j) << 2)));
    }
  }
}

/** Fills COLUMNS from SCORES. */
export function transposeTile(height: i32, width: i32): void {
  for (let i = 0; i < height; i++) {
    const from = SCORES + i * ROW_BYTES;
    const to = COLUMNS + ((<usize>i) << 3);
    for (let j = 0; j < width; j++) {
      store<f64>(to + j * ROW_BYTES, load<f64>(from + ((<usize>j) << 3)));
    }
  }
}

/** Writes ROW_SETS as bytes 0 and 1. */
export function storeTile(corner: usize, stride: i32, height: i32, width: i32): void {
  for (let i = 0; i < height; i++) {
    storeSet(load<i32>(ROW_SETS + ((<usize>i) << 2)), corner + <usize>i * stride, width);
  }
}

/** Writes bits as bytes 0 and 1, eight at a time. */
export function storeSet(set: i32, to: usize, width: i32): void {
  let left = width;
  while (left >= 8) {
    store<u64>(to, spreadBits(set & 255));
    set >>>= 8;
    to += 8;
    left -= 8;
  }
  for (; left > 0; left--) {
    store<u8>(to++, <u8>(set & 1));
    set >>>= 1;
  }
}

/** Bit j of a byte becomes byte j: copies of the byte, one bit each left in, moved to bit 0. */
function spreadBits(byte: i32): u64 {
  const picked = (<u64>byte * 0x0101010101010101) & 0x8040201008040201;
  return ((picked + 0x7f7f7f7f7f7f7f7f) >>> 7) & 0x0101010101010101;
}
