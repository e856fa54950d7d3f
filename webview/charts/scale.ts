export interface Scale {
  readonly domain: readonly [number, number];
  readonly range: readonly [number, number];
  /** Value to pixels. */
  at(value: number): number;
  /** Pixels to value, held inside the domain. */
  invert(pixel: number): number;
}

export function linearScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const span = domain[1] - domain[0] || 1;
  const length = range[1] - range[0];
  return {
    domain,
    range,
    at: (value) => range[0] + ((value - domain[0]) / span) * length,
    invert: (pixel) => {
      const value = domain[0] + ((pixel - range[0]) / (length || 1)) * span;
      return Math.min(Math.max(value, domain[0]), domain[1]);
    },
  };
}

/** Base 10. Values at or below zero have no place on it: the caller puts them at the foot and says so. */
export function logScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const inner = linearScale([Math.log10(domain[0]), Math.log10(domain[1])], range);
  return {
    domain,
    range,
    at: (value) => inner.at(Math.log10(Math.max(value, domain[0]))),
    invert: (pixel) => 10 ** inner.invert(pixel),
  };
}

/** Round values inside the interval, about `wanted` of them: multiples of 1, 2 or 5 times a power of ten. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const span = high - low;
  if (!(span > 0)) {
    return [low];
  }
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough) ?? 10;
  const step = factor * power;
  const result: number[] = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) {
    result.push(Number((index * step).toPrecision(12)));
  }
  return result;
}

/** Powers of ten inside the interval, thinned to at most `most`. */
export function powerTicks(low: number, high: number, most: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / most));
  const result: number[] = [];
  for (let exponent = first; exponent <= last; exponent += step) {
    // 10 ** −4 is not quite 0.0001.
    result.push(Number(`1e${exponent}`));
  }
  return result;
}
