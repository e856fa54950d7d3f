import type { InferenceRunner } from '../analysis';
import { throwIfCancelled } from '../base/errors';
import type { Model } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import type { Analysis } from './analyze';
import { EMPTY_LOSS, addLoss, meanLoss } from './networkLoss';
import type { PreparedJob } from './prepare';
import { sampleBatches } from './sampleBatches';

/** Mean loss of a network against the float one on the samples of the sensitivity scan, or more of them. */
export async function lossBetween(
  job: PreparedJob,
  analysis: Analysis,
  float: InferenceRunner,
  changed: InferenceRunner,
  signal: AbortSignal | undefined,
  samples = job.recipe.quantization.sensitivity.samples,
): Promise<number> {
  const { calibration, loss } = analysis;
  let total = EMPTY_LOSS;
  for (const range of sampleBatches(calibration, samples)) {
    const feeds = calibration.batch(range.start, range.count);
    const reference = await float.run(feeds);
    const labels = calibration.labels(range.start, range.count);
    total = addLoss(total, loss.measureBatch(reference, await changed.run(feeds), labels));
    throwIfCancelled(signal);
  }
  return meanLoss(total);
}

/** The same between the float model and another one, each opened for it. */
export async function lossOfModel(
  job: PreparedJob,
  analysis: Analysis,
  model: Model,
  signal: AbortSignal | undefined,
  samples?: number,
): Promise<number> {
  const runners: InferenceRunner[] = [];
  try {
    for (const each of [job.original, model]) {
      runners.push(await createRunner(job.factory, each, { mode: 'simulate' }));
    }
    return await lossBetween(job, analysis, runners[0]!, runners[1]!, signal, samples);
  } finally {
    for (const runner of runners) {
      await runner.release();
    }
  }
}
