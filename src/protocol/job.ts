/** Long work and its results, as JSON. */

export type JobId = string & { readonly __brand: 'JobId' };

export type JobKind = 'analyze' | 'allocate' | 'run' | 'evaluate';

export type StageStatus = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'skipped';

/** A whole picture of a running job, never a delta: a view that was hidden needs only the last one. */
export interface JobSnapshot {
  readonly id: JobId;
  readonly kind: JobKind;
  readonly recipePath: string;
  readonly modelPath: string;
  readonly status: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly stages: readonly {
    readonly name: string;
    readonly status: StageStatus;
    readonly done: number;
    readonly total: number;
    readonly detail: string;
  }[];
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly elapsedSeconds: number;
  /** Estimate; undefined until there is one. */
  readonly secondsLeft: number | undefined;
  /** Steps taken over from the cache of an earlier run. */
  readonly resumedSteps: number;
  readonly outsideLimits?: boolean;
  readonly error?: WireError;
  readonly outputs?: readonly string[];
}

/** Errors cross processes as data; compare `code`. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** All that has been measured for one recipe, from the cache; parts may be missing. */
export interface MeasurementsView {
  readonly recipePath: string;
  /** Metric of the float model on the evaluation data, e.g. { metric: 'top1', value: 0.9217, samples: 2000 }. */
  readonly baseline: { readonly metric: string; readonly value: number; readonly samples: number } | undefined;
  /** Unit of all losses: "nats", "relative MSE"… */
  readonly lossUnit: string;
  readonly layers: readonly LayerMeasurementView[];
  /** Layers measured / layers in all. */
  readonly complete: boolean;
}

export interface LayerMeasurementView {
  readonly name: string;
  readonly candidates: readonly CandidateView[];
  readonly activationMin: number | undefined;
  readonly activationMax: number | undefined;
  /** What the layer read on the calibration samples; absent where it was not kept. */
  readonly activation?: {
    /** Share of exact zeros, 0…1. */
    readonly zeros: number;
    /** Counts of what is not zero, over equal bins from min to max. */
    readonly histogram: readonly number[];
    /** First and last level of the grid at each width. */
    readonly grids: readonly { readonly bits: number; readonly low: number; readonly high: number }[];
  };
  /** Relative output error at each width, rounded to nearest and optimised; absent where nothing was optimised. */
  readonly outputErrors?: readonly { readonly bits: number; readonly rounded: number; readonly optimized: number }[];
}

export interface CandidateView {
  readonly weightBits: number;
  readonly activationBits: number;
  /** Loss added to the network with only this layer at this choice. */
  readonly loss: number;
  /** Signal-to-quantisation-noise ratio of the weight in dB; absent where the grid holds the weight exactly. */
  readonly weightSqnr: number | undefined;
}

export interface AllocationView {
  /** Fraction of the float32 size of all weights (layers that can be quantised and those that cannot). */
  readonly size: number;
  readonly sizeBytes: number;
  readonly floatBytes: number;
  /** Bit-operations as a fraction of those at 8 bits; absent where MACs are unknown. */
  readonly bops: number | undefined;
  readonly predictedLoss: number;
  readonly bound: number;
  readonly proven: boolean;
  readonly engine: string;
  readonly layers: readonly AllocatedLayerView[];
  /** `false` while only the hull has answered and the programme is still being solved. */
  readonly exact: boolean;
}

export interface AllocatedLayerView {
  readonly name: string;
  readonly weightBits: number;
  /** 32 = float. */
  readonly activationBits: number;
  readonly pinned: boolean;
  readonly parameters: number;
  readonly sizeBits: number;
  readonly predictedLoss: number;
  readonly reason?: string;
}

export interface FrontierView {
  readonly points: readonly { readonly size: number; readonly loss: number; readonly exact: boolean }[];
  /** Uniform widths for comparison. */
  readonly uniform: readonly { readonly bits: number; readonly size: number; readonly loss: number }[];
  /** Networks that were really built and run. */
  readonly measured: readonly { readonly size: number; readonly loss: number; readonly label: string }[];
  readonly smallestSize: number;
  readonly largestSize: number;
}

/** The report's figures for the strip and the tables. */
export interface ReportView {
  readonly size: {
    readonly nominal: number;
    readonly packedBytes: number;
    readonly fileBytes: number;
    readonly floatFileBytes: number;
  };
  readonly accuracy:
    | {
        readonly metric: string;
        readonly float: number;
        readonly simulated: number;
        /** As ONNX Runtime runs the file by default; absent where it does not. */
        readonly deployed?: number;
        readonly samples: number;
      }
    | undefined;
  readonly predictedLoss: number;
  readonly measuredLoss: number | undefined;
  readonly lossUnit: string;
  readonly modelPath: string;
  readonly layers: readonly {
    readonly name: string;
    readonly weightBits: number;
    readonly activationBits: number;
    readonly outputSqnr: number | undefined;
    readonly predictedLoss: number;
  }[];
  /** The network after each step of compression, in order, simulated; absent in reports that do not hold it. */
  readonly steps?: readonly {
    readonly name: string;
    readonly loss: number;
    readonly accuracy?: number;
    /** It raised the loss and was taken back. */
    readonly undone?: boolean;
  }[];
  /** Whole policies that were measured: the optimum of the programme first, then its neighbours. */
  readonly policies?: readonly {
    readonly size: number;
    readonly predicted: number;
    readonly measured: number;
    readonly kept: boolean;
    /** Where it differs from the optimum; empty for the optimum itself. */
    readonly changed: readonly {
      readonly shortName: string;
      readonly weightBits: number;
      readonly activationBits: number;
    }[];
  }[];
}

export interface RecipeDiagnostic {
  readonly severity: 'error' | 'warning' | 'information';
  readonly code: string;
  readonly message: string;
  /** Offset and length in the recipe's text. */
  readonly offset: number;
  readonly length: number;
  /** What mends it: text in place of a range of the recipe's, by default that of the diagnostic. */
  readonly fix?: { readonly text: string; readonly offset?: number; readonly length?: number };
}
