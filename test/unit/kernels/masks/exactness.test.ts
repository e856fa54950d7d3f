import assert from 'node:assert/strict';
import highsLoader, { type Highs } from 'highs';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import {
  countViolations,
  greedyMask,
  intersectionMask,
  maskScore,
  rowWiseMask,
  transposableMask,
  type MaskKernel,
} from '../../../../src/kernels';
import { minCostFlowMask } from '../../../../bench/minCostFlow';
import { bestByProgramme } from '../../../support/kernels/maskProgramme';
import { randomPlanes } from './randomTiles';

function close(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-11 * Math.abs(expected), `${what}: ${actual}, not ${expected}`);
}

/** Best mask with at most (or exactly) `keep` cells per line, over all masks of a tile of at most 16 cells. */
function bruteForce(
  scores: Float32Array | Float64Array,
  rows: number,
  columns: number,
  keep: number,
  exactly: boolean,
) {
  let best = -Infinity;
  for (let set = 0; set < 1 << (rows * columns); set++) {
    const lines = new Int32Array(rows + columns);
    let sum = 0;
    for (let cell = 0; cell < rows * columns; cell++) {
      if (((set >>> cell) & 1) === 1) {
        lines[Math.floor(cell / columns)]! += 1;
        lines[rows + (cell % columns)]! += 1;
        sum += scores[cell]!;
      }
    }
    if (sum > best && lines.every((count) => (exactly ? count === keep : count <= keep))) {
      best = sum;
    }
  }
  return best;
}

function scoreOf(
  scores: Float32Array | Float64Array,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  exactly = false,
): number {
  const mask = new Uint8Array(rows * columns);
  transposableMask(scores, rows, columns, keep, group, mask, { exactly });
  const { forward, backward } = countViolations(mask, rows, columns, keep, group);
  assert.equal(forward + backward, 0, 'both directions follow the pattern');
  if (exactly && rows === group && columns === group) {
    assert.equal(
      mask.reduce((a, b) => a + b, 0),
      keep * group,
    );
  }
  return maskScore(scores, mask);
}

function gaussianTile(cells: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return Float32Array.from({ length: cells }, () => Math.abs(normal()));
}

describe('masks: exact masks are optimal', () => {
  let highs: Highs;
  before(async function () {
    this.timeout(60_000);
    highs = await highsLoader();
  });

  it('all masks of small tiles tried', function () {
    this.timeout(60_000);
    for (const [rows, columns, keep, group] of [
      [3, 3, 1, 3],
      [3, 3, 2, 3],
      [3, 4, 2, 4],
      [2, 5, 1, 8],
      [2, 2, 1, 2],
    ] as const) {
      for (let seed = 0; seed < 4; seed++) {
        for (const { name, scores } of randomPlanes(rows, columns, seed)) {
          const what = `${rows} × ${columns}, ${name}`;
          close(scoreOf(scores, rows, columns, keep, group), bruteForce(scores, rows, columns, keep, false), what);
          if (rows === group && columns === group) {
            const best = bruteForce(scores, rows, columns, keep, true);
            close(scoreOf(scores, rows, columns, keep, group, true), best, `${what}, exactly`);
          }
        }
      }
    }
  });

  it('against a linear programme on 8 × 8 and 16 × 16 float tiles', function () {
    this.timeout(120_000);
    for (const [size, keep, tiles] of [
      [8, 4, 30],
      [8, 6, 20],
      [8, 1, 10],
      [16, 8, 6],
      [16, 3, 4],
    ] as const) {
      for (let seed = 0; seed < tiles; seed++) {
        const scores = gaussianTile(size * size, 31 * seed + keep);
        for (const exactly of [false, true]) {
          const best = bestByProgramme(highs, scores, size, size, keep, exactly);
          close(scoreOf(scores, size, size, keep, size, exactly), best, `${keep} of ${size}, seed ${seed}`);
        }
      }
    }
  });

  it('tails against a linear programme', function () {
    this.timeout(60_000);
    for (const [rows, columns] of [
      [5, 6],
      [8, 3],
      [1, 8],
      [7, 8],
    ] as const) {
      for (let seed = 0; seed < 6; seed++) {
        const scores = gaussianTile(rows * columns, 7 * seed + rows);
        const best = bestByProgramme(highs, scores, rows, columns, 4, false);
        close(scoreOf(scores, rows, columns, 4, 8), best, `${rows} × ${columns}, seed ${seed}`);
      }
    }
  });

  it('against a textbook minimum-cost flow, up to 32 × 32, with ties, zeros and a wide range', function () {
    this.timeout(120_000);
    for (const [rows, columns, keep, group, seeds] of [
      [8, 8, 4, 8, 20],
      [8, 8, 5, 8, 10],
      [8, 5, 4, 8, 10],
      [13, 13, 6, 13, 3],
      [32, 32, 16, 32, 1],
    ] as const) {
      for (let seed = 0; seed < seeds; seed++) {
        for (const { name, scores } of randomPlanes(rows, columns, seed)) {
          const { sum } = minCostFlowMask(scores, rows, columns, keep);
          close(scoreOf(scores, rows, columns, keep, group), sum, `${rows} × ${columns}, ${name}`);
        }
      }
    }
  });
});

