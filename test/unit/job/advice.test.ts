import assert from 'node:assert/strict';
import { findLayers } from '../../../src/analysis';
import { adviceFor } from '../../../src/job/advice';
import { prepareJob } from '../../../src/job/prepare';
import { StageTracker } from '../../../src/job/stageTracker';
import { insertQdq, quantizeWeight, type QdqResult } from '../../../src/methods';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('advice', function () {
  this.timeout(60_000);
  const workspace = new SampleWorkspace(smallJob);
  after(() => workspace.dispose());

  const slower = { floatMs: 1, compressedMs: 1.2, runs: 30 };
  const faster = { floatMs: 1, compressedMs: 0.8, runs: 30 };

  it('says of a slower network what the recipe could ask for, and nothing of a faster one', async () => {
    const job = await prepareJob(workspace.recipePath, new StageTracker(['open', 'fold'], {}));
    const written = (bits: number): QdqResult => {
      const model = job.model.clone();
      const layers = findLayers(model);
      const policy = layers.map((layer) => {
        const weight = quantizeWeight(layer, { bits, granularity: 'per-channel', symmetric: true, range: 'min-max' });
        return [layer.name, { weight, activation: undefined }] as const;
      });
      return insertQdq(model, layers, { layers: new Map(policy) });
    };
    const [packed, between] = adviceFor(job, written(4), slower);
    assert.match(packed!, /unpacks the weights of 22 layers .*"containers": "int8" in export/);
    assert.match(between!, /Add of two activations × 9, GlobalAveragePool × 1 .*"betweenLayers": 8/);
    assert.deepEqual(adviceFor(job, written(8), slower), [between]);
    assert.deepEqual(adviceFor(job, written(4), faster), []);
    assert.deepEqual(adviceFor(job, written(4), undefined), []);
    const { recipe } = job;
    const asked = {
      ...recipe,
      export: { ...recipe.export, containers: 'int8' as const },
      quantization: {
        ...recipe.quantization,
        activations: { ...recipe.quantization.activations, betweenLayers: 8 as const },
      },
    };
    assert.deepEqual(adviceFor({ ...job, recipe: asked }, written(4), slower), []);
  });
});
