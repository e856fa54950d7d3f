import assert from 'node:assert/strict';
import {
  asymmetricGrid,
  dequantizeChannelsInto,
  dequantizeInto,
  fakeQuantizeInto,
  gridRange,
  quantizeChannelsInto,
  quantizeInto,
  roundHalfEven,
  signedRange,
  symmetricGrid,
  symmetricScale,
  unsignedRange,
} from '../../../src/kernels';
import { seededNormal, seededRandom } from '../../../src/base/random';

function quantized(x: readonly number[], scale: number, zero: number, qmin: number, qmax: number): number[] {
  const out = new Int32Array(x.length);
  quantizeInto(Float32Array.from(x), 0, x.length, out, 0, scale, zero, qmin, qmax);
  return Array.from(out);
}

function fake(x: readonly number[], scale: number, zero: number, qmin: number, qmax: number): number[] {
  const out = new Float32Array(x.length);
  fakeQuantizeInto(Float32Array.from(x), 0, x.length, out, 0, scale, zero, qmin, qmax);
  return Array.from(out);
}

describe('roundHalfEven', () => {
  it('rounds ties to even on both sides of zero', () => {
    const ties = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5];
    assert.deepEqual(ties.map(roundHalfEven), [-4, -2, -2, 0, 0, 2, 2, 4]);
  });

  it('agrees with a definition by floor on random numbers of every magnitude', () => {
    const random = seededRandom(1);
    for (let i = 0; i < 20000; i++) {
      const x = (random() - 0.5) * 2 ** Math.floor(random() * 56);
      const floor = Math.floor(x);
      const rest = x - floor;
      const expected = rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 === 0 ? floor : floor + 1;
      assert.equal(roundHalfEven(x), expected + 0);
    }
  });

  it('handles ties beyond 2^51, the largest doubles, infinities and NaN', () => {
    assert.equal(roundHalfEven(2 ** 51 + 0.5), 2 ** 51);
    assert.equal(roundHalfEven(2 ** 51 + 1.5), 2 ** 51 + 2);
    assert.equal(roundHalfEven(-(2 ** 51) - 0.5), -(2 ** 51));
    assert.equal(roundHalfEven(Number.MAX_VALUE), Number.MAX_VALUE);
    assert.equal(roundHalfEven(Infinity), Infinity);
    assert.equal(roundHalfEven(-Infinity), -Infinity);
    assert.ok(Number.isNaN(roundHalfEven(NaN)));
  });
});

describe('quantizeInto', () => {
  // Values computed by hand and checked in another language: float32 quotients, ties to even, then the zero point.
  const x = [-2.25, -1.75, -1.25, -0.75, -0.25, 0, 0.25, 0.75, 1.25, 1.75, 3.9, -5];

  it('matches int4 with zero point 0', () => {
    assert.deepEqual(quantized(x, 0.5, 0, -8, 7), [-4, -4, -2, -2, 0, 0, 0, 2, 2, 4, 7, -8]);
  });

  it('matches uint4 with an odd zero point: rounding comes before the zero point', () => {
    assert.deepEqual(quantized(x, 0.5, 3, 0, 15), [0, 0, 1, 1, 3, 3, 3, 5, 5, 7, 11, 0]);
    assert.deepEqual(fake(x, 0.5, 3, 0, 15), [-1.5, -1.5, -1, -1, 0, 0, 0, 1, 1, 2, 4, -1.5]);
  });

  it('keeps 3-bit codes on their grid inside a wider container', () => {
    assert.deepEqual(quantized(x, 0.5, 0, -4, 3), [-4, -4, -2, -2, 0, 0, 0, 2, 2, 3, 3, -4]);
  });

  it('divides in float32: 0.35 / 0.1 is a tie there and not in float64', () => {
    assert.deepEqual(quantized([0.35, 0.15, 1.15, 1.05], 0.1, 0, -128, 127), [4, 2, 12, 10]);
  });

  it('saturates infinities, sends NaN to qmin and gives +0 for −0', () => {
    assert.deepEqual(quantized([Infinity, -Infinity, NaN, -0], 0.5, 7, 0, 255), [255, 0, 0, 7]);
    assert.ok(Object.is(fake([-0], 0.5, 0, -8, 7)[0], 0));
    assert.ok(Object.is(fake([-0.1], 0.5, 0, -8, 7)[0], 0));
  });

  it('respects offsets and leaves the rest alone', () => {
    const src = Float32Array.from([9, 9, 1, 2, 9]);
    const out = new Int32Array(5).fill(-1);
    quantizeInto(src, 2, 2, out, 1, 0.5, 0, -8, 7);
    assert.deepEqual(Array.from(out), [-1, 2, 4, -1, -1]);
    quantizeInto(src, 0, 0, out, 0, 0.5, 0, -8, 7);
    assert.deepEqual(Array.from(out), [-1, 2, 4, -1, -1]);
  });
});

