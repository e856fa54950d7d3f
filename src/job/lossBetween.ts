import type { InferenceRunner } from '../analysis';
import { throwIfCancelled } from '../base/errors';
import { modelHash } from '../onnx';
import type { Model } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import type { Analysis } from './analyze';
import { cacheKey } from './cache/cacheKey';
import { EMPTY_LOSS, addLoss, meanLoss } from './networkLoss';
import { measurementScope } from './prepare';
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

/** The same between the float model and another one, each opened for it; kept by content. */
export async function lossOfModel(
  job: PreparedJob,
  analysis: Analysis,
  model: Model,
  signal: AbortSignal | undefined,
  samples = job.recipe.quantization.sensitivity.samples,
): Promise<number> {
  const { calibration, loss } = analysis;
  const depends = { what: 'loss of a network', data: calibration.hash, measure: loss.measure, samples };
  return await measuredOnce(job, model, depends, (float, changed) =>
    lossBetween(job, analysis, float, changed, signal, samples),
  );
}

/**
 * A figure of a network beside the float model, each opened for it, simulated; kept by the content of the network.
 *
 * @param depends what the figure depends on but the model, the engine and the network
 */
export async function measuredOnce(
  job: PreparedJob,
  network: Model,
  depends: Readonly<Record<string, unknown>>,
  measure: (float: InferenceRunner, changed: InferenceRunner) => Promise<number>,
): Promise<number> {
  const key = cacheKey({ ...measurementScope(job), ...depends, network: modelHash(network) });
  const known = job.cache.get<number>(key);
  if (known !== undefined) {
    return known;
  }
  const runners: InferenceRunner[] = [];
  try {
    for (const each of [job.original, network]) {
      runners.push(await createRunner(job.factory, each, { mode: 'simulate' }));
    }
    const value = await measure(runners[0]!, runners[1]!);
    job.cache.put(key, value);
    return value;
  } finally {
    for (const runner of runners) {
      await runner.release();
    }
  }
}
