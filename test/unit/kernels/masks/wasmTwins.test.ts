import assert from 'node:assert/strict';
import { countViolations as countTwin } from '../../../../src/kernels/masks/compliance';
import type { MaskMethod } from '../../../../src/kernels/masks/maskModule';
import { maskTwins } from '../../../../src/kernels/masks/twins';
import { maskInWasm, violationsInWasm } from '../../../../src/kernels/masks/wasmMasks';
import { randomPlanes } from './randomTiles';

const METHODS = ['rowWise', 'atMost', 'exactly', 'greedy', 'intersection'] as const;

describe('masks: WebAssembly gives what the TypeScript twins give', () => {
  function compare(method: MaskMethod, rows: number, columns: number, keep: number, group: number, seed: number): void {
    for (const { name, scores } of randomPlanes(rows, columns, seed)) {
      const expected = new Uint8Array(scores.length).fill(7);
      const actual = new Uint8Array(scores.length).fill(9);
      maskTwins[method](scores, rows, columns, keep, group, expected);
      assert.ok(maskInWasm(method, scores, rows, columns, keep, group, actual), 'WebAssembly loads');
      assert.ok(
        Buffer.from(actual).equals(Buffer.from(expected)),
        `${method} ${keep}:${group} on ${rows} × ${columns}, ${name}`,
      );
    }
  }

  for (const method of METHODS) {
    it(`${method}, every group up to 32, with tails`, () => {
      for (let group = 1; group <= 32; group++) {
        for (const keep of new Set([1, Math.ceil(group / 4), Math.ceil(group / 2), group])) {
          compare(method, group + Math.floor(group / 2), 2 * group + 1 + (group % 3), keep, group, 100 * group + keep);
        }
      }
    });

    it(`${method}, thousands of tiles of 4 and 8`, () => {
      for (let seed = 0; seed < 4; seed++) {
        compare(method, 64, 72, 4, 8, seed);
        compare(method, 64, 76, 2, 4, seed);
        compare(method, 45, 67, 3, 8, seed);
      }
    });
  }

  it('the 90 patterns', () => {
    for (let seed = 0; seed < 4; seed++) {
      compare('patterns', 66, 75, 2, 4, seed);
    }
  });

  it('planes of several bands, and empty ones', () => {
    compare('atMost', 36, 4001, 4, 8, 1);
    compare('rowWise', 36, 4001, 2, 4, 2);
    compare('atMost', 0, 5, 4, 8, 3);
  });

  it('violations of masks, float32 and float64, both ways', () => {
    for (const [rows, columns, keep, group] of [
      [37, 45, 4, 8],
      [33, 70, 2, 4],
      [3, 3, 1, 32],
      [36, 4001, 3, 5],
    ] as const) {
      for (const { scores } of randomPlanes(rows, columns, rows)) {
        const mask = Uint8Array.from(scores, (score) => (score > 0.3 ? 1 : 0));
        for (const cells of [mask, scores]) {
          assert.deepEqual(
            violationsInWasm(cells, rows, columns, keep, group),
            countTwin(cells, rows, columns, keep, group),
          );
        }
      }
    }
  });
});
