import assert from 'node:assert/strict';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import { ActivationObserver, analyticThreshold } from '../../../../src/methods';
import { laplaceDraws, referenceFake, referenceGrid } from './referenceQuantizer';

function observed(...batches: readonly ArrayLike<number>[]): ActivationObserver {
  const observer = new ActivationObserver();
  for (const batch of batches) {
    observer.observe(Float32Array.from(batch));
  }
  return observer;
}

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

const minMax = { method: 'min-max', symmetric: false, percentile: 99.99 } as const;

describe('ActivationObserver', () => {
  it('counts values, zeros and what is not finite', () => {
    const observer = observed([0, -0, 1, NaN], [Infinity, -2, 0]);
    assert.equal(observer.count, 5);
    assert.equal(observer.min, -2);
    assert.equal(observer.max, 1);
    assert.equal(observer.zeros, 3 / 5);
    assert.equal(observer.nonFinite, 2);
  });

  it('draws a histogram of what is not zero that agrees with counting, but for values at the edges of bins', () => {
    const random = seededNormal(11);
    const values = Array.from({ length: 20_000 }, (_, i) => (i % 3 === 0 ? 0 : Math.fround(random())));
    const histogram = observed(values.slice(0, 700), values.slice(700)).histogram(64);
    const low = Math.min(...values);
    const span = Math.max(...values) - low;
    const others = values.filter((value) => value !== 0);
    assert.equal(
      histogram.reduce((all, amount) => all + amount, 0),
      others.length,
    );
    let below = 0;
    histogram.forEach((amount, bin) => {
      below += amount;
      const edge = low + (span * (bin + 1)) / 64;
      const reach = span / 4096;
      assert.ok(below >= others.filter((value) => value < edge - reach).length, `bin ${bin}`);
      assert.ok(below <= others.filter((value) => value <= edge + reach).length, `bin ${bin}`);
    });
    assert.deepEqual(observed([0, 0]).histogram(4), [0, 0, 0, 0]);
    assert.deepEqual(observed([2, 2, 2]).histogram(4), [3, 0, 0, 0]);
  });

  for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
    it(`gives the min-max grids of ${bits} bits, with 0 always inside`, () => {
      for (const values of [
        [-1.3, 0.2, 2.9],
        [0.5, 4],
        [-3, -1],
        [0, 0.7],
      ]) {
        const { scale, zeroPoint, qmin, qmax, lo, hi } = observed(values).range(bits, minMax);
        assert.deepEqual({ scale, zeroPoint, qmin, qmax }, referenceGrid(values.map(Math.fround), bits, false));
        assert.ok(lo <= 0 && hi >= 0);
        assert.equal(lo, scale * (qmin - zeroPoint));
        assert.equal(hi, scale * (qmax - zeroPoint));
      }
      const symmetric = observed([-1.3, 2.5]).range(bits, { ...minMax, symmetric: true });
      assert.equal(symmetric.scale, Math.fround(2.5 / (2 ** (bits - 1) - 1)));
      assert.deepEqual(
        [symmetric.zeroPoint, symmetric.qmin, symmetric.qmax],
        [0, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1],
      );
    });
  }

  it('gives a usable grid for a constant zero and refuses to answer without values', () => {
    assert.deepEqual(observed([0, 0]).range(8, minMax), { scale: 1, zeroPoint: 0, qmin: 0, qmax: 255, lo: 0, hi: 255 });
    assert.throws(() => new ActivationObserver().range(8, minMax), { code: 'quantize/no-range' });
    assert.throws(() => observed([NaN]).range(8, minMax), { code: 'quantize/no-range' });
    for (const bits of [1, 9, 2.5]) {
      assert.throws(() => observed([1]).range(bits, minMax), { code: 'quantize/bits' });
    }
  });

  it('finds exact quantiles of small sets', () => {
    // Linear-interpolated quantiles of |x| over 64 Laplace draws.
    const observer = observed(laplaceDraws(7, 64));
    for (const [percentile, expected] of [
      [90, 2.16470915],
      [95, 3.25124188],
      [99, 5.13519646],
    ] as const) {
      const grid = observer.range(8, { method: 'percentile', symmetric: true, percentile });
      near(grid.scale * 127, expected, 1e-6);
    }
  });

  it('finds quantiles of large sets within a bin, whatever the batches', () => {
    const normal = seededNormal(3);
    const values = Float32Array.from({ length: 300_000 }, () => Math.max(0, normal()) + 0.001 * normal());
    const sorted = values.slice().sort();
    const whole = observed(values);
    const parts = observed(...Array.from({ length: 30 }, (_, i) => values.subarray(i * 10_000, (i + 1) * 10_000)));
    for (const percentile of [99, 99.9, 99.99]) {
      const options = { method: 'percentile', symmetric: false, percentile } as const;
      const grid = whole.range(8, options);
      assert.deepEqual(parts.range(8, options), grid);
      const at = (percentile / 100) * (values.length - 1);
      const exact = sorted[Math.floor(at)]!;
      const bin = (whole.max - whole.min) / 4096;
      near(grid.hi, exact, bin + grid.scale);
    }
  });

  it('does not depend on the order in which a range grows', () => {
    const random = seededRandom(5);
    const values = Float32Array.from({ length: 20_000 }, () => (random() - 0.5) * 10 ** (4 * random()));
    const options = { method: 'mse', symmetric: false, percentile: 0 } as const;
    const ascending = observed(...Array.from(values.slice().sort(), (x) => [x]));
    const shuffled = observed(values.subarray(0, 7), values.subarray(7, 9000), values.subarray(9000));
    assert.deepEqual(ascending.range(4, options), shuffled.range(4, options));
  });

  for (const [bits, symmetric] of [
    [8, false],
    [4, false],
    [3, true],
    [2, false],
  ] as const) {
    it(`comes close to the best clipping of ${bits} bits ${symmetric ? 'symmetric' : 'asymmetric'}`, () => {
      const normal = seededNormal(11);
      const values = Float32Array.from({ length: 20_000 }, () => {
        const x = normal();
        return x > 0 ? x * (normal() > 2.5 ? 8 : 1) : symmetric ? x : 0;
      });
      const error = (fake: Float32Array) => fake.reduce((sum, x, i) => sum + (x - values[i]!) ** 2, 0);
      const grid = observed(values).range(bits, { method: 'mse', symmetric, percentile: 0 });
      let best = Infinity;
      const lo = values.reduce((a, b) => Math.min(a, b), 0);
      const hi = values.reduce((a, b) => Math.max(a, b), 0);
      for (let k = 1; k <= 100; k++) {
        const candidate = referenceGrid([(lo * k) / 100, (hi * k) / 100], bits, symmetric);
        best = Math.min(best, error(referenceFake(values, candidate)));
      }
      const found = error(referenceFake(values, grid));
      assert.ok(found <= best * 1.02, `${found} against ${best}`);
    });
  }

  it('sees values of every magnitude', () => {
    for (const unit of [1e-38, 1e-10, 1, 1e30]) {
      const observer = observed([unit, 2 * unit, 3 * unit, 0]);
      const grid = observer.range(8, { method: 'mse', symmetric: false, percentile: 0 });
      assert.ok(grid.scale > 0);
      assert.equal(observer.max, Math.fround(3 * unit));
    }
  });

  it('averages the extremes of samples, however they come in batches', () => {
    const samples = [
      [-1, 0, 4],
      [-3, 1, 2],
      [0, 0, 9],
    ];
    const options = { ...minMax, method: 'averaged-min-max' } as const;
    const one = new ActivationObserver();
    one.observe(Float32Array.from(samples.flat()), 3);
    const other = new ActivationObserver();
    other.observe(Float32Array.from(samples.slice(0, 2).flat()), 2);
    other.observe(Float32Array.from(samples[2]!), 1);
    const { lo, hi } = one.range(8, options);
    assert.deepEqual(other.range(8, options), one.range(8, options));
    near(hi - lo, 5 + 4 / 3, 1e-5);
    near(hi, 5, (5 + 4 / 3) / 255);
  });

  it('finds the threshold of least error to any power, as a plain scan does', () => {
    const values = Array.from(laplaceDraws(3, 4000));
    const observer = observed(values);
    for (const power of [1, 2.4, 4]) {
      const { scale } = observer.range(4, { method: 'lp', symmetric: true, percentile: 100, power });
      const largest = Math.max(...values.map(Math.abs));
      const cost = (s: number): number =>
        values.reduce((sum, x) => sum + Math.abs(x - s * Math.max(-8, Math.min(7, Math.round(x / s)))) ** power, 0);
      const least = Math.min(...Array.from({ length: 100 }, (_, k) => cost((largest * (k + 1)) / 700)));
      assert.ok(cost(scale) <= 1.003 * least, `power ${power}: ${cost(scale)} against ${least}`);
    }
  });

  it('has thresholds that solve their equations', () => {
    // Laplace: Banner et al. print 2.83, 3.89, 5.03 for 2, 3, 4 bits; 9.89 for 8.
    for (const [bits, printed] of [
      [2, 2.83],
      [3, 3.89],
      [4, 5.03],
      [5, 6.2],
      [6, 7.41],
      [7, 8.64],
      [8, 9.89],
    ] as const) {
      near(analyticThreshold('laplace', bits), printed, 0.011);
      const a = analyticThreshold('laplace', bits);
      near((a * Math.exp(a)) / (3 * 4 ** bits), 1, 1e-4);
    }
    for (const [bits, printed] of [
      [2, 1.71],
      [4, 2.55],
      [5, 2.93],
      [6, 3.28],
      [7, 3.61],
      [8, 3.92],
    ] as const) {
      near(analyticThreshold('normal', bits), printed, 0.011);
    }
  });

  it('comes near the best grid without a scan, on one side of zero and on both', () => {
    const laplace = Array.from(laplaceDraws(5, 20_000));
    const random = seededNormal(6);
    const normal = Array.from({ length: 20_000 }, () => Math.fround(random()));
    for (const values of [laplace, normal, laplace.map((x) => Math.max(0, x)), normal.map((x) => Math.max(0, x))]) {
      const observer = observed(values);
      for (const bits of [3, 4]) {
        const error = (method: 'analytic' | 'mse'): number => {
          const grid = observer.range(bits, { method, symmetric: false, percentile: 100 });
          return values.reduce((sum, x) => {
            const code = Math.round(x / grid.scale) + grid.zeroPoint;
            return sum + (x - (Math.max(grid.qmin, Math.min(grid.qmax, code)) - grid.zeroPoint) * grid.scale) ** 2;
          }, 0);
        };
        assert.ok(error('analytic') < 1.12 * error('mse'), `${bits} bits: ${error('analytic') / error('mse')}`);
      }
    }
  });
});
