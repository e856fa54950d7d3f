import type { LayerMoments } from '../moments';
import type { QuantizedWeight } from '../quantize';

/**
 * How a layer's codes are found:
 *
 * - `rtn`: each weight to its nearest code, at the scale with the least output error;
 * - `gptq`: column by column, what rounding lost moving into the columns to come;
 * - `gram`: from there, coordinate descent on codes and scale until no code can move;
 * - `adaquant`: Adam on weights, scales and bias (Hubara et al., ICML 2021), for comparison; `adaquantOnColumns` also learns
 *   the grid of the input and knows a Relu behind the layer.
 */
export type OptimizeMethod = 'rtn' | 'gptq' | 'gram' | 'adaquant';

export interface OptimizeInput {
  /** 2 to 8. */
  readonly bits: number;
  readonly granularity: 'per-channel' | 'per-tensor';
  /** Narrow signed grid with zero point 0, or unsigned with a zero point. */
  readonly symmetric: boolean;
  /** @default 'gram' */
  readonly method?: OptimizeMethod;
  /** See `WeightQuantizer.blockSize`. */
  readonly blockSize?: number | undefined;
  /** What is known of the layer's input. Undefined: weights are rounded to nearest at the scale of least weight error. */
  readonly moments: LayerMoments | undefined;
  /** Where codes start from, in matrix order (`weightAsMatrix`). @default the layer's weight */
  readonly weight?: Float32Array;
  /** The weight whose output is to be met, in matrix order. @default `weight` */
  readonly target?: Float32Array;
  /** Bias of the target, one per output channel, in the layer's own units. @default the layer's bias, or zeros */
  readonly bias?: Float32Array;
  /** In matrix order, 1 = kept. Entries with 0 become the zero point exactly. */
  readonly mask?: Uint8Array;
  /** Whether the bias may move. A layer without one then needs one: see `OptimizedWeight.bias`. @default true */
  readonly refitBias?: boolean;
  /** Largest number of descent sweeps (`gram`, default 20) or Adam steps (`adaquant`, default 1000). */
  readonly iterations?: number;
  /** Multiple of the mean diagonal added to the Gram matrix. @default 0.01, and larger ones too where columns are few */
  readonly damp?: number;
  /** GPTQ rounds the columns with most power first. @default true */
  readonly actOrder?: boolean;
  /** Adam's rates: relative to scales and ranges, or the authors' absolute ones. @default 'scaled' */
  readonly rates?: 'scaled' | 'literal';
}

/**
 * Mean squared error of the layer's output over mean square of the target output; 0 is perfect. Of `adaquantOnColumns`, behind
 * the Relu or Clip it was told of.
 */
export interface OutputErrors {
  /** Rounding to nearest at the scale with the least weight error, bias untouched: what was there before. */
  readonly rtn: number;
  readonly result: number;
}

export interface OptimizedWeight {
  readonly weight: QuantizedWeight;
  /** One per output channel, in the layer's own units; undefined when it was not to move. */
  readonly bias: Float32Array | undefined;
  /** What was used in the end. */
  readonly method: OptimizeMethod;
  readonly errors: {
    /** Undefined without moments. */
    readonly fit: OutputErrors | undefined;
    /** Undefined without held-out samples. */
    readonly heldOut: OutputErrors | undefined;
  };
  /** Why something is not as asked for. */
  readonly note: string | undefined;
}
