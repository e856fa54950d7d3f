import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { countOf } from '../../../../src/job/report/formatNumbers';

describe('countOf', () => {
  it('writes one thing in the singular', () => {
    assert.deepEqual(
      [0, 1, 2].map((count) => countOf(count, 'step')),
      ['0 steps', '1 step', '2 steps'],
    );
  });
});
