import assert from 'node:assert/strict';
import {
  accumulateMoments,
  cosineSimilarity,
  countCompliantGroups,
  countExcessNonZeros,
  countNonFinite,
  countZeros,
  createMoments,
  decibels,
  histogramInto,
  maxAbsDifference,
  minMaxInto,
  sqnr,
  squaredError,
  variance,
} from '../../../src/kernels';
import { seededNormal, seededRandom } from '../../../src/base/random';

const close = (actual: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance * (1 + Math.abs(expected)), `${actual} is not ${expected}`);

describe('accumulateMoments', () => {
  it('equals two passes over everything, however the stream is cut, with a large offset', () => {
    const normal = seededNormal(2);
    const x = Float32Array.from({ length: 1001 }, () => 1000 + normal());
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const spread = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
    for (const step of [1, 7, 256, 1001]) {
      const moments = createMoments();
      for (let at = 0; at < x.length; at += step) {
        accumulateMoments(moments, x, at, Math.min(step, x.length - at));
      }
      close(moments.mean, mean);
      close(variance(moments), spread, 1e-9);
      assert.equal(moments.count, 1001);
      assert.equal(moments.min, Math.min(...x));
      assert.equal(moments.max, Math.max(...x));
    }
  });

  it('counts zeros, NaN and infinities and keeps the last two out of the rest', () => {
    const moments = createMoments();
    accumulateMoments(moments, Float32Array.of(NaN, 0, -0, Infinity, 4, -Infinity, -2), 0, 7);
    assert.deepEqual(
      [moments.count, moments.zeros, moments.nans, moments.infinities, moments.min, moments.max, moments.mean],
      [4, 2, 1, 2, -2, 4, 0.5],
    );
  });

  it('stays empty on an empty run', () => {
    const moments = createMoments();
    accumulateMoments(moments, new Float32Array(4), 2, 0);
    assert.equal(moments.count, 0);
    assert.equal(variance(moments), 0);
  });
});

describe('histograms and counts', () => {
  it('puts every value inside the range into one bin, the upper end into the last', () => {
    const counts = new Float64Array(4);
    const counted = histogramInto(Float32Array.of(9, 0, 0.24, 0.25, 0.5, 1, NaN, -0.1, 1.1), 1, 8, 0, 1, counts);
    assert.deepEqual(Array.from(counts), [2, 1, 1, 1]);
    assert.equal(counted, 5);
  });

  it('handles a range of one point', () => {
    const counts = new Float64Array(3);
    assert.equal(histogramInto(Float32Array.of(2, 2, 3), 0, 3, 2, 2, counts), 2);
    assert.deepEqual(Array.from(counts), [2, 0, 0]);
  });

  it('finds the finite range and counts the rest', () => {
    const x = Float32Array.of(NaN, 3, -Infinity, 0, Infinity, -1, -0);
    const range = new Float64Array(2);
    minMaxInto(x, 0, 7, range);
    assert.deepEqual(Array.from(range), [-1, 3]);
    assert.equal(countZeros(x, 0, 7), 2);
    assert.equal(countNonFinite(x, 0, 7), 3);
    minMaxInto(x, 0, 1, range);
    assert.deepEqual(Array.from(range), [Infinity, -Infinity]);
  });
});

describe('N:M groups', () => {
  /** Straight from the definition, element by element. */
  function brute(x: Float32Array, shape: [number, number, number], keep: number, group: number): [number, number] {
    const [outer, axis, inner] = shape;
    let compliant = 0;
    let excess = 0;
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        for (let g = 0; g * group < axis; g++) {
          let nonZeros = 0;
          for (let a = g * group; a < Math.min(axis, (g + 1) * group); a++) {
            nonZeros += x[(o * axis + a) * inner + i] === 0 ? 0 : 1;
          }
          compliant += nonZeros <= keep ? 1 : 0;
          excess += Math.max(0, nonZeros - keep);
        }
      }
    }
    return [compliant, excess];
  }

  it('agree with the definition for every stride, tail and pattern', () => {
    const random = seededRandom(6);
    for (const shape of [
      [3, 16, 1],
      [2, 13, 9],
      [1, 7, 4],
      [5, 3, 2],
      [1, 1, 1],
      [2, 40, 3],
      [2, 21, 8],
      [1, 19, 1100],
    ] as [number, number, number][]) {
      const x = Float32Array.from({ length: 1 + shape[0] * shape[1] * shape[2] }, () =>
        random() < 0.5 ? 0 : random(),
      );
      for (const [keep, group] of [
        [1, 2],
        [2, 4],
        [4, 8],
        [8, 16],
        [1, 4],
      ] as const) {
        const [compliant, excess] = brute(x.slice(1), shape, keep, group);
        assert.equal(countCompliantGroups(x, 1, ...shape, keep, group), compliant);
        assert.equal(countExcessNonZeros(x, 1, ...shape, keep, group), excess);
      }
    }
  });

  it('matches the chance of compliance at half zeros: .6875 for 2:4, .6367 for 4:8', () => {
    const random = seededRandom(12);
    const x = Float32Array.from({ length: 1 << 18 }, () => (random() < 0.5 ? 0 : 1));
    close(countCompliantGroups(x, 0, 1, x.length, 1, 2, 4) / (x.length / 4), 0.6875, 0.003);
    close(countCompliantGroups(x, 0, 1, x.length, 1, 4, 8) / (x.length / 8), 0.6367, 0.003);
  });

  it('counts NaN as non-zero', () => {
    assert.equal(countCompliantGroups(Float32Array.of(NaN, 1), 0, 1, 2, 1, 1, 2), 0);
  });
});

describe('differences', () => {
  it('computes SQNR, squared error, cosine and the largest difference', () => {
    const a = Float32Array.of(7, 1, 2, 3);
    const b = Float32Array.of(1, 2, 2.5);
    assert.equal(squaredError(a, 1, b, 0, 3), 0.25);
    close(sqnr(a, 1, b, 0, 3), 10 * Math.log10(14 / 0.25));
    assert.equal(maxAbsDifference(a, 1, b, 0, 3), 0.5);
    close(cosineSimilarity(a, 1, b, 0, 3), 12.5 / Math.sqrt(14 * 11.25));
    assert.equal(decibels(3, 0), Infinity);
    assert.equal(decibels(0, 1), -Infinity);
  });

  it('treats equal infinities as equal and NaN as a difference', () => {
    const inf = Float32Array.of(Infinity, 1);
    assert.equal(maxAbsDifference(inf, 0, Float32Array.of(Infinity, 2), 0, 2), 1);
    assert.ok(Number.isNaN(maxAbsDifference(inf, 0, Float32Array.of(NaN, 1), 0, 2)));
    assert.equal(cosineSimilarity(new Float32Array(2), 0, new Float32Array(2), 0, 2), 1);
    assert.equal(cosineSimilarity(new Float32Array(2), 0, Float32Array.of(1, 0), 0, 2), 0);
  });
});
