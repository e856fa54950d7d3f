import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatLock } from '../../../src/job/lock/formatLock';
import { lockEntry } from '../../../src/worker/lockEntry';
import { sampleLock } from '../../support/sampleReport';

describe('a layer in the lock', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is told with its line, widths, scales and mask', () => {
    const lock = sampleLock();
    const layers = lock.layers.map((layer, index) =>
      index === 1 ? { ...layer, sparsity: { pattern: '2:4', transposable: true } } : layer,
    );
    const text = formatLock({ ...lock, layers });
    writeFileSync(join(folder, 'net.lathe.lock.json'), text);
    const recipe = join(folder, 'net.lathe.json');
    const first = lockEntry(recipe, '/conv1/Conv').entry;
    const second = lockEntry(recipe, '/layer1/conv/Conv').entry;
    assert.deepEqual([first?.weightBits, first?.activationBits, first?.mask], [8, 8, undefined]);
    assert.deepEqual(first?.scales, { count: 2, min: 0.00123457, max: 0.02 });
    assert.match(first.reason ?? '', /^first or last/);
    assert.deepEqual([second?.weightBits, second?.mask], [4, '2:4 transposable']);
    const lines = text.split('\n');
    for (const [entry, name] of [
      [first, '/conv1/Conv'],
      [second, '/layer1/conv/Conv'],
    ] as const) {
      assert.equal(lines[(entry?.line ?? 0) - 1]?.trim(), '{');
      assert.ok(lines[entry?.line ?? 0]?.includes(name));
    }
    assert.equal(lockEntry(recipe, '/gone').entry, undefined);
  });

  it('is absent without a lock, and a damaged lock says so', () => {
    const recipe = join(folder, 'net.lathe.json');
    assert.deepEqual(lockEntry(recipe, '/conv1/Conv'), { path: join(folder, 'net.lathe.lock.json') });
    writeFileSync(join(folder, 'net.lathe.lock.json'), '{ "format": 1,');
    assert.throws(() => lockEntry(recipe, '/conv1/Conv'), { code: 'lock/damaged' });
  });
});
