import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import type { RunnerValue } from '../../../../src/analysis';
import { LatheError } from '../../../../src/base/errors';
import { DataType } from '../../../../src/onnx';
import type { Dataset } from '../../../../src/job/data/dataset';
import { openDataset, type WantedData } from '../../../../src/job/data/openDataset';
import type { DataSpec, Preprocess } from '../../../../src/job/recipe/recipe';

const fixtures = join(__dirname, '../../../fixtures/data');
const plain: Preprocess = { scale: 1, mean: [0], std: [1] };
const image: RunnerValue = { name: 'input', type: DataType.FLOAT, shape: ['batch', 2, 3, 4] };

function spec(source: string, extra: Partial<DataSpec> = {}): DataSpec {
  return { path: join(fixtures, source), source, inputs: new Map(), labels: undefined, samples: undefined, ...extra };
}

async function open(
  source: string,
  extra: Partial<DataSpec> = {},
  wanted: Partial<WantedData> = {},
  preprocess = plain,
): Promise<Dataset> {
  return await openDataset(spec(source, extra), { inputs: [image], ...wanted }, preprocess);
}

function values(dataset: Dataset, start: number, count: number, input = 'input'): number[] {
  return Array.from(dataset.batch(start, count).get(input)!.data as Float32Array, Number);
}

async function failure(promise: Promise<unknown>): Promise<LatheError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(LatheError.is(error), String(error));
    assert.equal(error.category, 'usage');
    return error;
  }
  throw new assert.AssertionError({ message: 'no error' });
}

