import type { InferenceRunner, TensorData } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import { countTopK, squaredError } from '../kernels';
import type { Dataset } from './data/dataset';
import { floatValues, isFloatTensor } from './floatTensor';
import type { MetricValue } from './jobTypes';
import { sampleBatches } from './sampleBatches';

const EVALUATION_BATCH = 100;

/**
 * The metric of a network on a data set: share of samples with the label among the best 1 or 5 scores of the first output.
 * `mse` has no labels to go by and compares with `reference` instead: mean squared difference of all outputs.
 *
 * @param onBatch called after each batch with the samples done so far
 */
export async function evaluateMetric(
  runner: InferenceRunner,
  dataset: Dataset,
  metric: MetricValue['metric'],
  options: {
    readonly reference?: InferenceRunner;
    readonly signal?: AbortSignal | undefined;
    onBatch?(samples: number): void;
  } = {},
): Promise<MetricValue> {
  let sum = 0;
  let weight = 0;
  let samples = 0;
  const [output] = runner.outputs;
  invariant(output !== undefined, 'the model has no output');
  for (const range of sampleBatches(dataset, dataset.samples, EVALUATION_BATCH)) {
    const feeds = dataset.batch(range.start, range.count);
    const outputs = await runner.run(feeds);
    if (metric === 'mse') {
      invariant(options.reference !== undefined, 'the metric mse compares with a reference network');
      const reference = await options.reference.run(feeds);
      const error = squaredDifference(reference, outputs);
      sum += error.sum;
      weight += error.count;
    } else {
      const scores = outputs.get(output.name);
      const labels = dataset.labels(range.start, range.count);
      invariant(labels !== undefined, `the metric ${metric} needs labels`);
      invariant(scores !== undefined, `output ${output.name} is missing`);
      const classes = scores.dims.at(-1) ?? 1;
      sum += countTopK(floatValues(scores), 0, range.count, classes, labels, 0, metric === 'top1' ? 1 : 5);
      weight += range.count;
    }
    samples += range.count;
    options.onBatch?.(samples);
    throwIfCancelled(options.signal);
  }
  return { metric, value: weight > 0 ? sum / weight : 0, samples };
}

function squaredDifference(
  reference: ReadonlyMap<string, TensorData>,
  changed: ReadonlyMap<string, TensorData>,
): { sum: number; count: number } {
  let sum = 0;
  let count = 0;
  for (const [name, tensor] of reference) {
    const other = changed.get(name);
    if (!isFloatTensor(tensor) || other === undefined) {
      continue;
    }
    const before = floatValues(tensor);
    const after = floatValues(other);
    sum += squaredError(before, 0, after, 0, before.length);
    count += before.length;
  }
  return { sum, count };
}