describe('quantizeChannelsInto', () => {
  it('equals quantizing each element with the scale of its channel, along any axis', () => {
    const normal = seededNormal(4);
    for (const [outer, channels, inner] of [
      [1, 5, 7],
      [3, 4, 1],
      [2, 3, 6],
    ] as const) {
      const src = Float32Array.from({ length: outer * channels * inner }, () => normal());
      const scales = Float32Array.from({ length: channels }, (_, c) => 0.05 * (c + 1));
      const zeros = Int32Array.from({ length: channels }, (_, c) => c - 1);
      const codes = new Int32Array(src.length);
      const back = new Float32Array(src.length);
      quantizeChannelsInto(src, outer, channels, inner, codes, scales, zeros, -8, 7);
      dequantizeChannelsInto(codes, outer, channels, inner, back, scales, zeros);
      src.forEach((value, i) => {
        const c = Math.floor(i / inner) % channels;
        assert.equal(codes[i], quantized([value], scales[c]!, zeros[c]!, -8, 7)[0]);
        assert.equal(back[i], fake([value], scales[c]!, zeros[c]!, -8, 7)[0]);
      });
    }
  });

  it('uses a single scale for all channels', () => {
    const src = Float32Array.from([1, 2, 3, 4]);
    const codes = new Int32Array(4);
    quantizeChannelsInto(src, 1, 2, 2, codes, Float32Array.of(0.5), Int32Array.of(1), 0, 15);
    assert.deepEqual(Array.from(codes), [3, 5, 7, 9]);
    const back = new Float32Array(4);
    dequantizeChannelsInto(codes, 1, 2, 2, back, Float32Array.of(0.5), Int32Array.of(1));
    assert.deepEqual(Array.from(back), [1, 2, 3, 4]);
  });
});

describe('dequantizeInto', () => {
  it('rounds wide codes to float32 before the product, as int32 biases are', () => {
    const out = new Float32Array(1);
    dequantizeInto(Int32Array.of(2147483647), 0, 1, out, 0, 0.1, 0);
    assert.equal(out[0], Math.fround(Math.fround(2147483647) * Math.fround(0.1)));
  });
});

describe('grids', () => {
  it('gives the ranges of signed, narrow and unsigned widths', () => {
    assert.deepEqual(signedRange(4), { qmin: -8, qmax: 7 });
    assert.deepEqual(signedRange(4, true), { qmin: -7, qmax: 7 });
    assert.deepEqual(unsignedRange(2), { qmin: 0, qmax: 3 });
  });

  it('covers the range: quantising the ends moves them by at most half a step', () => {
    const random = seededRandom(9);
    for (let i = 0; i < 2000; i++) {
      const lo = (random() - 0.5) * 10;
      const hi = lo + random() * 10;
      for (const bits of [2, 3, 4, 8]) {
        for (const grid of [
          asymmetricGrid(lo, hi, bits),
          asymmetricGrid(lo, hi, bits, true),
          symmetricGrid(lo, hi, bits),
          symmetricGrid(lo, hi, bits, false),
        ]) {
          const { qmin, qmax, scale, zeroPoint } = grid;
          assert.ok(zeroPoint >= qmin && zeroPoint <= qmax && Number.isInteger(zeroPoint));
          assert.equal(scale, Math.fround(scale));
          const [a, z, b] = fake([lo, 0, hi], scale, zeroPoint, qmin, qmax);
          assert.equal(z, 0);
          assert.ok(Math.abs(a! - lo) <= scale * 0.5001 + 1e-6 && Math.abs(b! - hi) <= scale * 0.5001 + 1e-6);
        }
      }
    }
  });

  it('widens to hold zero and reports the range after rounding the zero point', () => {
    const grid = asymmetricGrid(1, 3, 2);
    assert.deepEqual([grid.scale, grid.zeroPoint], [1, 0]);
    const shifted = asymmetricGrid(-0.4, 1.1, 2);
    assert.deepEqual([shifted.scale, shifted.zeroPoint], [0.5, 1]);
    assert.deepEqual(gridRange(shifted), { lo: -0.5, hi: 1 });
  });

  it('uses the extra code of a full grid for the negative side', () => {
    assert.equal(symmetricGrid(-8, 7, 4, false).scale, 1);
    assert.equal(symmetricGrid(-7, 7, 4, true).scale, 1);
    assert.equal(symmetricGrid(-8, 0, 4, false).scale, 1);
    assert.equal(symmetricGrid(0, 14, 4, false).scale, 2);
  });

  it('stays usable for dead, tiny and non-finite ranges', () => {
    assert.equal(symmetricScale(0, 8), 1);
    assert.equal(symmetricScale(Infinity, 8), 1);
    assert.equal(symmetricScale(NaN, 8), 1);
    assert.equal(symmetricScale(1e-44, 8), 2 ** -126);
    assert.equal(asymmetricGrid(0, 0, 8).scale, 1);
    assert.equal(symmetricScale(3, 3), 1);
  });
});
