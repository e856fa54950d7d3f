import type { InputMoments } from '../../../../src/methods';

/** Moments straight from their definition: columns of X and X̂ side by side, [n, N] row-major. */
export function momentsOf(x: Float64Array, n: number, xHat: Float64Array = x): InputMoments {
  const count = x.length / n;
  const outer = (a: Float64Array, b: Float64Array): Float64Array => {
    const out = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < count; k++) {
          sum += a[i * count + k]! * b[j * count + k]!;
        }
        out[i * n + j] = sum / count;
      }
    }
    return out;
  };
  const means = (a: Float64Array): Float64Array =>
    Float64Array.from(
      { length: n },
      (_, i) => a.subarray(i * count, (i + 1) * count).reduce((s, v) => s + v, 0) / count,
    );
  const gram = outer(xHat, xHat);
  const mean = means(xHat);
  return xHat === x
    ? { size: n, count, gram, cross: gram, power: gram, mean, targetMean: mean }
    : { size: n, count, gram, cross: outer(x, xHat), power: outer(x, x), mean, targetMean: means(x) };
}

/** Mean squared difference of W X + b and Ŵ X̂ + b̂, element by element, summed over the rows. */
export function residual(
  rows: number,
  n: number,
  x: Float64Array,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | undefined,
  xHat: Float64Array,
  fitted: ArrayLike<number>,
  fittedBias: ArrayLike<number> | undefined,
): number {
  const count = x.length / n;
  let total = 0;
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < count; k++) {
      let difference = (bias?.[r] ?? 0) - (fittedBias?.[r] ?? 0);
      for (let j = 0; j < n; j++) {
        difference += weight[r * n + j]! * x[j * count + k]! - fitted[r * n + j]! * xHat[j * count + k]!;
      }
      total += difference * difference;
    }
  }
  return total / count;
}

/** Row-wise mask: the `keep` largest magnitudes of each group of channels at each kernel position. */
export function magnitudeMask(
  weight: ArrayLike<number>,
  rows: number,
  columns: number,
  kernelSize: number,
  keep: number,
  group: number,
): Uint8Array {
  const mask = new Uint8Array(rows * columns);
  const channels = columns / kernelSize;
  for (let row = 0; row < rows; row++) {
    for (let p = 0; p < kernelSize; p++) {
      for (let c = 0; c < channels; c += group) {
        const members = Array.from(
          { length: Math.min(group, channels - c) },
          (_, i) => row * columns + (c + i) * kernelSize + p,
        );
        members.sort((a, b) => Math.abs(weight[b]!) - Math.abs(weight[a]!) || a - b);
        for (const at of members.slice(0, keep)) {
          mask[at] = 1;
        }
      }
    }
  }
  return mask;
}
