import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deflateSync, crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { LatheError } from '../../../../src/base/errors';
import { openDataset } from '../../../../src/job/data/openDataset';
import type { Dataset } from '../../../../src/job/data/dataset';
import { DataType } from '../../../../src/onnx';

/** A PNG of one colour, written by hand: RGB, 8 bits. */
function png(width: number, height: number, [r, g, b]: readonly [number, number, number]): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const frame = Buffer.alloc(8 + body.length);
    frame.writeUInt32BE(data.length, 0);
    body.copy(frame, 4);
    frame.writeUInt32BE(crc32(body), 4 + body.length);
    return frame;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([
    Buffer.from([0]),
    Buffer.concat(Array.from({ length: width }, () => Buffer.from([r, g, b]))),
  ]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([magic, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

describe('openDataset: image folders', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-images-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const put = (name: string, bytes: Buffer | string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  };
  const open = (shape: readonly (number | string)[], extra: object = {}, options: object = {}): Promise<Dataset> =>
    openDataset(
      { path: folder, source: 'images', inputs: new Map(), labels: undefined, samples: undefined, ...extra },
      { inputs: [{ name: 'input', type: DataType.FLOAT, shape }] },
      { scale: 1, mean: [0], std: [1] },
      options,
    );

  it('numbers classes alphabetically and takes them in turns', async () => {
    put('cat/2.png', png(2, 2, [20, 0, 0]));
    put('cat/1.png', png(2, 2, [10, 0, 0]));
    put('ant/1.png', png(2, 2, [1, 0, 0]));
    put('cat/note.txt', 'not an image');
    const dataset = await open(['n', 3, 2, 2]);
    assert.equal(dataset.samples, 3);
    assert.deepEqual([...dataset.labels(0, 3)!], [0, 1, 1]);
    const reds = [0, 1, 2].map((i) => (dataset.batch(i, 1).get('input')!.data as Float32Array)[0]);
    assert.deepEqual(reds, [1, 10, 20]);
  });

  it('lays channels out as the model wants them', async () => {
    put('a.png', png(2, 2, [1, 2, 3]));
    const first = (await open(['n', 3, 2, 2])).batch(0, 1).get('input')!;
    assert.deepEqual([...(first.data as Float32Array)], [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    const last = (await open(['n', 5, 2, 3])).batch(0, 1).get('input')!;
    assert.deepEqual(last.dims, [1, 5, 2, 3]);
    assert.deepEqual([...(last.data as Float32Array)].slice(0, 6), [1, 2, 3, 1, 2, 3]);
  });

  it('scales to the model, turns to grey, and takes the size of the first image where the model has none', async () => {
    put('a.png', png(9, 5, [100, 100, 100]));
    put('b.png', png(3, 4, [50, 50, 50]));
    const grey = (await open(['n', 1, 4, 6])).batch(0, 2).get('input')!;
    assert.deepEqual(grey.dims, [2, 1, 4, 6]);
    assert.deepEqual([...new Set(grey.data as Float32Array)], [100, 50]);
    assert.deepEqual((await open(['n', 3, 'h', 'w'])).batch(0, 2).get('input')!.dims, [2, 3, 5, 9]);
  });

  it('has no labels without sub-folders, and says so', async () => {
    put('a.png', png(2, 2, [1, 2, 3]));
    assert.equal((await open(['n', 3, 2, 2])).hasLabels, false);
  });

  it('names an image that cannot be read, and leaves no scratch files', async () => {
    put('a.png', png(2, 2, [1, 2, 3]));
    put('b.png', png(2, 2, [1, 2, 3]).subarray(0, 40));
    await assert.rejects(
      open(['n', 3, 2, 2]),
      (error) => LatheError.is(error, 'data/image') && error.message.includes('b.png'),
    );
    assert.equal((await open(['n', 3, 2, 2], { samples: 1 })).samples, 1);
    assert.deepEqual(readdirSync(folder).sort(), ['a.png', 'b.png']);
  });

  it('refuses inputs that images cannot feed, and folders without images', async () => {
    await assert.rejects(open(['n', 3, 2, 2]), (error) => LatheError.is(error, 'data/unknown-format'));
    put('a.png', png(2, 2, [1, 2, 3]));
    await assert.rejects(open(['n', 12]), (error) => LatheError.is(error, 'data/unsupported'));
    await assert.rejects(open(['n', 7, 2, 2]), (error) => LatheError.is(error, 'data/unsupported'));
  });
});
