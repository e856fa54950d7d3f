import assert from 'node:assert/strict';
import { seededNormal } from '../../../../src/base/random';
import { channelStatistics, paraNormalize, tuneOutputBias, type InputMoments } from '../../../../src/methods';

const near = (actual: number, expected: number, tolerance: number): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** Moments of two sets of columns, straight from their definition. */
function momentsOf(x: number[][], xHat: number[][]): InputMoments {
  const size = x.length;
  const count = x[0]!.length;
  const outer = (a: number[][], b: number[][]): Float64Array =>
    Float64Array.from({ length: size * size }, (_, at) => {
      const i = Math.floor(at / size);
      const j = at % size;
      return a[i]!.reduce((sum, value, n) => sum + value * b[j]![n]!, 0) / count;
    });
  const mean = (a: number[][]): Float64Array => Float64Array.from(a, (row) => row.reduce((s, v) => s + v, 0) / count);
  return {
    size,
    count,
    gram: outer(xHat, xHat),
    cross: outer(x, xHat),
    power: outer(x, x),
    mean: mean(xHat),
    targetMean: mean(x),
  };
}

describe('paraNormalize', () => {
  it('gives the published figures for a batch norm of known scale and shift', () => {
    const { factor, bias } = paraNormalize(
      { mean: Float64Array.of(-0.31), variance: Float64Array.of(0.49) },
      { mean: Float64Array.of(-0.4), variance: Float64Array.of(0.8 ** 2) },
      Float32Array.of(0.1),
    );
    near(factor[0]!, 1.1428544096735, 1e-12);
    near(bias[0]!, 0.0685703079661, 1e-8); // The bias 0.1 is a float32.
    near(0.0625 * factor[0]!, 0.0714284006046, 1e-12);
    near(0.5 * factor[0]!, 0.5714272, 1e-7);
  });

  it('restores mean and variance of every channel', () => {
    const normal = seededNormal(3);
    const draw = (n: number): number[] => Array.from({ length: n }, normal);
    const x = [draw(50), draw(50), draw(50)];
    const xHat = x.map((row) => row.map((value) => Math.round(2 * value) / 2 + 0.1));
    const moments = [momentsOf(x, xHat)];
    const weight = Float32Array.from(draw(6));
    const rough = weight.map((value) => Math.round(value * 2) / 2 + 0.05);
    const bias = Float32Array.of(0.3, -0.2);
    const wanted = channelStatistics(weight, bias, moments, 'float');
    const outputs = (w: Float32Array, b: ArrayLike<number>, input: number[][]): number[][] =>
      [0, 1].map((row) =>
        input[0]!.map((_, n) => b[row]! + [0, 1, 2].reduce((sum, i) => sum + w[row * 3 + i]! * input[i]![n]!, 0)),
      );
    const statistics = (rows: number[][]): { mean: number; variance: number }[] =>
      rows.map((row) => {
        const mean = row.reduce((a, b) => a + b, 0) / row.length;
        return { mean, variance: row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length };
      });
    statistics(outputs(weight, bias, x)).forEach(({ mean, variance }, row) => {
      near(wanted.mean[row]!, mean, 1e-9);
      near(wanted.variance[row]!, variance, 1e-9);
    });
    const compressed = channelStatistics(rough, bias, moments, 'compressed');
    const tuned = paraNormalize(compressed, wanted, bias, { epsilon: 0 });
    const scaled = rough.map((value, at) => value * tuned.factor[Math.floor(at / 3)]!);
    statistics(outputs(scaled, tuned.bias, xHat)).forEach(({ mean, variance }, row) => {
      near(mean, wanted.mean[row]!, 1e-6);
      near(variance, wanted.variance[row]!, 1e-6);
    });
  });

  it('leaves channels that do not vary at their scale, and bounds the others', () => {
    const { factor } = paraNormalize(
      { mean: new Float64Array(3), variance: Float64Array.of(0, 1e-3, 100) },
      { mean: new Float64Array(3), variance: Float64Array.of(1, 1, 1) },
      undefined,
    );
    assert.deepEqual([...factor], [1, 2, 0.5]);
  });
});

describe('tuneOutputBias', () => {
  it('finds the shift that was taken away, and where the gradient is zero', () => {
    const normal = seededNormal(5);
    const classes = 4;
    const target = Float32Array.from({ length: 60 * classes }, () => 2 * normal());
    const shift = [0.5, -0.25, 0.125, -0.375];
    const {
      shift: found,
      before,
      after,
    } = tuneOutputBias(
      target,
      target.map((value, at) => value - shift[at % classes]!),
      classes,
      2000,
    );
    found.forEach((value, c) => near(value, shift[c]!, 2e-3));
    assert.ok(before > 0.01 && after < 1e-6, `${before} → ${after}`);
  });

  it('never makes it worse', () => {
    const normal = seededNormal(6);
    const target = Float32Array.from({ length: 90 }, () => 3 * normal());
    const scores = Float32Array.from(target, (value) => value + normal());
    const { before, after } = tuneOutputBias(target, scores, 3);
    assert.ok(after <= before);
  });
});
