/**
 * Mean absorption (the reference code of AdaPrune, arXiv 2102.08124): in each group the sum of what is pruned, divided by the
 * number of weights kept, is added to each of these, so that the group answers a constant input as before. A group that
 * keeps nothing stays zero.
 *
 * Groups are `group` consecutive input channels at one kernel position; `weight` and `mask` are [rows, columns] with column
 * = channel · kernelSize + position. The last group of a row may be shorter. Pruned entries come back +0.
 */
export function absorbMean(
  weight: Float64Array,
  mask: Uint8Array,
  rows: number,
  columns: number,
  kernelSize: number,
  group: number,
): Float64Array {
  const out = new Float64Array(rows * columns);
  const channels = columns / kernelSize;
  for (let row = 0; row < rows; row++) {
    for (let position = 0; position < kernelSize; position++) {
      for (let first = 0; first < channels; first += group) {
        const start = row * columns + first * kernelSize + position;
        const end = row * columns + Math.min(first + group, channels) * kernelSize;
        let pruned = 0;
        let kept = 0;
        for (let at = start; at < end; at += kernelSize) {
          if (mask[at] === 0) {
            pruned += weight[at]!;
          } else {
            kept++;
          }
        }
        for (let at = start; at < end; at += kernelSize) {
          if (mask[at] !== 0) {
            out[at] = weight[at]! + pruned / kept;
          }
        }
      }
    }
  }
  return out;
}
