import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepRun, type KeptRun } from '../../../src/job/history/runHistory';
import { deleteRuns, readRunFile, runViews } from '../../../src/worker/runHistoryView';
import { sampleReport } from '../../support/sampleReport';

describe('runs for the history view', () => {
  let folder: string;
  const recipe = () => join(folder, 'net.lathe.json');
  const text = (more: object = {}) => JSON.stringify({ model: 'net.onnx', ...more });

  function keep(createdAt: string, recipeText: string, more: object = {}): KeptRun {
    const report = { ...sampleReport(), createdAt, ...more };
    const reportPath = join(folder, 'report.json');
    const lockPath = join(folder, 'lock.json');
    writeFileSync(reportPath, JSON.stringify(report));
    writeFileSync(lockPath, '{ "lock": true }');
    return keepRun(join(folder, '.lathe'), recipe(), { recipe: recipeText, lockPath, reportPath, report });
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-runs-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('say what was asked for, what it came to and how', () => {
    writeFileSync(recipe(), text());
    keep('2026-01-02T03:04:05.000Z', text());
    keep(
      '2026-01-03T03:04:05.000Z',
      text({
        quantization: { optimizer: { method: 'adaquant', mode: 'parallel' } },
        sparsity: { pattern: '2:4', transposable: true },
      }),
      {
        accuracy: undefined,
        loss: { unit: 'relative MSE', predicted: 0.1 },
        objective: { minimize: 'size', budget: { loss: 0.1 } },
        limits: { within: false, messages: ['too slow'] },
      },
    );
    const [newer, older] = runViews(recipe());
    assert.ok(newer !== undefined && older !== undefined);
    assert.deepEqual(older.budget, { size: 0.13 });
    assert.equal(older.accuracy?.simulated, 0.9198);
    assert.equal(older.measuredLoss, 0.055);
    assert.equal(older.isPresentRecipe, true);
    assert.equal(older.settings?.sparsity, undefined);
    assert.equal(newer.id, 'net-20260103-030405');
    assert.equal(newer.isPresentRecipe, false);
    assert.equal(newer.settings?.optimizer, 'adaquant, parallel');
    assert.equal(newer.settings.sparsity, '2:4 transposable');
    assert.ok(!('accuracy' in newer) && !('measuredLoss' in newer));
    assert.deepEqual([newer.minimize, newer.budget], ['size', { loss: 0.1 }]);
    assert.deepEqual([newer.withinLimits, newer.limitMessages], [false, ['too slow']]);
  });

  it('stand without settings where the kept recipe is none, and outlive the recipe', () => {
    keep('2026-01-02T03:04:05.000Z', '{ "modle": 1 }');
    const [run] = runViews(recipe());
    assert.equal(run?.settings, undefined);
    assert.equal(run?.isPresentRecipe, false);
    assert.deepEqual(runViews(join(folder, 'other.lathe.json')), []);
  });

  it('give their files by name, and nothing but kept runs', () => {
    const run = keep('2026-01-02T03:04:05.000Z', text());
    assert.equal(readRunFile(recipe(), run.id, 'recipe'), text());
    assert.equal(readRunFile(recipe(), run.id, 'lock'), '{ "lock": true }');
    assert.match(readRunFile(recipe(), run.id, 'markdown'), /91\.98/);
    assert.equal((JSON.parse(readRunFile(recipe(), run.id, 'report')) as { format: number }).format, 1);
    for (const id of ['..', '../..', 'net-20260101-000000', '']) {
      assert.throws(() => readRunFile(recipe(), id, 'recipe'), { code: 'history/no-run' });
    }
    unlinkSync(run.lockPath);
    assert.throws(() => readRunFile(recipe(), run.id, 'lock'), { code: 'history/no-file' });
  });

  it('are deleted once, and not missed the second time', () => {
    const ids = ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:06.000Z'].map((at) => keep(at, text()).id);
    const kept = keep('2026-01-02T03:04:07.000Z', text()).id;
    assert.equal(deleteRuns(recipe(), ids), 2);
    assert.equal(deleteRuns(recipe(), [...ids, '..']), 3);
    assert.deepEqual(
      runViews(recipe()).map(({ id }) => id),
      [kept],
    );
  });
});
