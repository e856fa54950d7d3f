import assert from 'node:assert/strict';
import {
  accumulateGram,
  histogramQuantizationError,
  maxAbs,
  mirrorUpperTriangle,
  quadraticForm,
  quantizationError,
  scanAsymmetricScale,
  scanOutputErrorScale,
  scanSymmetricScale,
  sortedQuantile,
  sumOfSquares,
} from '../../../src/kernels';
import { seededNormal } from '../../../src/base/random';
import { laplaceDraws } from './laplaceDraws';

const close = (actual: number, expected: number, relative: number): void =>
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual} is not ${expected}`);

describe('scanSymmetricScale on 64 Laplace draws', () => {
  // Reference figures were computed in float64; the draws here are float32, hence six digits.
  const x = laplaceDraws();

  it('draws the reference values', () => {
    close(x[0]!, -0.7390619553, 1e-7);
    close(x[1]!, 1.7543858228, 1e-7);
    close(x[2]!, 0.2548707436, 1e-7);
    close(x[3]!, 1.9238947051, 1e-7);
    close(maxAbs(x, 0, 64), 5.4993566352, 1e-7);
    close(sumOfSquares(x, 0, 64), 146.133362471, 1e-6);
  });

  for (const [bits, percent, mean, minMax] of [
    [4, 90, 0.04516964388, 0.04852497018],
    [3, 86, 0.16530572273, 0.20581892478],
    [2, 36, 0.63156808698, 1.19495296393],
  ] as const) {
    it(`finds the best threshold at ${bits} bits`, () => {
      const qmax = 2 ** (bits - 1) - 1;
      const best = scanSymmetricScale(x, 0, 64, -qmax, qmax);
      assert.equal(best.percent, percent);
      close(best.error / 64, mean, 1e-6);
      close(quantizationError(x, 0, 64, maxAbs(x, 0, 64) / qmax, 0, -qmax, qmax) / 64, minMax, 1e-6);
    });
  }

  it('keeps the full range at 8 bits and gives the printed scale at 4', () => {
    assert.equal(scanSymmetricScale(x, 0, 64, -127, 127).percent, 100);
    close(scanSymmetricScale(x, 0, 64, -7, 7).scale, 0.70706013881, 1e-6);
  });

  it('follows the p-norm', () => {
    for (const [p, percent] of [
      [1, 74],
      [2.4, 91],
      [3, 92],
      [4, 93],
    ] as const) {
      assert.equal(scanSymmetricScale(x, 0, 64, -7, 7, p).percent, percent);
    }
  });

  it('matches the neighbours of the best threshold', () => {
    const max = maxAbs(x, 0, 64);
    close(quantizationError(x, 0, 64, (max * 0.89) / 7, 0, -7, 7) / 64, 0.04522932, 1e-6);
    close(quantizationError(x, 0, 64, (max * 0.91) / 7, 0, -7, 7) / 64, 0.04526611, 1e-6);
  });

  it('gives the interpolated quantiles of |x|', () => {
    const sorted = x.map(Math.abs).sort();
    close(sortedQuantile(sorted, 64, 0.9), 2.16470915, 1e-7);
    close(sortedQuantile(sorted, 64, 0.95), 3.25124188, 1e-7);
    close(sortedQuantile(sorted, 64, 0.99), 5.13519646, 1e-7);
    assert.ok(Number.isNaN(sortedQuantile(sorted, 0, 0.5)));
  });

  it('agrees with trying every threshold to the end, on long runs where candidates are dropped early', () => {
    const normal = seededNormal(3);
    const long = Float32Array.from({ length: 3001 }, () => normal() ** 3);
    const max = maxAbs(long, 0, long.length);
    let expected = { percent: 0, error: Infinity };
    for (let k = 100; k >= 1; k--) {
      const error = quantizationError(long, 0, long.length, Math.fround((max * k) / 100 / 3), 0, -3, 3);
      if (error < expected.error) {
        expected = { percent: k, error };
      }
    }
    const best = scanSymmetricScale(long, 0, long.length, -3, 3);
    assert.deepEqual({ percent: best.percent, error: best.error }, expected);
  });

  it('answers for zeros and infinities without dividing by zero', () => {
    assert.deepEqual(scanSymmetricScale(new Float32Array(5), 0, 5, -7, 7), { percent: 100, scale: 1, error: 0 });
    assert.equal(scanSymmetricScale(Float32Array.of(Infinity), 0, 1, -7, 7).scale, 1);
  });
});

describe('scanAsymmetricScale', () => {
  it('is never worse than min-max and equals a scan by hand', () => {
    const normal = seededNormal(8);
    const x = Float32Array.from({ length: 700 }, () => Math.max(0, normal()) ** 2 - 0.05);
    const lo = x.reduce((a, b) => Math.min(a, b));
    const hi = x.reduce((a, b) => Math.max(a, b));
    const best = scanAsymmetricScale(x, 0, x.length, lo, hi, 0, 15);
    let expected = Infinity;
    for (let k = 1; k <= 100; k++) {
      const scale = Math.fround(((hi - lo) * k) / 100 / 15);
      const zero = Math.min(15, Math.max(0, Math.round((-lo * k) / 100 / scale)));
      expected = Math.min(expected, quantizationError(x, 0, x.length, scale, zero, 0, 15));
    }
    assert.equal(best.error, expected);
    assert.equal(best.error, quantizationError(x, 0, x.length, best.scale, best.zeroPoint, 0, 15));
    assert.ok(best.percent < 100);
  });

  it('answers for an empty range', () => {
    const best = scanAsymmetricScale(new Float32Array(3), 0, 3, 0, 0, 0, 15);
    assert.deepEqual([best.scale, best.zeroPoint, best.error], [1, 0, 0]);
  });
});

describe('histogramQuantizationError', () => {
  it('equals the error of the bin centres', () => {
    const counts = Float64Array.of(2, 0, 5, 1, 3);
    const values: number[] = [];
    counts.forEach((count, i) => values.push(...Array<number>(count).fill(-1 + 0.5 * (i + 0.5))));
    const x = Float32Array.from(values);
    for (const p of [1, 2, 2.4]) {
      const direct = quantizationError(x, 0, x.length, 0.375, 3, 0, 7, p);
      close(histogramQuantizationError(counts, -1, 0.5, 0.375, 3, 0, 7, p), direct, 1e-9);
    }
  });
});

describe('scanOutputErrorScale', () => {
  const n = 7;
  const normal = seededNormal(11);
  const columns = 40;
  const x = Float64Array.from({ length: n * columns }, () => normal());
  const g = new Float64Array(n * n);
  accumulateGram(x, 0, n, columns, columns, g, n);
  const w = Float32Array.from({ length: n }, () => normal());

  /** Sum over columns of (u x − y)² with y from `target`. */
  function outputError(scale: number, target: ArrayLike<number>): number {
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      let d = 0;
      for (let i = 0; i < n; i++) {
        const q = Math.min(3, Math.max(-3, roundEven(Math.fround(w[i]! / scale))));
        d += (q * scale - target[i]!) * x[i * columns + j]!;
      }
      sum += d * d;
    }
    return sum;
  }

  function roundEven(v: number): number {
    return v + 6755399441055744 - 6755399441055744;
  }

  it('finds the scale with the least error of the output, from the upper triangle alone', () => {
    const upper = g.slice();
    for (let i = 0; i < n; i++) {
      upper.fill(NaN, i * n, i * n + i);
    }
    const scratch = new Float64Array(4 * n);
    const best = scanOutputErrorScale(w, 0, n, upper, n, undefined, 0, -3, 3, scratch, 1);
    const max = maxAbs(w, 0, n);
    const errors = Array.from({ length: 100 }, (_, k) => outputError(Math.fround((max * (k + 1)) / 100 / 3), w));
    const least = Math.min(...errors);
    assert.equal(best.percent, errors.indexOf(least) + 1);
    close(best.error, least, 1e-9);
    const coarse = scanOutputErrorScale(w, 0, n, upper, n, undefined, 0, -3, 3, scratch, 1, 4);
    assert.ok(coarse.error >= best.error);
  });

  it('uses the residual when the target is not the row itself', () => {
    // Target y = v X with v ≠ w: residual r0 = w G − v G.
    const full = g.slice();
    mirrorUpperTriangle(full, n, n);
    const v = Array.from(w, (value, i) => value + 0.3 * Math.sin(i));
    const residual = new Float64Array(n);
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < n; i++) {
        residual[j]! += (w[i]! - v[i]!) * full[i * n + j]!;
      }
    }
    const best = scanOutputErrorScale(w, 0, n, g, n, residual, 0, -3, 3, new Float64Array(4 * n), 1);
    const max = maxAbs(w, 0, n);
    const errors = Array.from({ length: 100 }, (_, k) => outputError(Math.fround((max * (k + 1)) / 100 / 3), v));
    assert.equal(best.percent, errors.indexOf(Math.min(...errors)) + 1);
  });

  it('computes quadratic forms like a double sum', () => {
    const e = Float64Array.from({ length: n + 2 }, () => normal());
    const full = g.slice();
    mirrorUpperTriangle(full, n, n);
    let expected = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        expected += e[i + 1]! * full[i * n + j]! * e[j + 1]!;
      }
    }
    close(quadraticForm(e, 1, n, g, n), expected, 1e-12);
  });
});
