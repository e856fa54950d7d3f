import assert from 'node:assert/strict';
import { analyze } from '../../../src/job/analyze';
import { forEachLayerMoments } from '../../../src/job/layerMoments';
import { prepareJob } from '../../../src/job/prepare';
import { StageTracker } from '../../../src/job/stageTracker';
import { dequantizeWeight } from '../../../src/methods';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';
import { predictedError } from './layerMomentsError';

describe('layers fitted in parallel to narrow inputs', function () {
  this.timeout(180_000);
  let workspace: SampleWorkspace;
  before(() => {
    workspace = new SampleWorkspace((recipe) => {
      smallJob(recipe);
      recipe.quantization = {
        weights: { bits: [4] },
        activations: { bits: [3, 8] },
        sensitivity: { samples: 8 },
        optimizer: { method: 'gram', mode: 'parallel' },
      };
      recipe.data = { ...(recipe.data as object), evaluation: undefined };
    });
  });
  after(() => workspace.dispose());

  it('have less error behind the quantiser of the input than those fitted to the input as it is', async () => {
    const tracker = new StageTracker(['open', 'fold', 'baseline', 'prune', 'ranges', 'optimize', 'sensitivity'], {});
    const job = await prepareJob(workspace.recipePath, tracker);
    const analysis = await analyze(job, tracker);
    const inner = job.layers.slice(1, -1);
    const narrow = new Map(inner.map(({ name }) => [name, analysis.ranges.get(name)!.grids.get(3)!]));
    const measure = async (inputGrids: typeof narrow | undefined): Promise<Map<string, number>> => {
      const ratios = new Map<string, number>();
      await forEachLayerMoments(
        {
          model: job.model,
          shapes: job.shapes,
          layers: inner,
          ...(inputGrids === undefined ? {} : { inputGrids }),
          dataset: analysis.calibration,
          samples: analysis.calibration.samples,
          memoryLimit: 1e9,
          heldOutEvery: 0,
          factory: job.factory,
          signal: undefined,
        },
        ({ layer, moments }) => {
          const [fitted, plain] = [3, 8].map((activationBits) => {
            const { weight, bias } = analysis.layerCandidates.quantize(layer, 4, undefined, activationBits);
            return predictedError(layer, moments, {
              weight: dequantizeWeight(weight),
              ...(bias === undefined ? {} : { bias }),
            });
          });
          ratios.set(layer.name, fitted! / plain!);
        },
      );
      return ratios;
    };
    const behind = [...(await measure(narrow)).values()];
    const before = [...(await measure(undefined)).values()];
    analysis.calibration.close();
    const mean = (ratios: readonly number[]): number => ratios.reduce((a, b) => a + b, 0) / ratios.length;
    assert.equal(behind.length, inner.length);
    assert.ok(
      behind.every((ratio) => ratio < 1.02),
      behind.join(', '),
    );
    assert.ok(mean(behind) < 0.9, `${mean(behind)}`);
    assert.ok(mean(before) > 1, `${mean(before)}`);
  });
});
