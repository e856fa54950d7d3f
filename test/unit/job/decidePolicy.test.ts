import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { allocateJob, runJob } from '../../../src/job/jobs';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('policies measured beside the optimum', function () {
  this.timeout(180_000);
  let workspace: SampleWorkspace;
  before(() => {
    workspace = new SampleWorkspace((recipe) => {
      smallJob(recipe);
      recipe.allocation = { budget: { size: 0.115 }, neighbours: 4 };
      recipe.tuning = { bias: true };
    });
  });
  after(() => workspace.dispose());

  it('keep the one with the least loss within the budget, which the exported network then has', async () => {
    const { policies, solution, floatBits, layers } = await allocateJob(workspace.recipePath);
    assert.ok(policies.length >= 5, String(policies.length));
    assert.deepEqual(policies[0]!.changed, []);
    for (const { changed, sizeBits, predicted } of policies.slice(1)) {
      assert.ok(changed.length > 0);
      assert.ok(sizeBits <= 0.115 * floatBits);
      assert.ok(predicted >= policies[0]!.predicted - 1e-12);
    }
    const kept = policies.filter((policy) => policy.kept);
    assert.equal(kept.length, 1);
    assert.equal(kept[0]!.measured, Math.min(...policies.map(({ measured }) => measured)));
    assert.equal(solution.loss, kept[0]!.predicted);
    assert.equal(solution.sizeBits, kept[0]!.sizeBits);
    for (const { shortName, weightBits } of kept[0]!.changed) {
      assert.equal(layers.find((layer) => layer.shortName === shortName)!.weightBits, weightBits);
    }

    const run = await runJob(workspace.recipePath);
    assert.deepEqual(run.allocate.policies, policies);
    // Rounded to nearest, so that the first step is the policy as it was measured: here through other code.
    assert.equal(run.steps[0]!.name, 'rounded');
    assert.ok(Math.abs(run.steps[0]!.loss / kept[0]!.measured - 1) < 1e-3, `${run.steps[0]!.loss}`);
    // What is delivered is the best of the steps kept, and no step that was kept raised the loss.
    const final = run.steps.filter((step) => step.kept).at(-1)!;
    assert.equal(run.measuredLoss, final.loss);
    const report = readFileSync(run.outputs.reportMarkdown, 'utf8');
    assert.match(report, /## Policies measured/);
    assert.match(report, /optimum of the programme/);
  });
});
