import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { LatheError } from '../../../../src/base/errors';
import { cacheKey, type CacheKey } from '../../../../src/job/cache/cacheKey';
import { canonicalJson } from '../../../../src/job/cache/canonicalJson';
import { MeasurementCache } from '../../../../src/job/cache/measurementCache';

describe('canonicalJson', () => {
  it('does not depend on the order of fields', () => {
    assert.equal(canonicalJson({ b: 1, a: [1, { d: 2, c: -0 }] }), '{"a":[1,{"c":0,"d":2}],"b":1}');
  });

  it('keeps apart what JSON would confuse', () => {
    const values = [NaN, Infinity, -Infinity, null, 0, '', [], {}, false, [null], { a: null }];
    assert.equal(new Set(values.map(canonicalJson)).size, values.length);
    assert.equal(canonicalJson({ a: undefined }), '{}');
    assert.equal(
      canonicalJson(
        new Map([
          ['b', 1],
          ['a', 2],
        ]),
      ),
      '{"a":2,"b":1}',
    );
  });

  it('gives the key that sha256sum gives', () => {
    const expected = execFileSync('sha256sum', { input: '{"a":1,"b":"x"}' }).toString().slice(0, 64);
    assert.equal(cacheKey({ b: 'x', a: 1 }), expected);
  });
});

describe('MeasurementCache', () => {
  let folder: string;
  let log: string[];
  let cache: MeasurementCache;
  const key = cacheKey({ layer: 'conv1', bits: 4 });
  const entryPath = (k: CacheKey): string => join(folder, '.lathe', 'measurements', k.slice(0, 2), `${k}.json`);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-cache-'));
    log = [];
    cache = new MeasurementCache(join(folder, '.lathe'), { log: (line) => log.push(line) });
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('returns what was put, numbers beyond JSON too', () => {
    const value = { loss: [0.1, -Infinity, NaN, 1e-300], name: 'ß', nothing: null };
    assert.equal(cache.get(key), undefined);
    cache.put(key, value);
    assert.deepEqual(cache.get(key), value);
    assert.deepEqual(new MeasurementCache(cache.directory).get(key), value);
    cache.put(key, null);
    assert.equal(cache.get(key), null);
  });

  it('returns typed arrays as they were put, wherever they stand', () => {
    const value = {
      weight: Float32Array.of(0.1, -0, NaN, Infinity, 1e-42),
      layers: [{ codes: Int8Array.of(-8, 7, 0), mask: Uint8Array.of(0, 1, 255) }],
      bias: Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
      empty: new Float32Array(0),
    };
    cache.put(key, value);
    assert.deepStrictEqual(cache.get(key), value);
  });

  it('keeps itself out of commits, and creates nothing before the first write', () => {
    assert.deepEqual(readdirSync(folder), []);
    cache.put(key, 1);
    assert.match(readFileSync(join(folder, '.lathe', '.gitignore'), 'utf8'), /^\*$/m);
  });

  it('ignores and reports damaged entries, and replaces them', () => {
    const damages: ((path: string) => void)[] = [
      (path) => truncateSync(path, 10),
      (path) => writeFileSync(path, ''),
      (path) => writeFileSync(path, 'null'),
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('123', '124')),
      (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"format":1', '"format":2')),
    ];
    for (const damage of damages) {
      cache.put(key, { loss: 123 });
      damage(entryPath(key));
      log.length = 0;
      assert.equal(cache.get(key), undefined);
      assert.equal(log.length, 1);
      cache.put(key, { loss: 5 });
      assert.deepEqual(cache.get(key), { loss: 5 });
    }
  });

  it('does not take an entry that lies under the name of another', () => {
    const other = cacheKey({ layer: 'conv2' });
    cache.put(other, 1);
    cache.put(key, 2);
    writeFileSync(entryPath(key), readFileSync(entryPath(other)));
    assert.equal(cache.get(key), undefined);
  });

  it('leaves no temporary files, and says what cannot be written', () => {
    cache.put(key, 1);
    assert.deepEqual(readdirSync(join(entryPath(key), '..')), [`${key}.json`]);
    writeFileSync(join(folder, 'file'), '');
    const blocked = new MeasurementCache(join(folder, 'file', '.lathe'));
    assert.throws(
      () => blocked.put(key, 1),
      (error) => LatheError.is(error, 'cache/write'),
    );
  });

  it('prunes the oldest entries first, and what killed runs left behind', () => {
    const keys = [1, 2, 3].map((n) => cacheKey({ n }));
    keys.forEach((k, i) => {
      cache.put(k, 'x'.repeat(1000));
      const time = Date.now() / 1000 - 1000 * (3 - i);
      utimesSync(entryPath(k), time, time);
    });
    const left = `${entryPath(keys[0]!)}.1-1.tmp`;
    writeFileSync(left, '');
    utimesSync(left, 1, 1);
    assert.equal(cache.prune({ maxBytes: 2500 }), 2);
    assert.deepEqual(
      keys.map((k) => cache.has(k)),
      [false, true, true],
    );
    assert.equal(cache.prune({ maxAgeDays: 0 }), 2);
  });
});
