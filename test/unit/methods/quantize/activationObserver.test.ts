import assert from 'node:assert/strict';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import { ActivationObserver } from '../../../../src/methods';
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
});
