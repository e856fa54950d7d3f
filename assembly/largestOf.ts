/**
 * The set of the `keep` largest among `size` float64 values `step` bytes apart, as bits. Equal values go to the smaller
 * index. Counts for each value how many precede it.
 */
export function largestOf(start: usize, step: i32, size: i32, keep: i32): i32 {
  if (size <= keep) {
    return size === 32 ? -1 : (1 << size) - 1;
  }
  let set = 0;
  const end = start + <usize>size * step;
  let at = start;
  for (let j = 0; j < size; j++, at += step) {
    const value = load<f64>(at);
    let before = 0;
    for (let other = start; other < at; other += step) {
      before += <i32>(load<f64>(other) >= value);
    }
    for (let other = at + step; other < end; other += step) {
      before += <i32>(load<f64>(other) > value);
    }
    set |= (<i32>(before < keep)) << j;
  }
  return set;
}
