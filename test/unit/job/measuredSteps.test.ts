import assert from 'node:assert/strict';
import type { RunnerFactory } from '../../../src/analysis';
import { allocateResult } from '../../../src/job/allocation';
import { analyze } from '../../../src/job/analyze';
import { compress } from '../../../src/job/compress';
import { decidePolicy } from '../../../src/job/decidePolicy';
import { prepareJob } from '../../../src/job/prepare';
import { measureSteps } from '../../../src/job/run';
import { StageTracker } from '../../../src/job/stageTracker';
import { DataType, Tensor } from '../../../src/onnx';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('what each step bought', function () {
  this.timeout(180_000);
  const workspace = new SampleWorkspace((recipe) => {
    smallJob(recipe);
    recipe.tuning = { bias: true };
  });
  after(() => workspace.dispose());

  it('is measured once for a network, and measured anew for another one', async () => {
    const tracker = new StageTracker(
      ['open', 'fold', 'baseline', 'prune', 'ranges', 'optimize', 'sensitivity', 'allocate', 'quantize', 'tune'],
      {},
    );
    const prepared = await prepareJob(workspace.recipePath, tracker);
    const opened: unknown[] = [];
    const factory: RunnerFactory = {
      engine: prepared.factory.engine,
      create: (model, options) => {
        opened.push(model);
        return prepared.factory.create(model, options);
      },
    };
    const job = { ...prepared, factory };
    const analysis = await analyze(job, tracker);
    const quiet = { setTotal: () => undefined, advance: () => undefined };
    const { model, solution } = await decidePolicy(job, analysis, quiet, tracker);
    const steps = await compress(job, analysis, allocateResult(model, solution, undefined), tracker);
    const first = await measureSteps(job, analysis, steps, tracker);
    assert.ok(first.length >= 2 && first.every(({ accuracy, loss }) => accuracy! > 0.5 && loss > 0));
    opened.splice(0);
    assert.deepEqual(await measureSteps(job, analysis, steps, tracker), first);
    assert.deepEqual([...opened], [], 'nothing is run again');
    const [step] = steps;
    const changed = step!.network.model.clone();
    const [name, scales] = [...changed.graph.initializers].find(
      ([, { dims, dataType }]) => dims.length === 1 && dims[0] === 64 && dataType === DataType.FLOAT,
    )!;
    const halved = Tensor.fromFloat32(
      name,
      [64],
      scales.toFloat32().map((scale) => scale / 2),
    );
    changed.graph.replaceInitializer(name, halved);
    const [other] = await measureSteps(
      job,
      analysis,
      [{ ...step!, network: { ...step!.network, model: changed } }],
      tracker,
    );
    assert.ok(other!.loss > first[0]!.loss && opened.length > 0, `${other!.loss}, ${first[0]!.loss}`);
    analysis.calibration.close();
    analysis.evaluation?.close();
  });
});