const counting = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('openDataset: arrays', () => {
  it('reads every element type and byte order as NumPy wrote it', async () => {
    const names = ['i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f2', 'f4', 'f8'];
    const orders = names.flatMap((name) => (name.endsWith('1') ? [name] : [name, `${name}be`]));
    for (const name of orders) {
      const dataset = await open('types.npz', { inputs: new Map([['input', name]]) });
      assert.equal(dataset.samples, 6);
      assert.deepEqual(
        values(dataset, 1, 5),
        counting(24, 144).map((v) => v % 100),
        name,
      );
      dataset.close();
    }
    const dataset = await open('types.npz', { inputs: new Map([['input', 'b1']]) });
    assert.deepEqual(
      values(dataset, 0, 1),
      counting(0, 24).map((v) => v % 2),
    );
  });

  it('reads signs, halves and long integers exactly', async () => {
    const read = async (name: string, type: DataType): Promise<unknown[]> => {
      const inputs = [{ name: 'input', type, shape: ['n'] }];
      const dataset = await open('signed.npz', { inputs: new Map([['input', name]]) }, { inputs });
      return [...(dataset.batch(0, dataset.samples).get('input')!.data as Iterable<unknown>)];
    };
    assert.deepEqual(await read('i1', DataType.FLOAT), [-128, -1, 0, 127]);
    assert.deepEqual(await read('i8', DataType.INT64), [-(2n ** 53n) + 1n, -1n, 0n, 2n ** 53n - 1n]);
    const halves = [0, -0, 1, -2.5, 65504, 2 ** -24, 6.097555160522461e-5, 0.333251953125];
    assert.deepEqual(await read('f2', DataType.FLOAT), halves);
    // The same bit patterns come back when the model takes float16: NumPy's bits are the oracle.
    assert.deepEqual(await read('f2', DataType.FLOAT16), [0, 0x8000, 0x3c00, 0xc100, 0x7bff, 1, 0x03ff, 0x3555]);
    assert.equal(
      (await failure(open('toolong.npz', {}, { inputs: [{ name: 'x', type: DataType.INT64, shape: ['n'] }] }))).code,
      'data/unsupported',
    );
  });

  it('reads .npy of all versions, folders of .npy and Fortran order', async () => {
    for (const source of ['plain.npy', 'version2.npy', 'version3.npy', 'fortran.npz']) {
      assert.deepEqual(values(await open(source), 2, 2), counting(48, 96), source);
    }
    const inputs = [
      { ...image, name: 'first' },
      { name: 'second', type: DataType.INT64, shape: ['batch'] },
    ];
    const dataset = await open('arrays', {}, { inputs });
    assert.deepEqual(values(dataset, 3, 2, 'first'), counting(72, 120));
    assert.deepEqual(values(dataset, 3, 2, 'second'), [3, 4]);
    assert.deepEqual(dataset.batch(3, 2).get('second')!.dims, [2]);
  });

  it('finds the array that fits without being told, and keeps labels apart', async () => {
    const dataset = await open('samples.npz', { labels: 'y' });
    assert.deepEqual(values(dataset, 0, 1), counting(0, 24));
    assert.deepEqual([...dataset.labels(2, 3)!], [2, 0, 1]);
    assert.equal(dataset.hasLabels, true);
    assert.equal((await open('samples.npz')).labels(0, 1), undefined);
  });

  it('applies preprocessing per channel', async () => {
    const preprocess = { scale: 0.5, mean: [1, 2], std: [2, 4] };
    const expected = counting(0, 24).map((v) => (v < 12 ? (v * 0.5 - 1) / 2 : (v * 0.5 - 2) / 4));
    assert.deepEqual(values(await open('samples.npz', {}, {}, preprocess), 0, 1), expected);
    assert.deepEqual(values(await open('plain.npy', {}, {}, preprocess), 0, 1), expected);
    const error = await failure(open('samples.npz', {}, {}, { scale: 1, mean: [0, 0, 0], std: [1] }));
    assert.equal(error.code, 'data/preprocess');
  });

  it('takes the first samples, and says when there are fewer than asked', async () => {
    assert.equal((await open('samples.npz', { samples: 4 })).samples, 4);
    const error = await failure(open('samples.npz', { samples: 7 }));
    assert.equal(error.code, 'data/too-few');
    assert.match(error.message, /has 6 samples; the recipe asks for 7/);
  });

  it('bridges axes of length 1 and inputs without a batch axis', async () => {
    const shaped = (shape: RunnerValue['shape']): Partial<WantedData> => ({ inputs: [{ ...image, shape }] });
    const idx = await open('t10k-images-idx3-ubyte', {}, shaped(['batch', 1, 3, 4]));
    assert.deepEqual(idx.batch(0, 2).get('input')!.dims, [2, 1, 3, 4]);
    const symbolic = await open('t10k-images-idx3-ubyte', {}, shaped(['batch', 1, 'h', 'w']));
    assert.deepEqual(symbolic.batch(0, 2).get('input')!.dims, [2, 1, 3, 4]);
    const single = await open('plain.npy', {}, shaped([2, 3, 4]));
    assert.equal(single.fixedBatch, 1);
    assert.deepEqual(single.batch(3, 1).get('input')!.dims, [2, 3, 4]);
  });

  it('reports a fixed batch, and scalars that stay the same', async () => {
    const inputs = [
      { ...image, name: 'x', shape: [4, 2, 3, 4] },
      { name: 'rate', type: DataType.INT64, shape: [] },
    ];
    const dataset = await open('scalars.npz', {}, { inputs });
    assert.equal(dataset.fixedBatch, 4);
    assert.deepEqual(dataset.batch(0, 4).get('rate'), {
      type: DataType.INT64,
      dims: [],
      data: BigInt64Array.of(16000n),
    });
    const error = await failure(open('plain.npy', {}, { inputs: [{ ...image, shape: [7, 2, 3, 4] }] }));
    assert.equal(error.code, 'data/too-few');
  });

  it('says what is wrong with names, shapes and types', async () => {
    const cases: [Promise<unknown>, string, RegExp][] = [
      [open('none.npz'), 'data/missing', /none\.npz/],
      [open('makeFixtures.py'), 'data/unknown-format', /\.py/],
      [open('samples.npz', { inputs: new Map([['input', 'q']]) }), 'data/missing-array', /"x", "y", "z"/],
      [
        open('samples.npz', { inputs: new Map([['inptu', 'x']]) }),
        'data/missing-array',
        /no input "inptu".*Did you mean "input"/,
      ],
      [open('samples.npz', { inputs: new Map([['input', 'z']]) }), 'data/shape', /\[6, 1, 3, 4\].*\[batch, 2, 3, 4\]/],
      [open('plain.npy', {}, { inputs: [{ ...image, shape: ['b', 2, 3, 5] }] }), 'data/shape', /\[b, 2, 3, 5\]/],
      [open('plain.npy', {}, { inputs: [{ ...image, type: DataType.INT64 }] }), 'data/type', /float32.*int64/],
      [
        open('types.npz', { inputs: new Map([['input', 'i2']]) }, { inputs: [{ ...image, type: DataType.BOOL }] }),
        'data/type',
        /holds 2/,
      ],
      [open('types.npz'), 'data/missing-array', /several of its arrays would fit/],
      [open('arrays', {}, { inputs: [image, { ...image, name: 'other' }] }), 'data/missing-array', /"first", "second"/],
      [open('empty.npz'), 'data/empty', /no samples/],
    ];
    for (const [promise, code, message] of cases) {
      const error = await failure(promise);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
    }
  });

  it('refuses pickles, texts, records and complex numbers', async () => {
    for (const [name, message] of [
      ['x', /pickled/],
      ['s', /not a number/],
      ['c', /not a number/],
      ['r', /records/],
    ] as const) {
      const error = await failure(open('objects.npz', { inputs: new Map([['input', name]]) }));
      assert.equal(error.code, 'data/unsupported');
      assert.match(error.message, message);
    }
  });

  it('names the sample that holds NaN or infinity', async () => {
    const nan = await failure(open('hole.npz', { inputs: new Map([['input', 'x']]) }));
    assert.match(nan.message, /sample 3 .*NaN/);
    const infinity = await failure(open('hole.npz', { inputs: new Map([['input', 'w']]) }));
    assert.match(infinity.message, /sample 1 .*-Infinity/);
    // Beyond the samples used it does no harm.
    assert.equal((await open('hole.npz', { inputs: new Map([['input', 'x']]), samples: 3 })).samples, 3);
  });

  it('holds labels to their kind, number and range', async () => {
    const labels = (name: string | undefined, wanted: Partial<WantedData> = {}): Promise<Dataset> =>
      open('labels.npz', { labels: name, inputs: new Map([['input', 'x']]) }, wanted);
    assert.deepEqual([...(await labels('ok', { classes: 6 })).labels(0, 6)!], counting(0, 6));
    for (const [name, wanted, message] of [
      ['ok', { classes: 5 }, /sample 5 .*label 5.*5 classes/],
      ['negative', {}, /sample 1 .*label -1/],
      ['floats', {}, /float64/],
      ['short', {}, /3 labels for 6 samples/],
      ['onehot', {}, /one number per sample/],
      [undefined, { labels: true }, /labels are needed/],
    ] as const) {
      const error = await failure(labels(name, wanted));
      assert.equal(error.code, 'data/labels', error.message);
      assert.match(error.message, message);
    }
    assert.equal((await failure(labels('yy'))).code, 'data/missing-array');
  });

  it('hashes contents and settings, not places', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lathe-data-'));
    try {
      const hash = async (extra: Partial<DataSpec> = {}, preprocess = plain): Promise<string> =>
        (await open('stored.npz', { inputs: new Map([['input', 'x']]), ...extra }, {}, preprocess)).hash;
      const copy = join(folder, 'copy.npz');
      const bytes = readFileSync(join(fixtures, 'stored.npz'));
      writeFileSync(copy, bytes);
      assert.equal(await hash({ path: copy }), await hash());
      bytes[bytes.indexOf('NUMPY') + 130]! ^= 1; // One element of x.
      writeFileSync(copy, bytes);
      const all = [
        await hash(),
        await hash({ path: copy }),
        await hash({ samples: 5 }),
        await hash({ labels: 'y' }),
        await hash({}, { ...plain, scale: 2 }),
      ];
      assert.equal(new Set(all).size, all.length);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('openDataset: IDX', () => {
  it('reads images with the labels beside them, packed or not', async () => {
    const inputs = [{ ...image, shape: ['batch', 1, 3, 4] }];
    for (const source of ['t10k-images-idx3-ubyte', 'train-images-idx3-ubyte.gz']) {
      const dataset = await open(source, {}, { inputs, labels: true });
      assert.deepEqual(values(dataset, 1, 1), counting(24, 36));
      assert.deepEqual([...dataset.labels(0, 6)!], [0, 1, 2, 0, 1, 2]);
    }
    assert.deepEqual(values(await open('floats.idx', {}, { inputs }), 5, 1), counting(120, 132));
    const error = await failure(open('floats.idx', {}, { inputs, labels: true }));
    assert.equal(error.code, 'data/labels');
  });
});

describe('openDataset: damaged files', () => {
  it('refuses every truncation of a file, and never crashes on a flipped byte', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lathe-data-'));
    try {
      for (const source of [
        'samples.npz',
        'stored.npz',
        'plain.npy',
        't10k-images-idx3-ubyte',
        'train-images-idx3-ubyte.gz',
      ]) {
        const whole = readFileSync(join(fixtures, source));
        const path = join(folder, source);
        const inputs = [{ ...image, shape: source.includes('ubyte') ? ['batch', 1, 3, 4] : image.shape }];
        const tryOpen = (): Promise<Dataset> =>
          openDataset(
            { ...spec(source, { inputs: source.endsWith('npz') ? new Map([['input', 'x']]) : new Map() }), path },
            { inputs },
            plain,
          );
        for (let length = 0; length < whole.length; length += length < 40 ? 1 : 17) {
          writeFileSync(path, whole.subarray(0, length));
          assert.equal((await failure(tryOpen())).code, 'data/damaged', `${source} cut to ${length}`);
        }
        for (let at = 0; at < whole.length; at += 7) {
          const bytes = Buffer.from(whole);
          bytes[at]! ^= 0x81;
          writeFileSync(path, bytes);
          try {
            const dataset = await tryOpen();
            dataset.batch(0, dataset.samples);
            dataset.close();
          } catch (error) {
            assert.ok(LatheError.is(error), `${source} at ${at}: ${String(error)}`);
          }
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses archives that are too large, encrypted or claim to unpack to more than they can', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lathe-data-'));
    try {
      const whole = readFileSync(join(fixtures, 'samples.npz'));
      const directory = whole.indexOf(Buffer.from('PK\u0001\u0002'));
      const cases: [(bytes: Buffer) => void, string][] = [
        [(b) => b.writeUInt32LE(0xffffffff, directory + 24), 'data/unsupported'],
        [(b) => b.writeUInt32LE(0x7fffffff, directory + 24), 'data/damaged'],
        [(b) => b.writeUInt16LE(1, directory + 8), 'data/unsupported'],
        [(b) => b.writeUInt16LE(12, directory + 10), 'data/unsupported'],
        [(b) => b.writeUInt32LE(12345, directory + 16), 'data/damaged'],
      ];
      for (const [change, code] of cases) {
        const bytes = Buffer.from(whole);
        change(bytes);
        const path = join(folder, 'x.npz');
        writeFileSync(path, bytes);
        const error = await failure(
          openDataset({ ...spec('x.npz', { inputs: new Map([['input', 'x']]) }), path }, { inputs: [image] }, plain),
        );
        assert.equal(error.code, code, error.message);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
