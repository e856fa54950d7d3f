import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDataset } from '../../../src/job/data/openDataset';
import { prepareJob } from '../../../src/job/prepare';
import { StageTracker } from '../../../src/job/stageTracker';
import { modelInputs } from '../../../src/job/watchValues';
import { createRunner } from '../../../src/runtime/createRunner';
import { SampleWorkspace } from '../../support/sampleWorkspace';

describe('equalisation in a job', function () {
  this.timeout(120_000);
  const workspace = new SampleWorkspace((recipe) => {
    recipe.model = 'mobilenetv2.onnx';
    recipe.data = {
      calibration: { source: 'calibration.npz', inputs: { input: 'x' }, samples: 48 },
      preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
    };
    recipe.quantization = { equalization: 1, activations: { bits: [4, 8] } };
    recipe.layers = {};
  });
  before(() => {
    const folder = join(workspace.recipePath, '..');
    copyFileSync(join(__dirname, '../../../bench/networks/mobilenetv2.onnx'), join(folder, 'mobilenetv2.onnx'));
  });
  after(() => workspace.dispose());

  it('changes weights of every block, not the outputs on the calibration data, and does the same from the cache', async () => {
    const lines: string[] = [];
    const open = () =>
      prepareJob(workspace.recipePath, new StageTracker(['open', 'fold'], { log: (line) => lines.push(line) }));
    const job = await open();
    assert.equal(job.equalization?.bits, 4);
    assert.ok(job.equalization.values.length >= 30, `${job.equalization.values.length} values`);
    assert.ok(
      lines.some((line) => /Channels equalised for 4-bit grids, strength 1: the inputs of 30 layers/.test(line)),
      lines.join('\n'),
    );
    const { calibration, preprocess } = job.recipe.data;
    const wanted = { inputs: modelInputs(job.model, job.shapes), labels: false, classes: undefined };
    const dataset = await openDataset(calibration!, wanted, preprocess, { scratchDirectory: job.cache.directory });
    const feeds = dataset.batch(0, 48);
    const scores: Float32Array[] = [];
    for (const model of [job.original, job.model, (await open()).model]) {
      const runner = await createRunner(job.factory, model);
      scores.push([...(await runner.run(feeds)).values()][0]!.data as Float32Array);
      await runner.release();
    }
    dataset.close();
    scores[0]!.forEach((score, at) =>
      assert.ok(Math.abs(score - scores[1]![at]!) < 1e-3 * Math.max(1, Math.abs(score)), `${score}, ${scores[1]![at]}`),
    );
    assert.deepEqual(scores[2], scores[1]);
  });
});
