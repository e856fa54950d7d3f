import assert from 'node:assert/strict';
import { brokenLimits } from '../../../src/job/limits';

describe('brokenLimits', () => {
  it('keeps a drop of exactly the limit, whatever the last bit says', () => {
    assert.deepEqual(brokenLimits(0.01, { metric: 'top1', float: 0.9217, simulated: 0.9117, deployed: 0.9117 }), []);
    assert.deepEqual(brokenLimits(0.1, { metric: 'top1', float: 0.9, simulated: 0.8 }), []);
  });

  it('names which of the two runs is outside', () => {
    const [message, ...others] = brokenLimits(0.01, { metric: 'top1', float: 0.92, simulated: 0.915, deployed: 0.9 });
    assert.equal(others.length, 0);
    assert.match(message!, /as ONNX Runtime runs it is 90\.00 %, 2\.00 points below float; the recipe allows 1\.00/);
  });

  it('holds the error itself to the limit for mse', () => {
    assert.deepEqual(brokenLimits(0.01, { metric: 'mse', float: 0, simulated: 0.005 }), []);
    assert.equal(brokenLimits(0.01, { metric: 'mse', float: 0, simulated: 0.02 }).length, 1);
  });
});
