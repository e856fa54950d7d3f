import assert from 'node:assert/strict';
import { seededNormal } from '../../../../src/base/random';
import { searchPermutation } from '../../../../src/passes';

function magnitudes(count: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return Float32Array.from({ length: count }, () => Math.abs(normal()));
}

/** Kept score of an order, group by group with a sort. */
function kept(scores: Float32Array, rows: number, order: ArrayLike<number>, keep: number, group: number): number {
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    for (let start = 0; start < order.length; start += group) {
      const values: number[] = [];
      for (let i = start; i < Math.min(order.length, start + group); i++) {
        values.push(scores[order[i]! * rows + r]!);
      }
      values.sort((a, b) => b - a);
      sum += values.slice(0, keep).reduce((a, b) => a + b, 0);
    }
  }
  return sum;
}

describe('searchPermutation', () => {
  it('finds the best of all 35 groupings of eight channels in fours', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rows = 12;
      const scores = magnitudes(8 * rows, seed);
      let best = 0;
      for (let code = 0; code < 128; code++) {
        const first = [...Array(8).keys()].filter((c) => (code >> c) & 1);
        if (first.length === 4) {
          const second = [...Array(8).keys()].filter((c) => !first.includes(c));
          best = Math.max(best, kept(scores, rows, [...first, ...second], 2, 4));
        }
      }
      const found = searchPermutation(scores, 8, rows, { pattern: { keep: 2, group: 4 }, escapes: 12 });
      const sum = kept(scores, rows, found.order, 2, 4);
      assert.ok(Math.abs(sum - best) < 1e-6 * best, `seed ${seed}: ${sum} of ${best}`);
    }
  });

  it('reports what its order keeps, for any pattern and ragged tails', () => {
    for (const [channels, keep, group] of [
      [16, 2, 4],
      [22, 2, 4],
      [21, 1, 4],
      [37, 4, 8],
      [20, 3, 5],
      [9, 2, 4],
      [3, 2, 4],
    ] as const) {
      const rows = 30;
      const scores = magnitudes(channels * rows, channels);
      const total = scores.reduce((a, b) => a + b, 0);
      const found = searchPermutation(scores, channels, rows, { pattern: { keep, group } });
      const identity = Int32Array.from({ length: channels }, (_, i) => i);
      assert.deepEqual(
        [...found.order].sort((a, b) => a - b),
        [...identity],
        'a permutation',
      );
      assert.ok(Math.abs(found.before - kept(scores, rows, identity, keep, group) / total) < 1e-6);
      assert.ok(Math.abs(found.after - kept(scores, rows, found.order, keep, group) / total) < 1e-6);
      assert.ok(found.after >= found.before);
    }
  });

  it('separates channels that crowd each other, and leaves no single swap that gains', () => {
    const channels = 16;
    const rows = 8;
    // Four large channels per group in front, small ones behind: half of the large ones would go.
    const noise = magnitudes(channels * rows, 3);
    const scores = noise.map((v, i) => 0.01 * v + (Math.floor(i / rows) < 8 ? 1 : 0));
    const found = searchPermutation(scores, channels, rows, { pattern: { keep: 2, group: 4 }, escapes: 0 });
    assert.ok(found.before < 0.6 && found.after > 0.97, `${found.before} ${found.after}`);
    const now = kept(scores, rows, found.order, 2, 4);
    for (let a = 0; a < channels; a++) {
      for (let b = a + 1; b < channels; b++) {
        const order = [...found.order];
        [order[a], order[b]] = [order[b]!, order[a]!];
        assert.ok(kept(scores, rows, order, 2, 4) <= now * (1 + 1e-6), `swap ${a} ${b}`);
      }
    }
  });

  it('gives the same order for the same seed', () => {
    const scores = magnitudes(32 * 40, 6);
    const order = (seed: number): number[] => [
      ...searchPermutation(scores, 32, 40, { pattern: { keep: 2, group: 4 }, seed }).order,
    ];
    assert.deepEqual(order(4), order(4));
    assert.notDeepEqual(order(4), order(5));
  });
});
