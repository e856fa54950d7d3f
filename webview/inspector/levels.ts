/** Levels of a symmetric grid over the whole tensor's range, inside [min, max]: the picture of a per-channel grid's order. */
export function symmetricLevels(min: number, max: number, bits: number): number[] {
  const top = 2 ** (bits - 1) - 1;
  const scale = Math.max(Math.abs(min), Math.abs(max)) / top;
  const levels: number[] = [];
  for (let code = -top; code <= top && scale > 0; code++) {
    const level = code * scale;
    if (level >= min - 1e-9 && level <= max + 1e-9) {
      levels.push(level);
    }
  }
  return levels;
}
