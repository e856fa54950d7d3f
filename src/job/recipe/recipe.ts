/**
 * The recipe after parsing: every default filled in, every path resolved, every name checked. Code behind the door works
 * with this type only. The written form is described by `schemas/lathe.recipe.schema.json`.
 */
export interface Recipe {
  /** Absolute path of the recipe file. */
  readonly path: string;
  /** Absolute path of the model, and as written. */
  readonly modelPath: string;
  readonly model: string;
  readonly data: RecipeData;
  readonly quantization: RecipeQuantization;
  readonly allocation: RecipeAllocation;
  /** In the order written; the last match wins, field by field. */
  readonly layers: readonly LayerOverride[];
  readonly export: { readonly directory: string; readonly absoluteDirectory: string; readonly format: 'qdq' };
  readonly limits: { readonly accuracyDrop: number | undefined };
  readonly seed: number;
}

export interface RecipeData {
  readonly calibration: DataSpec | undefined;
  readonly evaluation:
    (DataSpec & { readonly labels: string | undefined; readonly metric: 'top1' | 'top5' | 'mse' }) | undefined;
  readonly preprocess: Preprocess;
}

export interface DataSpec {
  /** Absolute path and as written. */
  readonly path: string;
  readonly source: string;
  /** Model input → array in the source. Empty: the single input takes the single matching array. */
  readonly inputs: ReadonlyMap<string, string>;
  /** At most this many samples, from the front after a seeded shuffle is *not* applied: the first ones, in order. */
  readonly samples: number | undefined;
}

/** x' = (x · scale − mean[c]) / std[c]; applied to integer arrays and images; float arrays too when given. */
export interface Preprocess {
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export type RangeMethod = 'min-max' | 'percentile' | 'mse';

export interface RecipeQuantization {
  readonly weights: {
    readonly bits: readonly number[];
    readonly granularity: 'per-channel' | 'per-tensor';
    readonly symmetric: boolean;
    readonly range: 'min-max' | 'mse' | 'output-mse';
  };
  readonly activations: {
    /** 32 stands for "keep float". */
    readonly bits: readonly number[];
    readonly granularity: 'per-tensor';
    readonly symmetric: boolean;
    readonly range: RangeMethod;
    /** For `percentile`: 99.9, 99.99. */
    readonly percentile: number;
  };
  /** `tied`: one number decides both; `free`: weights and activations are chosen apart. */
  readonly pairing: 'free' | 'tied';
  readonly sensitivity: {
    /** What "loss" means: KL(float ‖ quantised) in nats, label cross-entropy, mean squared error of the outputs (relative), or 1 − top-1. */
    readonly measure: 'kl' | 'cross-entropy' | 'mse' | 'top1';
    /** Samples of the calibration set used for the scan. */
    readonly samples: number;
    /** Bytes of activations held at a time; more samples than fit are scanned in turns. */
    readonly memoryLimit: number;
  };
  /** Width of the first and the last layer; undefined leaves them to the allocation. */
  readonly firstAndLast: number | undefined;
}

export interface RecipeAllocation {
  readonly minimize: 'loss' | 'size';
  readonly budget: {
    readonly size: number | undefined;
    readonly bops: number | undefined;
    readonly loss: number | undefined;
  };
  readonly engine: 'auto' | 'javascript-lp-solver' | 'highs' | 'pareto';
  /** Seconds an engine may take before the next one takes over. */
  readonly timeLimit: number;
}

export interface LayerOverride {
  /** Layer name, or glob with * and ?. */
  readonly pattern: string;
  /** A width pins it; a list restricts it; null excludes the layer (stays float); undefined leaves it. */
  readonly weights: number | readonly number[] | null | undefined;
  readonly activations: number | readonly number[] | null | undefined;
}
