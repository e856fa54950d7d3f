import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { LatheError } from '../../../../src/base/errors';
import { formatLock } from '../../../../src/job/lock/formatLock';
import { lockPathOf, parseLock, readLock, writeLock } from '../../../../src/job/lock/lockFile';
import { lockIsCurrent, type LockFacts } from '../../../../src/job/lock/lockIsCurrent';
import type { Lock } from '../../../../src/job/lock/lockSchema';
import { recipeSections } from '../../../../src/job/lock/recipeSections';
import { parseRecipe } from '../../../../src/job/recipe/parseRecipe';
import type { Recipe } from '../../../../src/job/recipe/recipe';
import { sampleLock } from '../../../support/sampleReport';

describe('the lock file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-lockfile-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is named after the recipe', () => {
    assert.equal(lockPathOf('/m/net.lathe.json'), '/m/net.lathe.lock.json');
    assert.equal(lockPathOf('/m/net.json'), '/m/net.lathe.lock.json');
  });

  it('gives the same bytes whatever the order of fields, and the same lock back', () => {
    const lock = sampleLock();
    const reversed = Object.fromEntries(Object.entries(lock).reverse()) as Lock;
    assert.equal(formatLock(lock), formatLock(reversed));
    const again = parseLock(formatLock(lock), 'x');
    assert.equal(formatLock(again), formatLock(lock));
    assert.deepEqual(again.layers[1], lock.layers[1]);
  });

  it('follows its schema', () => {
    const schema = JSON.parse(
      readFileSync(join(__dirname, '../../../../schemas/lathe.lock.schema.json'), 'utf8'),
    ) as object;
    const validate = new Ajv({ strict: false }).compile(schema);
    assert.ok(validate(JSON.parse(formatLock(sampleLock()))), JSON.stringify(validate.errors));
  });

  it('rounds to six digits and changes one hunk per changed layer', () => {
    const before = formatLock(sampleLock()).split('\n');
    assert.ok(before.some((line) => line.includes('0.00123457')));
    assert.ok(before.some((line) => line.includes('0.129877')));
    const changed = sampleLock();
    changed.layers[1]!.weights.bits = 3;
    const after = formatLock(changed).split('\n');
    assert.equal(before.length, after.length);
    assert.deepEqual(
      before.flatMap((line, i) => (line === after[i] ? [] : [line.trim()])),
      ['"weights": { "bits": 4, "container": "int4" },'],
    );
  });

  it('is not touched when nothing changes', () => {
    const path = join(folder, 'net.lathe.lock.json');
    writeLock(path, sampleLock());
    utimesSync(path, 1000, 1000);
    writeLock(path, sampleLock());
    assert.equal(statSync(path).mtimeMs, 1000_000);
    assert.deepEqual(readLock(path).layers.length, 2);
  });

  it('says what is wrong with a lock that is missing, damaged or of another format', () => {
    const path = join(folder, 'net.lathe.lock.json');
    const code = (text?: string): string => {
      if (text !== undefined) {
        writeFileSync(path, text);
      }
      try {
        readLock(path);
      } catch (error) {
        assert.ok(LatheError.is(error));
        return error.code;
      }
      return 'none';
    };
    assert.equal(code(), 'lock/missing');
    const text = formatLock(sampleLock());
    assert.equal(code(text), 'none');
    assert.equal(code(text.slice(0, -20)), 'lock/damaged');
    assert.equal(code(`<<<<<<< HEAD\n${text}`), 'lock/damaged');
    assert.equal(code('{}'), 'lock/damaged');
    assert.equal(code('null'), 'lock/damaged');
    assert.equal(code(text.replace('"bits": 4', '"bits": "4"')), 'lock/damaged');
    assert.equal(code(text.replace('"format": 1', '"format": 2')), 'lock/version');
  });
});

describe('lockIsCurrent', () => {
  const parse = (extra: object): Recipe => {
    const { recipe } = parseRecipe(JSON.stringify({ model: 'net.onnx', ...extra }), '/m/net.lathe.json');
    assert.ok(recipe);
    return recipe;
  };
  const written = { allocation: { budget: { size: 0.13 } } };
  const facts: LockFacts = { modelHash: 'a'.repeat(64), calibrationHash: 'f'.repeat(64), latheVersion: '0.1.0' };
  const lockFor = (recipe: Recipe): Lock => ({ ...sampleLock(), recipe: recipeSections(recipe) });

  it('finds nothing stale when nothing changed, wherever the files are', () => {
    const lock = lockFor(parse(written));
    assert.deepEqual(lockIsCurrent(parse(written), lock, facts), []);
    assert.deepEqual(lockIsCurrent(parse(written), lock, { ...facts, calibrationHash: undefined }), []);
    const elsewhere = { ...parse(written), path: '/other/net.lathe.json', modelPath: '/other/net.onnx' };
    assert.deepEqual(lockIsCurrent(elsewhere, lock, facts), []);
  });

  it('ignores what decides nothing: limits, export, the order of widths', () => {
    const lock = lockFor(parse({ ...written, quantization: { weights: { bits: [2, 4] } } }));
    const changed = parse({
      ...written,
      quantization: { weights: { bits: [4, 2] } },
      limits: { accuracyDrop: 0.5 },
      export: { directory: 'out' },
    });
    assert.deepEqual(lockIsCurrent(changed, lock, facts), []);
  });

  it('names what changed', () => {
    const lock = lockFor(parse(written));
    const stale = (extra: object, other: Partial<LockFacts> = {}): string =>
      lockIsCurrent(parse({ ...written, ...extra }), lock, { ...facts, ...other })
        .map((s) => `${s.what}: ${s.message}`)
        .join('\n');
    assert.match(stale({ allocation: { budget: { size: 0.15 } } }), /^recipe: .*budget size 0.13 → 0.15\.$/);
    assert.match(stale({ allocation: { budget: { size: 0.13 }, engine: 'highs' } }), /^recipe: .*section allocation/);
    assert.match(stale({ quantization: { firstAndLast: null } }), /^recipe: .*section quantization/);
    assert.match(stale({ layers: { a: { weights: 8 } } }), /^recipe: .*section layers/);
    assert.match(stale({ data: { preprocess: { scale: 2 } } }), /^recipe: .*data\.preprocess/);
    assert.match(stale({ seed: 2 }), /^recipe: .*seed/);
    assert.match(stale({}, { modelHash: 'b'.repeat(64) }), /^model: /);
    assert.match(stale({}, { calibrationHash: null }), /^data: /);
    assert.match(stale({}, { latheVersion: '0.2.0' }), /^version: /);
  });
});
