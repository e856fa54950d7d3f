/** Bytes of a cell. */
const MASK: i32 = 1;
const FLOAT32: i32 = 4;

/** Groups along rows with more than `keep` non-zeros. Cells are masks of bytes, float32 or float64, by their size. */
export function forwardViolations(cells: usize, size: i32, rows: i32, columns: i32, keep: i32, group: i32): i32 {
  let violations = 0;
  let at = cells;
  for (let i = 0; i < rows; i++) {
    for (let left = 0; left < columns; left += group) {
      const width = min(group, columns - left);
      violations += <i32>(nonZeros(at, size, width) > keep);
      at += width * size;
    }
  }
  return violations;
}

/** The same along columns. `counts`: room for one 32-bit count per column. */
export function backwardViolations(
  cells: usize,
  size: i32,
  rows: i32,
  columns: i32,
  keep: i32,
  group: i32,
  counts: usize,
): i32 {
  let violations = 0;
  let at = cells;
  for (let top = 0; top < rows; top += group) {
    memory.fill(counts, 0, (<usize>columns) << 2);
    const height = min(group, rows - top);
    for (let i = 0; i < height; i++) {
      addNonZeros(at, size, columns, counts);
      at += <usize>columns * size;
    }
    for (let j = 0; j < columns; j++) {
      violations += <i32>(load<i32>(counts + ((<usize>j) << 2)) > keep);
    }
  }
  return violations;
}

function nonZeros(at: usize, size: i32, length: i32): i32 {
  let count = 0;
  if (size === MASK) {
    for (const end = at + length; at < end; at++) {
      count += <i32>(load<u8>(at) !== 0);
    }
  } else if (size === FLOAT32) {
    for (const end = at + ((<usize>length) << 2); at < end; at += 4) {
      count += <i32>(load<f32>(at) !== 0);
    }
  } else {
    for (const end = at + ((<usize>length) << 3); at < end; at += 8) {
      count += <i32>(load<f64>(at) !== 0);
    }
  }
  return count;
}

function addNonZeros(at: usize, size: i32, length: i32, counts: usize): void {
  let j = 0;
  if (size === FLOAT32) {
    const zero = f32x4.splat(0);
    for (; j + 4 <= length; j += 4) {
      const to = counts + ((<usize>j) << 2);
      // A lane that differs is all ones, -1.
      v128.store(to, i32x4.sub(v128.load(to), f32x4.ne(v128.load(at + ((<usize>j) << 2)), zero)));
    }
  }
  for (; j < length; j++) {
    const to = counts + ((<usize>j) << 2);
    store<i32>(to, load<i32>(to) + nonZeros(at + <usize>j * size, size, 1));
  }
}
