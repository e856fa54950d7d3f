import type { InputMoments } from '../../../../src/methods';

/** Moments of columns given as rows of numbers (n rows of N), plainly summed. */
export function momentsOf(target: readonly (readonly number[])[], compressed = target): InputMoments {
  const size = target.length;
  const count = target[0]!.length;
  const product = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): Float64Array => {
    const out = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        out[i * size + j] = a[i]!.reduce((sum, x, k) => sum + x * b[j]![k]!, 0) / count;
      }
    }
    return out;
  };
  const meanOf = (rows: readonly (readonly number[])[]): Float64Array =>
    Float64Array.from(rows, (row) => row.reduce((sum, x) => sum + x, 0) / count);
  const gram = product(compressed, compressed);
  const mean = meanOf(compressed);
  return compressed === target
    ? { size, count, gram, cross: gram, power: gram, mean, targetMean: mean }
    : {
        size,
        count,
        gram,
        cross: product(target, compressed),
        power: product(target, target),
        mean,
        targetMean: meanOf(target),
      };
}
