/** Levels of a grid of evenly spaced codes, those inside [min, max]. */
export function evenLevels(low: number, high: number, bits: number, min: number, max: number): number[] {
  const steps = 2 ** bits - 1;
  const reach = 1e-6 * (max - min);
  return Array.from({ length: steps + 1 }, (_, code) => low + ((high - low) * code) / steps).filter(
    (level) => level >= min - reach && level <= max + reach,
  );
}

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
