import assert from 'node:assert/strict';
import { CancelledError } from '../../../src/base/errors';
import type { JobProgress } from '../../../src/job/jobTypes';
import { StageTracker } from '../../../src/job/stageTracker';

describe('StageTracker', () => {
  it('reports whole snapshots: what ran, what waits, how far', async () => {
    const seen: JobProgress[] = [];
    const tracker = new StageTracker(['open', 'fold'], { onProgress: (progress) => seen.push(progress) });
    await tracker.stage('open', 2, (steps) => {
      steps.advance('a');
      steps.resume('b');
      return Promise.resolve();
    });
    const last = seen.at(-1)!;
    assert.deepEqual(
      last.stages.map(({ name, status, done, total }) => [name, status, done, total]),
      [
        ['open', 'done', 2, 2],
        ['fold', 'waiting', 0, 0],
      ],
    );
    assert.equal(last.resumedSteps, 1);
    assert.equal(tracker.resumedSteps, 1);
  });

  it('gives no time left from steps that came out of the cache', async () => {
    const seen: JobProgress[] = [];
    const tracker = new StageTracker(['ranges'], { onProgress: (progress) => seen.push(progress) });
    await tracker.stage('ranges', 10, async (steps) => {
      steps.resume('cached', 5);
      await new Promise((done) => setTimeout(done, 110));
      steps.resume('cached');
    });
    assert.ok(seen.length >= 2);
    assert.ok(seen.every((progress) => progress.secondsLeft === undefined));
  });

  it('marks the running stage cancelled when the signal fires', async () => {
    const controller = new AbortController();
    const seen: JobProgress[] = [];
    const tracker = new StageTracker(['open'], {
      signal: controller.signal,
      onProgress: (progress) => seen.push(progress),
    });
    await assert.rejects(
      tracker.stage('open', 2, (steps) => {
        controller.abort();
        steps.advance('a');
        return Promise.resolve();
      }),
      CancelledError,
    );
    assert.equal(seen.at(-1)!.stages[0]!.status, 'cancelled');
  });

  it('marks a stage failed when its work throws', async () => {
    const seen: JobProgress[] = [];
    const tracker = new StageTracker(['open'], { onProgress: (progress) => seen.push(progress) });
    await assert.rejects(
      tracker.stage('open', 1, () => Promise.reject(new Error('disk'))),
      /disk/,
    );
    assert.equal(seen.at(-1)!.stages[0]!.status, 'failed');
  });
});
