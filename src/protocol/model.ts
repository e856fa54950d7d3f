/** What the worker tells about a model: plain JSON, no weights. Webview, extension and worker share these types. */

export interface ModelSummary {
  readonly path: string;
  readonly fileBytes: number;
  /** External data files, relative names, with their sizes. */
  readonly externalFiles: readonly { readonly name: string; readonly bytes: number }[];
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: string;
  readonly graphName: string;
  readonly nodeCount: number;
  readonly operatorCounts: readonly { readonly operator: string; readonly count: number }[];
  readonly inputs: readonly ValueSummary[];
  readonly outputs: readonly ValueSummary[];
  /** Elements of all initializers and constants of floating type. */
  readonly parameters: number;
  /** Multiply-accumulates for one sample (symbolic batch = 1); undefined where shapes are unknown. */
  readonly macs: number | undefined;
  readonly metadata: readonly { readonly key: string; readonly value: string }[];
  readonly layers: readonly LayerSummary[];
  /** What could not be read or done, in the model as a whole. */
  readonly notes: readonly string[];
}

export interface ValueSummary {
  readonly name: string;
  /** "float32", "int64"… */
  readonly type: string;
  /** "batch × 1 × 28 × 28"; "?" where unknown. */
  readonly shape: string;
}

export type VerdictSummary = { readonly possible: true } | { readonly possible: false; readonly reason: string };

export interface LayerSummary {
  readonly name: string;
  readonly shortName: string;
  /** Operator type as in ONNX. */
  readonly operator: string;
  /** "Conv 3×3, stride 2, 16 groups". */
  readonly description: string;
  readonly weightName: string;
  readonly weightType: string;
  readonly weightShape: readonly number[];
  readonly inputShape: string;
  readonly outputShape: string;
  readonly parameters: number;
  readonly macs: number | undefined;
  readonly storedBytes: number;
  readonly tie: string | undefined;
  readonly quantizeWeights: VerdictSummary;
  readonly quantizeActivations: VerdictSummary;
  readonly sparsify: VerdictSummary;
}

/** Streams in after the summary, since it reads every weight once. */
export interface LayerStatistics {
  readonly name: string;
  /** Share of exact zeros, 0…1. */
  readonly zeros: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  /** One entry per pattern, in the order 1:2, 2:4, 4:8, 8:16, 1:4 (kept : group). */
  readonly nm: readonly PatternCompliance[];
  /** Counts over equal bins from min to max, 64 of them. */
  readonly histogram: readonly number[];
}

export interface PatternCompliance {
  readonly keep: number;
  readonly group: number;
  /** Share of groups along the reduction axis with at most `keep` non-zeros, 0…1. */
  readonly compliance: number;
  readonly eligible: boolean;
  /** Why not, where not. */
  readonly reason?: string;
}
