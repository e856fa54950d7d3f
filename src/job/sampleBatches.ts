import type { Dataset } from './data/dataset';

export interface SampleRange {
  readonly start: number;
  readonly count: number;
}

/** Large enough that a run is dominated by arithmetic, small enough that a batch of ImageNet activations fits. */
const DEFAULT_BATCH = 64;

/**
 * Cuts the first `samples` samples into batches. A model with a fixed batch dimension gets exactly that many at a time;
 * samples that do not fill a last batch are left out.
 */
export function sampleBatches(dataset: Dataset, samples: number, batchSize = DEFAULT_BATCH): SampleRange[] {
  const wanted = Math.min(samples, dataset.samples);
  const fixed = dataset.fixedBatch;
  const size = fixed ?? batchSize;
  const end = fixed === undefined ? wanted : Math.floor(wanted / fixed) * fixed;
  const ranges: SampleRange[] = [];
  for (let start = 0; start < end; start += size) {
    ranges.push({ start, count: Math.min(size, end - start) });
  }
  return ranges;
}
