import assert from 'node:assert/strict';
import {
  greedyMask,
  intersectionMask,
  maskScore,
  patternMask4,
  rowWiseMask,
  transposableMask,
} from '../../../../src/kernels';
import type { MaskKernel } from '../../../../src/kernels';
import { maskText, oracleMatrix, ORACLES } from './oracleTiles';

function sumAndCells(kernel: MaskKernel, scores: Float64Array, size: number, keep: number): [number, number] {
  const mask = new Uint8Array(scores.length);
  kernel(scores, size, size, keep, size, mask);
  return [maskScore(scores, mask), mask.reduce((a, b) => a + b, 0)];
}

function transposed(scores: Float64Array, size: number): Float64Array {
  return scores.map((_, n) => scores[(n % size) * size + Math.floor(n / size)]!);
}

describe('masks: oracle tiles', () => {
  for (const { name, scores, size, keep, ...expected } of ORACLES) {
    it(`case ${name}: every kernel reaches the sum of independent solvers`, () => {
      const exact = new Uint8Array(scores.length);
      transposableMask(scores, size, size, keep, size, exact, { exactly: true });
      assert.equal(maskScore(scores, exact), expected.exactly);
      assert.equal(
        exact.reduce((a, b) => a + b, 0),
        size * keep,
      );
      assert.equal(sumAndCells(transposableMask, scores, size, keep)[0], expected.atMost);
      assert.equal(sumAndCells(transposableMask, transposed(scores, size), size, keep)[0], expected.atMost);
      assert.equal(sumAndCells(rowWiseMask, scores, size, keep)[0], expected.rowWise);
      assert.equal(sumAndCells(rowWiseMask, transposed(scores, size), size, keep)[0], expected.columnWise);
      assert.deepEqual(sumAndCells(greedyMask, scores, size, keep), expected.greedy);
      assert.deepEqual(sumAndCells(intersectionMask, scores, size, keep), expected.intersection);
      if (size === 4) {
        assert.equal(sumAndCells(patternMask4, scores, 4, 2)[0], expected.exactly);
      }
    });
  }

  it('unique optima are found cell by cell', () => {
    const mask = (name: string): string => {
      const found = ORACLES.find((one) => one.name === name)!;
      const out = new Uint8Array(found.scores.length);
      transposableMask(found.scores, found.size, found.size, found.keep, found.size, out);
      return maskText(out, found.size);
    };
    assert.equal(mask('A'), '0110/1001/1100/0011');
    assert.equal(mask('B'), '1010/0011/1100/0101');
    assert.equal(mask('C'), '01010110/01110010/00101011/11001001/10011100/00100111/10011001/11100100');
  });

  it('case I: a tail of 5 × 6 is solved as a tail, not as a tile filled up with zeros', () => {
    const scores = oracleMatrix(3, 30, 100);
    const mask = new Uint8Array(30);
    for (const options of [{}, { exactly: true }]) {
      transposableMask(scores, 5, 6, 4, 8, mask, options);
      assert.equal(maskScore(scores, mask), 1306);
      assert.equal(
        mask.reduce((a, b) => a + b, 0),
        20,
      );
    }
  });

  it('case C as 2:4, row-wise and transposable in four tiles', () => {
    const { scores } = ORACLES.find((one) => one.name === 'C')!;
    const mask = new Uint8Array(64);
    rowWiseMask(scores, 8, 8, 2, 4, mask);
    assert.equal(maskScore(scores, mask), 23277);
    patternMask4(scores, 8, 8, 2, 4, mask);
    assert.equal(maskScore(scores, mask), 21929);
    transposableMask(scores, 8, 8, 2, 4, mask, { exactly: true });
    assert.equal(maskScore(scores, mask), 21929);
  });

  it('case F in four tiles of 8 × 8', () => {
    const { scores } = ORACLES.find((one) => one.name === 'F')!;
    const sums = (kernel: MaskKernel): number[] => {
      const mask = new Uint8Array(256);
      kernel(scores, 16, 16, 4, 8, mask);
      return [0, 1, 2, 3].map((tile) =>
        scores.reduce((sum, score, n) => {
          const inTile = 2 * Math.floor(n / 128) + Math.floor((n % 16) / 8) === tile;
          return inTile && mask[n] === 1 ? sum + score : sum;
        }, 0),
      );
    };
    assert.deepEqual(sums(transposableMask), [20843, 21134, 23342, 23098]);
    assert.deepEqual(sums(greedyMask), [19646, 20831, 23135, 22685]);
  });
});
