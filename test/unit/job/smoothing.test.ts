import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareJob } from '../../../src/job/prepare';
import { StageTracker } from '../../../src/job/stageTracker';
import { createRunner } from '../../../src/runtime/createRunner';
import { DataType } from '../../../src/onnx';
import { seededNormal } from '../../../src/base/random';
import { SampleWorkspace } from '../../support/sampleWorkspace';

describe('smoothing in a job', function () {
  this.timeout(120_000);
  const workspace = new SampleWorkspace((recipe) => {
    recipe.model = 'vit.onnx';
    recipe.data = {
      calibration: { source: 'calibration.npz', inputs: { input: 'x' }, samples: 32 },
      preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
    };
    recipe.quantization = { smoothQuant: 0.5 };
    recipe.layers = {};
  });
  before(() => {
    const folder = join(workspace.recipePath, '..');
    copyFileSync(join(__dirname, '../../../bench/networks/vit.onnx'), join(folder, 'vit.onnx'));
  });
  after(() => workspace.dispose());

  it('changes a transformer’s weights, not its outputs, and says what it could not reach', async () => {
    const lines: string[] = [];
    const tracker = new StageTracker(['open', 'fold'], { log: (line) => lines.push(line) });
    const job = await prepareJob(workspace.recipePath, tracker);
    assert.ok(job.smoothing !== undefined);
    assert.ok(job.smoothing.sites.length >= 4, `${job.smoothing.sites.length} sites`);
    const images = Float32Array.from({ length: 4 * 784 }, seededNormal(3));
    const feeds = new Map([['input', { type: DataType.FLOAT, dims: [4, 1, 28, 28], data: images }]]);
    const scores: Float32Array[] = [];
    for (const model of [job.original, job.model]) {
      const runner = await createRunner(job.factory, model);
      scores.push([...(await runner.run(feeds)).values()][0]!.data as Float32Array);
      await runner.release();
    }
    scores[0]!.forEach((score, at) =>
      assert.ok(Math.abs(score - scores[1]![at]!) < 1e-3 * Math.max(1, Math.abs(score))),
    );
    assert.ok(
      lines.some((line) => /Not smoothed: \/proj\/MatMul/.test(line)),
      lines.join('\n'),
    );
    assert.ok(lines.some((line) => /SmoothQuant, strength 0.5/.test(line)));
  });
});
