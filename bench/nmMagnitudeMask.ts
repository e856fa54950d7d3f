/**
 * Keeps the `keep` largest magnitudes of every `group` consecutive input channels at each kernel position (first index on
 * ties). `weight` is [rows, columns], kernel positions innermost.
 */
export function nmMagnitudeMask(
  weight: Float32Array,
  rows: number,
  columns: number,
  kernelSize: number,
  keep: number,
  group: number,
): Uint8Array {
  const mask = new Uint8Array(rows * columns);
  const channels = columns / kernelSize;
  for (let row = 0; row < rows; row++) {
    for (let position = 0; position < kernelSize; position++) {
      for (let channel = 0; channel < channels; channel += group) {
        const size = Math.min(group, channels - channel);
        const members = Array.from({ length: size }, (_, i) => row * columns + (channel + i) * kernelSize + position);
        members.sort((a, b) => Math.abs(weight[b]!) - Math.abs(weight[a]!) || a - b);
        for (const at of members.slice(0, keep)) {
          mask[at] = 1;
        }
      }
    }
  }
  return mask;
}
