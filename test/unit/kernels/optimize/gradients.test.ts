import assert from 'node:assert/strict';
import { adamInto, rangeGradientsInto, scaleGradientInto } from '../../../../src/kernels';

describe('gradients through fake quantisation', () => {
  it('of a learned range and minimum, against automatic differentiation', () => {
    const w = Float64Array.of(0.83, -0.21, 0.37, -0.62);
    const upstream = Float64Array.of(1, 2, 3, 4);
    const gradient = new Float64Array(4);
    const sums = new Float64Array(2);
    rangeGradientsInto(w, 0, 4, 1.4, -0.6, 15, upstream, 0, gradient, 0, sums);
    assert.deepEqual([...gradient], [1, 2, 3, 0]);
    assert.ok(Math.abs(sums[0]! - 0.1619047619) < 1e-10, `${sums[0]}`);
    assert.equal(sums[1], 4);
  });

  it('have no term for the minimum where the zero point is clipped', () => {
    const gradient = new Float64Array(2);
    const sums = new Float64Array(2);
    // All values are at least 0.3, so the unclipped zero point would be −4: v runs from 0 to 15.
    rangeGradientsInto(Float64Array.of(5, 0.5), 0, 2, 1.4, 0.3, 15, Float64Array.of(1, 1), 0, gradient, 0, sums);
    assert.equal(sums[1], 0);
    const u = 0.5 / (1.4 / 15);
    assert.ok(Math.abs(sums[0]! - (15 + Math.round(u) - u) / 15) < 1e-12);
  });

  it('of a scale, where no code changes, are those of the function itself', () => {
    const w = Float64Array.of(0.9, -2, 0.31, -0.1);
    const upstream = Float64Array.of(0.3, 1, -2, 0.7);
    const gradient = new Float64Array(4);
    const ds = scaleGradientInto(w, 0, 4, 0.2, -3, 3, upstream, 0, gradient, 0);
    assert.deepEqual([...gradient], [0, 0, -2, 0.7]);
    // Clipped: v. Inside: v − w / s.
    const expected = 0.3 * 3 + 1 * -3 - 2 * (2 - 0.31 / 0.2) + 0.7 * (0 + 0.1 / 0.2);
    assert.ok(Math.abs(ds - expected) < 1e-12);
  });

  it('move parameters by the rate in the first step of Adam, whatever their size', () => {
    const x = Float64Array.of(1, 2, 3);
    const state = [new Float64Array(3), new Float64Array(3)] as const;
    adamInto(x, Float64Array.of(9, 1e-3, -500), state[0], state[1], 0, 3, 0.01, 1);
    [0.99, 1.99, 3.01].forEach((expected, i) => assert.ok(Math.abs(x[i]! - expected) < 1e-6));
    // Second step by hand, g = 1 after 9.
    const y = x[0]!;
    adamInto(x, Float64Array.of(1, 0, 0), state[0], state[1], 0, 1, 0.01, 2);
    const m = (0.9 * 0.1 * 9 + 0.1 * 1) / (1 - 0.81);
    const v = (0.999 * 0.001 * 81 + 0.001) / (1 - 0.999 ** 2);
    assert.ok(Math.abs(x[0]! - (y - (0.01 * m) / (Math.sqrt(v) + 1e-8))) < 1e-9);
  });
});
