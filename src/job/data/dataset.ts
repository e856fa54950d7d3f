import type { TensorData } from '../../analysis';

/** Samples ready to be fed to a model. */
export interface Dataset {
  /** How many there are, after the recipe's `samples`. */
  readonly samples: number;
  /**
   * The batch size the model insists on; undefined when its batch axis is free. `batch` then accepts only this count, and
   * samples that do not fill a last batch cannot be run.
   */
  readonly fixedBatch: number | undefined;
  readonly hasLabels: boolean;
  /** SHA-256 (hex) over everything that decides what `batch` and `labels` return: contents and settings, no paths. */
  readonly hash: string;
  /** Fresh tensors for each model input, samples `start` to `start + count`, preprocessing applied. */
  batch(start: number, count: number): Map<string, TensorData>;
  /** Classes of the same samples; undefined when the data has no labels. */
  labels(start: number, count: number): Int32Array | undefined;
  /** Closes files. */
  close(): void;
}
