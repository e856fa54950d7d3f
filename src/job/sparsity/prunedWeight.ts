import type { Layer } from '../../analysis';
import type { SparsityChoice } from '../recipe/recipe';

/** A layer under a pattern: what the mask keeps, fitted to the layer's output. */
export interface PrunedWeight {
  readonly pattern: SparsityChoice;
  /** The layer in a copy of the model that holds the pruned weight and bias. */
  readonly layer: Layer;
  /** Row-major [rows, columns] in the order of `weightAsMatrix`; pruned entries are +0. */
  readonly weight: Float32Array;
  /** One per output channel; undefined: as it is. */
  readonly bias: Float32Array | undefined;
  /** Same order, 1 = kept. */
  readonly mask: Uint8Array;
  /** Share of Σ|w| that the mask keeps, 0…1. */
  readonly retained: number;
  /** Share of the weights that stay, 0…1. */
  readonly density: number;
  /** Output error relative to the output, on samples the fit has not seen where there are any. */
  readonly errors: PruneErrors | undefined;
}

export interface PruneErrors {
  readonly maskOnly: number;
  readonly absorbed: number | undefined;
  readonly fitted: number | undefined;
  readonly chosen: number;
}
