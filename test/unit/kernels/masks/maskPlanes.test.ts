import assert from 'node:assert/strict';
import { CancelledError, LatheError } from '../../../../src/base/errors';
import { seededRandom } from '../../../../src/base/random';
import { joinPositions, maskPlane, maskPlanes, splitPositions, type MaskMethod } from '../../../../src/kernels';

function plane(cells: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: cells }, () => random());
}

describe('masks: planes on threads', () => {
  async function same(method: MaskMethod, planes: number, rows: number, columns: number, group: number): Promise<void> {
    const cells = rows * columns;
    const scores = plane(planes * cells, 3);
    const expected = new Uint8Array(planes * cells);
    for (let p = 0; p < planes; p++) {
      const part = expected.subarray(p * cells, (p + 1) * cells);
      maskPlane(method, scores.subarray(p * cells, (p + 1) * cells), rows, columns, group / 2, group, part);
    }
    for (const threads of [1, 2, 3]) {
      const mask = new Uint8Array(planes * cells);
      await maskPlanes(method, scores, planes, rows, columns, group / 2, group, mask, { threads });
      assert.ok(Buffer.from(mask).equals(Buffer.from(expected)), `${method} on ${threads} threads`);
    }
  }

  it('one big plane cut along tile rows gives the mask of the whole', async function () {
    this.timeout(60_000);
    await same('atMost', 1, 516, 700, 8);
  });

  it('many planes give the masks of each', async function () {
    this.timeout(60_000);
    await same('rowWise', 9, 250, 131, 4);
    await same('patterns', 9, 250, 131, 4);
  });

  it('float64 scores and arrays in shared memory', async function () {
    this.timeout(60_000);
    const cells = 512 * 520;
    const scores = new Float64Array(new SharedArrayBuffer(8 * cells));
    scores.set(plane(cells, 5));
    const shared = new Uint8Array(new SharedArrayBuffer(cells));
    const expected = new Uint8Array(cells);
    await maskPlanes('greedy', scores, 1, 512, 520, 4, 8, shared, { threads: 2 });
    maskPlane('greedy', scores, 512, 520, 4, 8, expected);
    assert.deepEqual(Buffer.from(shared), Buffer.from(expected));
  });

  it('stops when the signal fires, and works again afterwards', async function () {
    this.timeout(60_000);
    const cells = 1024 * 1024;
    const scores = plane(cells, 6);
    const mask = new Uint8Array(cells);
    const controller = new AbortController();
    const run = maskPlanes('atMost', scores, 1, 1024, 1024, 16, 32, mask, { threads: 2, signal: controller.signal });
    controller.abort();
    await assert.rejects(run, CancelledError);
    await assert.rejects(
      maskPlanes('rowWise', scores, 1, 4, 4, 2, 4, mask, { signal: controller.signal }),
      CancelledError,
    );
    await same('rowWise', 1, 600, 600, 8);
  });

  it('rejects patterns that no kernel takes', async () => {
    for (const [method, keep, group] of [
      ['rowWise', 0, 4],
      ['rowWise', 5, 4],
      ['atMost', 2, 33],
      ['atMost', 1.5, 4],
      ['patterns', 4, 8],
    ] as const) {
      await assert.rejects(maskPlanes(method, plane(64, 1), 1, 8, 8, keep, group, new Uint8Array(64)), (error) =>
        LatheError.is(error, 'kernels/pattern'),
      );
    }
  });
});

describe('masks: kernel positions as planes', () => {
  it('plane p holds position p, and joining gives the matrix back', () => {
    const matrix = Float32Array.from({ length: 2 * 3 * 4 }, (_, n) => n);
    const planes = new Float32Array(24);
    splitPositions(matrix, 2, 3, 4, planes);
    assert.deepEqual([...planes.subarray(6, 12)], [1, 5, 9, 13, 17, 21]);
    const back = new Float32Array(24);
    joinPositions(planes, 2, 3, 4, back);
    assert.deepEqual(back, matrix);
  });
});
