import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { LatheError } from '../../../../src/base/errors';
import { acquireRunLock } from '../../../../src/job/cache/runLock';

describe('acquireRunLock', () => {
  let folder: string;
  let lockPath: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-lock-'));
    lockPath = join(folder, 'run.lock');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('holds until disposed, and names the process that holds it', () => {
    const lock = acquireRunLock(folder);
    assert.throws(
      () => acquireRunLock(folder),
      (error) => LatheError.is(error, 'job/busy') && error.details['pid'] === process.pid,
    );
    lock.dispose();
    acquireRunLock(folder).dispose();
    assert.deepEqual(readdirSync(folder), ['.gitignore']);
  });

  it('takes over the lock of a process that is gone', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(lockPath, JSON.stringify({ pid, startedAt: 'then' }));
    const lock = acquireRunLock(folder);
    assert.equal((JSON.parse(readFileSync(lockPath, 'utf8')) as { pid: number }).pid, process.pid);
    lock.dispose();
    assert.equal(existsSync(lockPath), false);
  });

  it('takes over a damaged lock', () => {
    for (const text of ['', '{', 'null', '{"pid":"x"}']) {
      writeFileSync(lockPath, text);
      acquireRunLock(folder).dispose();
    }
  });

  it('takes over when the number now belongs to another process', function () {
    if (!existsSync('/proc/self/stat')) {
      this.skip();
    }
    writeFileSync(lockPath, JSON.stringify({ pid: process.ppid, processStart: '1', startedAt: 'then' }));
    acquireRunLock(folder).dispose();
  });

  it('respects a living process', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    try {
      writeFileSync(lockPath, JSON.stringify({ pid: child.pid, startedAt: '2026-01-01T00:00:00Z' }));
      assert.throws(
        () => acquireRunLock(folder),
        (error) => LatheError.is(error, 'job/busy') && error.message.includes(String(child.pid)),
      );
    } finally {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    acquireRunLock(folder).dispose();
  });

  it('does not remove a lock that has become another one’s', () => {
    const lock = acquireRunLock(folder);
    writeFileSync(lockPath, 'newer');
    lock.dispose();
    assert.equal(readFileSync(lockPath, 'utf8'), 'newer');
  });

  it('says when the folder cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'x'));
    assert.throws(
      () => acquireRunLock(join(folder, 'file', '.lathe')),
      (error) => LatheError.is(error, 'cache/write'),
    );
  });
});
