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
  /** Undefined: no layer is made sparse, unless `layers` says so. */
  readonly sparsity: RecipeSparsity;
  readonly tuning: RecipeTuning;
  /** Steps taken together under a name; undefined where `quantization.optimizer` and `tuning` say everything. */
  readonly pipeline: 'light' | 'advanced' | undefined;
  /** In the order written; the last match wins, field by field. */
  readonly layers: readonly LayerOverride[];
  readonly export: {
    readonly directory: string;
    readonly absoluteDirectory: string;
    readonly format: ExportFormat;
    /** Types for codes below 8 bits: the smallest that hold them, or int8 and uint8 throughout. */
    readonly containers: 'packed' | 'int8';
  };
  readonly limits: { readonly accuracyDrop: number | undefined };
  readonly seed: number;
}

export type Metric = 'top1' | 'top5' | 'mse';

export interface RecipeData {
  readonly calibration: DataSpec | undefined;
  readonly evaluation: (DataSpec & { readonly metric: Metric }) | undefined;
  readonly preprocess: Preprocess;
}

export interface DataSpec {
  /** Absolute path and as written. */
  readonly path: string;
  readonly source: string;
  /** Model input → array in the source. Empty: inputs take the arrays of their names, or the single one that fits. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Array with the class of each sample; image folders and IDX files bring their own. */
  readonly labels: string | undefined;
  /** At most this many samples: the first ones, in order. */
  readonly samples: number | undefined;
}

/** x' = (x · scale − mean[c]) / std[c], for every model input of floating type. */
export interface Preprocess {
  readonly scale: number;
  /** One number, or one per channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export type RangeMethod = 'min-max' | 'averaged-min-max' | 'percentile' | 'mse' | 'lp' | 'analytic';

export type WeightRangeMethod = 'min-max' | 'percentile' | 'mse' | 'lp' | 'analytic' | 'output-mse';

export type ExportFormat = 'qdq' | 'matmulnbits';

export interface RecipeQuantization {
  /** False (`"quantization": null`): every layer stays float; for recipes that only make weights sparse. */
  readonly enabled: boolean;
  readonly weights: {
    /** Ascending. */
    readonly bits: readonly number[];
    readonly granularity: 'per-channel' | 'per-tensor';
    readonly symmetric: boolean;
    readonly range: WeightRangeMethod;
    /** For `percentile`: share of the weights inside the range, in percent, e.g. 99.9. */
    readonly percentile: number;
    /** For `lp`: power of the error. */
    readonly power: number;
    /** Elements of the reduction axis of MatMul and Gemm weights that share a scale; undefined: as `granularity` says. */
    readonly blockSize: number | undefined;
  };
  readonly activations: {
    /** Ascending; 32 stands for "keep float". */
    readonly bits: readonly number[];
    readonly granularity: 'per-tensor';
    readonly symmetric: boolean;
    readonly range: RangeMethod;
    /** For `percentile`: share of values inside the range, in percent, e.g. 99.99. */
    readonly percentile: number;
    /** For `lp`: power of the error. */
    readonly power: number;
    /** Width of what residual adds, products, concatenations and averages read and give; undefined: float. */
    readonly betweenLayers: 8 | undefined;
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
  /** Strength α of SmoothQuant, 0 to 1; undefined leaves outliers in the activations. */
  readonly smoothQuant: number | undefined;
  /** Width of the first and the last layer; undefined leaves them to the allocation. */
  readonly firstAndLast: number | undefined;
  readonly optimizer: RecipeOptimizer;
}

/** How codes are found. */
export interface RecipeOptimizer {
  readonly method: 'rtn' | 'gptq' | 'gram' | 'adaquant';
  /** `parallel`: every layer on the float network's inputs. `sequential`: on those of the compressed network in front of it. */
  readonly mode: 'parallel' | 'sequential';
  /** Steps of the iterative methods. */
  readonly iterations: number;
}

/** A pattern of a layer, or undefined for dense. */
export interface SparsityChoice {
  readonly keep: number;
  readonly group: number;
  readonly transposable: boolean;
}

export interface RecipeSparsity {
  /**
   * Patterns a layer may get; undefined among them is "dense". One: every layer that can takes it. Several: the allocation
   * chooses. Empty: nothing is made sparse.
   */
  readonly patterns: readonly (SparsityChoice | undefined)[];
  /** The strictest pattern of this group size that most groups of the layer comply with already, in place of `patterns`. */
  readonly auto: { readonly group: number; readonly transposable: boolean } | undefined;
  readonly method: 'exact' | 'greedy';
  readonly score: 'magnitude' | 'squared' | 'wanda' | 'sparsegpt';
  readonly optimizer: 'none' | 'absorb' | 'adaprune' | 'sparsegpt';
  readonly mode: 'parallel' | 'sequential';
  /** Input channels are permuted first where that keeps more magnitude. */
  readonly permute: boolean;
  /** Whether the first and the last layer take part. */
  readonly firstAndLast: boolean;
}

/** What follows once the codes are decided. */
export interface RecipeTuning {
  /** Biases in closed form, layer by layer, then against the float network's outputs. */
  readonly bias: boolean;
  /** Mean and variance of each layer's output channels, restored to those of the float network. */
  readonly batchNorm: boolean;
  /** Ranges of narrow inputs moved together to the least loss of the network. */
  readonly inputRanges: boolean;
  /** Shifts and factors of all channels, and scales of narrow inputs, by the gradient of the network's loss. */
  readonly distillation: boolean;
}

export interface RecipeBudget {
  /** Fraction of the float32 size of all weights. */
  readonly size: number | undefined;
  /** Fraction of the bit-operations (MACs × weight bits × input bits) with every layer at 8 and 8 bits; float is 16. */
  readonly bops: number | undefined;
  /** Predicted loss, with `minimize: 'size'` only. */
  readonly loss: number | undefined;
}

export interface RecipeAllocation {
  readonly minimize: 'loss' | 'size';
  readonly budget: RecipeBudget;
  readonly engine: 'auto' | 'javascript-lp-solver' | 'highs' | 'pareto';
  /** Seconds an engine may take before the next one takes over. */
  readonly timeLimit: number;
  /** Policies next to the optimum that are measured beside it, as whole networks. */
  readonly neighbours: number;
}

export interface LayerOverride {
  /** Layer name, or glob with * and ?. */
  readonly pattern: string;
  /** A width pins it; a list restricts it; null excludes the layer (stays float); undefined leaves it. */
  readonly weights: number | readonly number[] | null | undefined;
  readonly activations: number | readonly number[] | null | undefined;
  /** A pattern in place of the recipe's; null keeps the layer dense; undefined leaves it. */
  readonly sparsity: SparsityChoice | null | undefined;
}
