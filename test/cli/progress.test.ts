import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { progressLine } from '../../src/cli/jobHooks';
import type { StageProgress } from '../../src/job/jobTypes';

describe('progressLine', () => {
  const stage = (changes: Partial<StageProgress>): StageProgress => ({
    name: 'sensitivity',
    status: 'running',
    done: 34,
    total: 88,
    detail: 'layers.2.conv1',
    ...changes,
  });

  it('says what is done, how far it is and how long it takes', () => {
    const progress = { stages: [stage({})], elapsedSeconds: 12, secondsLeft: 41.2, resumedSteps: 0 };
    assert.equal(progressLine(progress), 'measuring sensitivity  34/88  layers.2.conv1  about 41 s left');
  });

  it('leaves out what is not known, and is empty between stages', () => {
    const base = { elapsedSeconds: 0, secondsLeft: undefined, resumedSteps: 0 };
    assert.equal(
      progressLine({ ...base, stages: [stage({ name: 'report', total: 1, done: 0, detail: '' })] }),
      'writing the report',
    );
    assert.equal(progressLine({ ...base, stages: [stage({ status: 'done' })] }), '');
  });
});
