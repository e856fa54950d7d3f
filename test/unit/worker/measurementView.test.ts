import assert from 'node:assert/strict';
import { analyzeJob } from '../../../src/job/jobs';
import { AllocationViews } from '../../../src/worker/allocationViews';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('measurements for the editor', function () {
  this.timeout(240_000);
  let workspace: SampleWorkspace;
  beforeEach(() => {
    workspace = new SampleWorkspace((recipe) => {
      smallJob(recipe);
      const quantization = recipe.quantization as Record<string, unknown>;
      quantization.optimizer = { method: 'gram', mode: 'parallel' };
    });
  });
  afterEach(() => workspace.dispose());

  it('hold a histogram and grids of what each layer read, and its output errors before and after', async () => {
    await analyzeJob(workspace.recipePath);
    const { layers } = new AllocationViews().measurements(workspace.recipePath);
    const first = layers.find(({ name }) => name === '/conv1/Conv');
    assert.ok(first?.activation !== undefined);
    // 64 images of 28 × 28 pixels; zeros are counted apart.
    const counted = first.activation.histogram.reduce((all, amount) => all + amount, 0);
    assert.equal(counted + Math.round(first.activation.zeros * 64 * 28 * 28), 64 * 28 * 28);
    for (const { name, activation, activationMin, activationMax, outputErrors } of layers) {
      assert.equal(activation?.histogram.length, 64, name);
      assert.ok(activation.histogram[63]! > 0, `${name}: the largest value is in the last bin`);
      const [grid] = activation.grids;
      assert.ok(grid?.bits === 8 && grid.low <= 0 && grid.high >= 0, name);
      assert.ok(grid.high - grid.low <= 1.02 * (Math.max(activationMax!, 0) - Math.min(activationMin!, 0)), name);
      // The recipe pins the first and the last layer to 8 bits, a width the others do not try.
      assert.deepEqual(
        outputErrors?.slice(0, 2).map(({ bits }) => bits),
        [3, 4],
        name,
      );
      assert.ok(outputErrors[0]!.rounded > outputErrors[1]!.rounded, `${name}: fewer bits, more error`);
    }
    const better = layers.filter(({ outputErrors }) => outputErrors!.every((one) => one.optimized < one.rounded));
    assert.ok(better.length > 0.9 * layers.length, `${better.length} of ${layers.length} layers gain by the optimiser`);
  });
});
