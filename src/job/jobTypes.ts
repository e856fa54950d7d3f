import type { OperatorCount, NmPattern, WeightStatistics } from '../analysis';
import type { Refusal } from '../base/errors';
import type { AllocationSolution, FrontierPoint } from '../methods';
import type { SparsityChoice } from './recipe/recipe';
import type { LayerMasks } from './sparsity/measureMasks';

/** The steps of the main job, in running order. */
export type StageName =
  | 'open'
  | 'fold'
  | 'baseline'
  | 'prune'
  | 'ranges'
  | 'optimize'
  | 'sensitivity'
  | 'masks'
  | 'allocate'
  | 'quantize'
  | 'tune'
  | 'export'
  | 'verify'
  | 'report';

export interface StageProgress {
  readonly name: StageName;
  readonly status: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'skipped';
  readonly done: number;
  readonly total: number;
  /** What is being worked on: a layer's short name, a file. */
  readonly detail: string;
}

/** A whole picture, never a delta. */
export interface JobProgress {
  readonly stages: readonly StageProgress[];
  readonly elapsedSeconds: number;
  readonly secondsLeft: number | undefined;
  /** Steps taken over from the cache of an earlier run. */
  readonly resumedSteps: number;
}

export interface JobHooks {
  readonly signal?: AbortSignal;
  onProgress?(progress: JobProgress): void;
  /** One line for the log. */
  log?(line: string): void;
}

/** What was measured for one layer at one pair of widths. */
export interface CandidateMeasurement {
  readonly weightBits: number;
  /** 32 = the input stays float. */
  readonly activationBits: number;
  /** Absent: dense. */
  readonly pattern?: SparsityChoice | undefined;
  /** Loss added to the network when only this layer is quantised so, in `lossUnit`. */
  readonly loss: number;
}

export interface LayerMeasurement {
  readonly name: string;
  readonly shortName: string;
  readonly parameters: number;
  readonly macs: number | undefined;
  readonly candidates: readonly CandidateMeasurement[];
  /** Weight signal-to-noise ratio at each width, dB. */
  readonly weightSqnr: readonly { readonly bits: number; readonly decibel: number }[];
  /** Observed range of the layer's input over the calibration samples. */
  readonly activation:
    | {
        readonly min: number;
        readonly max: number;
        readonly zeros: number;
        /** Counts of what is not zero, over equal bins from min to max; absent in analyses of an earlier version. */
        readonly histogram?: readonly number[];
        /** First and last level of the grid at each width. */
        readonly grids?: readonly { readonly bits: number; readonly low: number; readonly high: number }[];
      }
    | undefined;
  /** Mean squared error of the layer's output, relative, on samples held out: rounded to nearest, and optimised. */
  readonly outputErrors?: readonly { readonly bits: number; readonly rounded: number; readonly optimized: number }[];
}

/** Metric of a network on the evaluation data. */
export interface MetricValue {
  readonly metric: 'top1' | 'top5' | 'mse';
  readonly value: number;
  readonly samples: number;
}

export type LossUnit = 'nats' | 'relative MSE' | 'top-1 error';

export interface AnalyzeResult {
  readonly recipePath: string;
  readonly modelPath: string;
  readonly modelHash: string;
  readonly lossUnit: LossUnit;
  readonly baseline: MetricValue | undefined;
  readonly layers: readonly LayerMeasurement[];
  /** What N:M masks would do to each layer, and the patterns the recipe names; absent where nobody asked. */
  readonly masks?: { readonly asked: readonly NmPattern[]; readonly layers: readonly LayerMasks[] };
  readonly statistics: readonly (WeightStatistics & { readonly name: string })[];
  readonly refused: readonly (Refusal & { readonly layer: string })[];
  /** What batch-norm folding did. */
  readonly folded: number;
  readonly engine: string;
  /** Bytes of activations held at most at one time, and samples per turn. */
  readonly memory: { readonly limit: number; readonly peak: number; readonly samplesPerTurn: number };
  readonly seconds: number;
  readonly resumedSteps: number;
}

/** Sizes of the weights of all layers: float32 elements × 32 is the whole. */
export interface SizeFigures {
  /** Σ nₗ·bₗ / (32·Σ nₗ). */
  readonly nominal: number;
  readonly nominalBits: number;
  readonly packedBytes: number;
  /** Size of the file on disk; undefined before export. */
  readonly fileBytes: number | undefined;
  readonly floatFileBytes: number;
}

