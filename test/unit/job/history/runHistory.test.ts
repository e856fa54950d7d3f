import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deleteRun, findRun, keepRun, listRuns } from '../../../../src/job/history/runHistory';
import { sampleReport } from '../../../support/sampleReport';

describe('the history of runs', () => {
  let folder: string;
  let cache: string;
  const recipe = () => join(folder, 'net.lathe.json');
  const keep = (createdAt: string, name = 'net') => {
    const report = { ...sampleReport(), createdAt };
    const reportPath = join(folder, 'report.json');
    const lockPath = join(folder, 'lock.json');
    writeFileSync(reportPath, JSON.stringify(report));
    writeFileSync(lockPath, '{}');
    return keepRun(cache, join(folder, `${name}.lathe.json`), { recipe: '{ }', lockPath, reportPath, report });
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-history-'));
    cache = join(folder, '.lathe');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('lists the newest first, and of each recipe its own', () => {
    assert.deepEqual(listRuns(cache, recipe()), []);
    keep('2026-01-02T03:04:05.678Z');
    keep('2026-01-02T03:04:06.000Z');
    keep('2026-01-02T03:04:05.999Z');
    keep('2026-01-02T03:04:05.000Z', 'net-small');
    assert.deepEqual(
      listRuns(cache, recipe()).map(({ id }) => id),
      ['net-20260102-030406', 'net-20260102-030405-2', 'net-20260102-030405'],
    );
    assert.deepEqual(
      listRuns(cache, join(folder, 'net-small.lathe.json')).map(({ id }) => id),
      ['net-small-20260102-030405'],
    );
  });

  it('keeps a hundred and drops the oldest', () => {
    for (let i = 0; i < 103; i++) {
      keep(new Date(Date.UTC(2026, 0, 1, 0, 0, i)).toISOString());
    }
    const runs = listRuns(cache, recipe());
    assert.equal(runs.length, 100);
    assert.equal(runs.at(-1)!.id, 'net-20260101-000003');
  });

  it('leaves out what is damaged, and deletes only runs', () => {
    const run = keep('2026-01-02T03:04:05.000Z');
    const other = join(cache, 'runs', 'net-20260103-000000');
    mkdirSync(other);
    writeFileSync(join(other, 'net.lathe.report.json'), '{ "format": 1');
    assert.deepEqual(
      listRuns(cache, recipe()).map(({ id }) => id),
      [run.id],
    );
    assert.equal(findRun(cache, recipe(), run.id).report.createdAt, '2026-01-02T03:04:05.000Z');
    for (const id of ['..', '../..', 'net-20260103-000000', '']) {
      assert.throws(() => deleteRun(cache, recipe(), id), { code: 'history/no-run' });
    }
    deleteRun(cache, recipe(), run.id);
    assert.ok(!existsSync(run.folder));
    assert.throws(() => findRun(cache, recipe(), run.id), /none are kept yet/);
  });
});