describe('masks: what holds for every tile', () => {
  const keepSum = (kernel: MaskKernel, scores: Float32Array, keep: number): number => {
    const mask = new Uint8Array(64);
    kernel(scores, 8, 8, keep, 8, mask);
    return maskScore(scores, mask);
  };
  const transposed = (scores: Float32Array): Float32Array => scores.map((_, n) => scores[(n % 8) * 8 + (n >> 3)]!);

  it('bounds between the kernels', () => {
    for (let seed = 0; seed < 200; seed++) {
      const keep = 1 + (seed % 7);
      const scores = gaussianTile(64, seed);
      const total = scores.reduce((a, b) => a + b, 0);
      const atMost = scoreOf(scores, 8, 8, keep, 8);
      const exact = scoreOf(scores, 8, 8, keep, 8, true);
      const slack = 1e-12 * total;
      assert.ok(exact <= atMost + slack);
      assert.ok(atMost <= keepSum(rowWiseMask, scores, keep) + slack);
      assert.ok(atMost <= keepSum(rowWiseMask, transposed(scores), keep) + slack);
      const greedy = keepSum(greedyMask, scores, keep);
      assert.ok(greedy <= atMost + slack && greedy >= atMost / 2 - slack);
      assert.ok(total - keepSum(intersectionMask, scores, keep) <= 2 * (total - exact) + slack);
    }
  });

  it('transposing, permuting rows and columns, and scaling by a power of two change nothing', () => {
    for (let seed = 0; seed < 100; seed++) {
      const scores = gaussianTile(64, seed + 1000);
      const best = scoreOf(scores, 8, 8, 4, 8);
      close(scoreOf(transposed(scores), 8, 8, 4, 8), best, 'transposed');
      const random = seededRandom(seed);
      const order = (): number[] =>
        Array.from({ length: 8 }, (_, n) => ({ n, key: random() }))
          .sort((a, b) => a.key - b.key)
          .map(({ n }) => n);
      const [rows, columns] = [order(), order()];
      const shuffled = scores.map((_, n) => scores[8 * rows[n >> 3]! + columns[n % 8]!]!);
      close(scoreOf(shuffled, 8, 8, 4, 8), best, 'permuted');
      const mask = new Uint8Array(64);
      const scaledMask = new Uint8Array(64);
      transposableMask(scores, 8, 8, 4, 8, mask);
      transposableMask(
        scores.map((score) => score / 1024),
        8,
        8,
        4,
        8,
        scaledMask,
      );
      assert.deepEqual(scaledMask, mask);
    }
  });

  it('zero and constant tiles keep all that fits; a mask never holds a cell back that fits', () => {
    for (const value of [0, 0.3]) {
      for (const exactly of [false, true]) {
        const mask = new Uint8Array(64);
        transposableMask(new Float64Array(64).fill(value), 8, 8, 3, 8, mask, { exactly });
        assert.equal(
          mask.reduce((a, b) => a + b, 0),
          24,
        );
      }
    }
    const sparse = randomPlanes(8, 8, 5).find(({ name }) => name.startsWith('sparse'))!.scores;
    const mask = new Uint8Array(64);
    transposableMask(sparse, 8, 8, 4, 8, mask);
    const sum = (cells: (n: number) => number): number =>
      [0, 1, 2, 3, 4, 5, 6, 7].reduce((s, n) => s + mask[cells(n)]!, 0);
    for (let n = 0; n < 64; n++) {
      const row = sum((j) => 8 * (n >> 3) + j);
      const column = sum((i) => 8 * i + (n % 8));
      assert.ok(mask[n] === 1 || row === 4 || column === 4, `cell ${n} fits`);
    }
  });

  it('compliance counts a group once per direction', () => {
    const mask = Uint8Array.from([1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
    assert.deepEqual(countViolations(mask, 4, 4, 2, 4), {
      forward: 1,
      backward: 1,
      forwardGroups: 4,
      backwardGroups: 4,
    });
    assert.equal(countViolations(mask, 2, 8, 2, 3).forwardGroups, 6);
  });
});