export interface AllocatedLayer {
  readonly name: string;
  readonly shortName: string;
  readonly weightBits: number;
  readonly activationBits: number;
  /** Absent: dense. */
  readonly pattern?: SparsityChoice | undefined;
  readonly pinned: boolean;
  readonly parameters: number;
  readonly sizeBits: number;
  readonly predictedLoss: number;
  /** Why the layer is as it is, where the allocation did not decide: "first layer", "pinned by …", a refusal. */
  readonly reason: string | undefined;
}

/** A policy measured as a whole network. */
export interface MeasuredPolicy {
  /** Sum over the layers. */
  readonly predicted: number;
  readonly measured: number;
  readonly sizeBits: number;
  readonly kept: boolean;
  /** Where it differs from the programme's optimum. */
  readonly changed: readonly {
    readonly shortName: string;
    readonly weightBits: number;
    readonly activationBits: number;
  }[];
}

export interface AllocateResult {
  readonly recipePath: string;
  readonly lockPath: string | undefined;
  readonly solution: Omit<AllocationSolution, 'picks'>;
  readonly layers: readonly AllocatedLayer[];
  /** Fraction of the float size, and of the bit-operations with everything at 8 bits. */
  readonly size: number;
  readonly bops: number | undefined;
  readonly lossUnit: LossUnit;
  readonly frontier: readonly Omit<FrontierPoint, 'picks'>[];
  readonly uniform: readonly { readonly bits: number; readonly sizeBits: number; readonly loss: number }[];
  readonly floatBits: number;
  /** The programme's optimum first, then its rivals; empty where none was measured. */
  readonly policies: readonly MeasuredPolicy[];
}

/** A layer of the exported network. */
export interface LayerRun extends AllocatedLayer {
  /** Type the weights are stored in. */
  readonly container: string;
  /** Output signal-to-noise ratio against the float network, dB; errors of earlier layers included. */
  readonly outputSqnr: number | undefined;
  /** Undefined: dense. Zeros as exported, errors of the layer's output relative to it, on held-out samples. */
  readonly sparsity:
    | {
        readonly pattern: SparsityChoice;
        readonly zeros: number;
        readonly retained: number;
        readonly maskError: number | undefined;
        readonly error: number | undefined;
      }
    | undefined;
  readonly notes: readonly string[];
}

/** Wall time of one run of a batch of one, median. */
export interface Latency {
  readonly floatMs: number;
  readonly compressedMs: number;
  readonly runs: number;
}

export interface RunResult {
  readonly analyze: AnalyzeResult;
  readonly allocate: AllocateResult;
  readonly size: SizeFigures;
  readonly accuracy:
    | {
        readonly metric: MetricValue['metric'];
        readonly samples: number;
        readonly float: number;
        /** Quantisation simulated in float. */
        readonly simulated: number;
        /** As ONNX Runtime runs the exported file by default. */
        readonly deployed: number | undefined;
      }
    | undefined;
  /** Loss of the exported network against the float one on the calibration samples, same unit as the prediction. */
  readonly measuredLoss: number;
  /** The network after each step of compression, simulated, in order. */
  readonly steps: readonly {
    readonly name: string;
    readonly loss: number;
    readonly accuracy: number | undefined;
    /** False: undone, for it raised the loss. The last step that was kept is the exported network. */
    readonly kept: boolean;
  }[];
  readonly layers: readonly LayerRun[];
  readonly refused: readonly (Refusal & { readonly layer: string })[];
  /** What computes in float between the layers, and what on 8-bit values. */
  readonly floatOperators: readonly OperatorCount[];
  readonly eightBitOperators: readonly OperatorCount[];
  readonly latency: Latency | undefined;
  /** What the recipe could ask for besides, in sentences. */
  readonly advice: readonly string[];
  readonly outputs: {
    readonly model: string;
    readonly lock: string;
    readonly reportJson: string;
    readonly reportMarkdown: string;
    readonly reportHtml: string;
  };
  /** False when a limit of the recipe is broken (exit code 3). */
  readonly withinLimits: boolean;
  readonly limitMessages: readonly string[];
  readonly seconds: number;
  readonly resumedSteps: number;
}

export interface EvaluateResult {
  readonly modelPath: string;
  readonly metric: MetricValue;
  /** The same file as ONNX Runtime runs it by default; undefined when it does not. */
  readonly deployed: number | undefined;
  readonly engine: string;
}

export interface CheckResult {
  readonly recipePath: string;
  readonly current: boolean;
  /** What is stale or broken, in sentences. */
  readonly problems: readonly { readonly kind: 'stale' | 'missing' | 'limit' | 'file'; readonly message: string }[];
}
