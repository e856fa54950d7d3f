import type {
  AllocationView,
  FrontierView,
  JobId,
  JobKind,
  JobSnapshot,
  MeasurementsView,
  RecipeDiagnostic,
  ReportView,
} from './job';
import type { ModelComparison } from './comparison';
import type { GraphStructure } from './graph';
import type { InteropFormatName, ModelFormName } from './interop';
import type { DiffView } from './review';
import type { RunFile, RunView } from './history';
import type { LayerStatistics, ModelSummary } from './model';
import type { BlockPlace, LayerSparsity, MaskBlock, PatternDiversity, PatternName } from './sparsity';
import type { Budget, Pin } from './webviewProtocol';
import type { ChannelRanges, LockEntry, WeightPicture, WeightPictureQuestion } from './weights';

/**
 * The link between the extension host and a background process. The same program serves quick questions in one
 * long-lived process and each job in a process of its own, so that a job can be killed without losing the answers.
 * Weights do not travel, apart from the small block of them that is looked at: paths, figures and summaries do.
 */
export const WORKER_PROTOCOL_VERSION = 1;

/** How a model file is read. */
export interface ModelAccess {
  /** Absolute path. */
  readonly path: string;
  /** `false` in restricted mode: no file but the model itself is opened. */
  readonly followExternalData: boolean;
}

/** What the recipe says, after parsing, for the views. */
export interface RecipeSummary {
  /** Absolute path of the model. */
  readonly modelPath: string;
  readonly budget: Budget;
  readonly weightBits: readonly number[];
  readonly activationBits: readonly number[];
  readonly accuracyDrop: number | undefined;
  readonly exportDirectory: string;
  /** Overrides by glob and the layers they reach, with their place in the text (offset of the key). */
  readonly overrides: readonly {
    readonly pattern: string;
    readonly offset: number;
    readonly text: string;
    readonly layers: readonly string[];
  }[];
  /** One grid of the weights for each output channel, or one for all. */
  readonly weightGranularity: 'per-channel' | 'per-tensor';
  readonly weightSymmetric: boolean;
}

/** One layer for completion and hover in a recipe. */
export interface RecipeLayer {
  readonly name: string;
  readonly shortName: string;
  readonly description: string;
  readonly parameters: number;
  readonly macs: number | undefined;
  /** Sentence; absent when the layer can be quantised. */
  readonly refusal?: string;
  /** Measured candidates, where there are any. */
  readonly candidates: readonly {
    readonly weightBits: number;
    readonly activationBits: number;
    readonly loss: number;
  }[];
  readonly lossUnit: string | undefined;
}

/** Replaces `length` characters from `offset` by `text`. Several edits do not overlap and are in ascending order. */
export interface TextEditData {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** One side of a comparison. */
export interface ReviewSource {
  /** Absolute. */
  readonly path: string;
  readonly name: string;
  readonly text?: string;
}

export interface WorkerRequests {
  /** Structure only; no weight is read and no model is run. */
  'model/open': { params: ModelAccess; result: ModelSummary };
  /** As `model/open`, with shapes the file does not declare inferred by ONNX Runtime. Trusted workspaces only. */
  'model/inferShapes': { params: ModelAccess; result: ModelSummary };
  /** Reads every weight once; figures arrive as `model/statistics` with the same token before the answer. */
  'model/statistics': { params: ModelAccess & { readonly token: number }; result: null };
  /**
   * Finds the masks of these patterns on every layer; figures arrive as `model/sparsity` with the same token before the
   * answer. What was measured of the file as it is now is not measured again.
   */
  'model/sparsity': {
    params: ModelAccess & { readonly token: number; readonly patterns: readonly PatternName[] };
    result: null;
  };
  /** How many masks patterns admit, in the order asked. */
  'masks/diversity': {
    params: { readonly patterns: readonly PatternName[] };
    result: { readonly diversity: readonly PatternDiversity[] };
  };
  /** A window of one layer's weights with its masks. */
  'model/maskBlock': {
    params: ModelAccess & { readonly place: BlockPlace; readonly pattern: PatternName };
    result: MaskBlock;
  };
  /** One layer's weight as bounded figures for drawing. */
  'model/weightPicture': {
    params: ModelAccess & { readonly question: WeightPictureQuestion };
    result: WeightPicture;
  };
  /** What a scale for each output channel has to span, and the values of one channel where one is asked for. */
  'model/channelRanges': {
    params: ModelAccess & { readonly layer: string; readonly channel?: number };
    result: ChannelRanges;
  };
  /** One graph of the model for drawing; structure only. */
  'model/graph': { params: ModelAccess & { readonly graph: number }; result: GraphStructure };
  /** Compares two models layer by layer, with what reports beside them measured. Reads every weight. */
  'model/compare': { params: { readonly before: ModelAccess; readonly after: ModelAccess }; result: ModelComparison };
  /** What belongs together by these recipes: the float model of a compressed one, the compressed ones of a float one. */
  'model/kin': {
    params: { readonly path: string; readonly recipePaths: readonly string[] };
    result: { readonly float?: string; readonly compressed: readonly string[] };
  };
  /** Text of a first recipe and where it belongs. Nothing is written. */
  'model/initRecipe': { params: { readonly path: string }; result: { readonly path: string; readonly text: string } };

  /** Diagnostics of the text, checked against the model when it can be read. No summary when the text is no recipe. */
  'recipe/parse': {
    params: { readonly path: string; readonly text: string; readonly followExternalData: boolean };
    result: { readonly diagnostics: readonly RecipeDiagnostic[]; readonly summary?: RecipeSummary };
  };
  /** The model's layers, or those a pattern of the recipe means. */
  'recipe/layers': {
    params: {
      readonly path: string;
      readonly text: string;
      readonly followExternalData: boolean;
      readonly pattern?: string;
    };
    result: { readonly layers: readonly RecipeLayer[] };
  };
  /** Edits that bring pins and budget into the recipe's text, keeping comments and layout. */
  'recipe/edits': {
    params: { readonly path: string; readonly text: string; readonly pins: readonly Pin[]; readonly budget?: Budget };
    result: { readonly edits: readonly TextEditData[]; readonly changed: number };
  };
  /**
   * What a recipe on disk leads to, as diagnostics: a lock that no longer follows from it, a budget that cannot be reached.
   * Nothing where it has faults or was not measured.
   */
  'recipe/outlook': {
    params: { readonly recipePath: string };
    result: { readonly diagnostics: readonly RecipeDiagnostic[] };
  };
  /** What the lock beside the recipe says of one layer; no entry where there is no lock or no such layer in it. */
  'recipe/lockEntry': {
    params: { readonly recipePath: string; readonly layer: string };
    result: { readonly path: string; readonly entry?: LockEntry };
  };
  /** What the lock beside the recipe decided, in the form of another tool. */
  'lock/export': {
    params: { readonly recipePath: string; readonly format: InteropFormatName };
    result: { readonly text: string; readonly notes: readonly string[]; readonly suffix: string };
  };
  /** Writes the model of the last run in another form; never over the models it comes from. */
  'model/exportForm': {
    params: { readonly recipePath: string; readonly form: ModelFormName; readonly path: string };
    result: { readonly notes: readonly string[] };
  };
  /** Whether the lock still belongs to recipe, model and data. */
  'recipe/lockState': {
    params: { readonly recipePath: string };
    result: { readonly lock: 'missing' | 'current' | 'stale'; readonly problems: readonly string[] };
  };

  /** What is wrong with a lock as it stands in an editor: damaged, or stale and by what. */
  'lock/outlook': {
    params: { readonly path: string; readonly text: string };
    result: { readonly diagnostics: readonly RecipeDiagnostic[] };
  };
  /**
   * Two recipes, locks, reports or models by meaning. `text` stands for the contents where they are not those on disk;
   * `name` is what the result calls a file. `markdown` is what `lathe diff --format markdown` prints under these names.
   */
  'review/compare': {
    params: { readonly before: ReviewSource; readonly after: ReviewSource };
    result: { readonly diff: DiffView; readonly markdown: string };
  };

  /** From the cache beside the recipe; absent when nothing has been measured. */
  'measurements/read': { params: { readonly recipePath: string }; result: { readonly view?: MeasurementsView } };
  /** Without a budget: the recipe's own. */
  'allocation/solve': {
    params: {
      readonly recipePath: string;
      readonly budget?: Budget;
      readonly pins: readonly Pin[];
      readonly precision: 'hull' | 'exact';
    };
    result: AllocationView;
  };
  'allocation/frontier': {
    params: { readonly recipePath: string; readonly pins: readonly Pin[]; readonly precision: 'hull' | 'exact' };
    result: FrontierView;
  };
  'report/read': {
    params: { readonly recipePath: string };
    result: {
      readonly view?: ReportView;
      /** Absolute paths of the files there are. */
      readonly files: { readonly json?: string; readonly markdown?: string; readonly html?: string };
    };
  };

  /** The kept runs of a recipe, newest first. */
  'history/list': { params: { readonly recipePath: string }; result: { readonly runs: readonly RunView[] } };
  /** Text of a kept file of a run. Fails with `history/no-run`. */
  'history/read': {
    params: { readonly recipePath: string; readonly id: string; readonly file: RunFile };
    result: { readonly text: string };
  };
  /** Deletes runs from the history; what they exported stays. */
  'history/delete': {
    params: { readonly recipePath: string; readonly ids: readonly string[] };
    result: { readonly deleted: number };
  };

  /** Answers at once; all else comes as `job/snapshot`. A process runs one job and ends with it. */
  'job/start': {
    params: { readonly id: JobId; readonly kind: JobKind; readonly recipePath: string; readonly budget?: Budget };
    result: { readonly id: JobId };
  };
  /** Asks for an end at the next step. Who cannot wait kills the process: finished steps are on disk. */
  'job/cancel': { params: { readonly id: JobId }; result: null };
}

export interface WorkerNotifications {
  'model/statistics': { readonly token: number; readonly layers: readonly LayerStatistics[] };
  'model/sparsity': { readonly token: number; readonly layers: readonly LayerSparsity[] };
  'job/snapshot': JobSnapshot;
  'job/log': { readonly id: JobId; readonly line: string };
  log: { readonly level: 'info' | 'warn' | 'error'; readonly message: string };
}

/** The background process's end. */
export interface WorkerSide {
  readonly requests: WorkerRequests;
  readonly notifications: object;
}

/** The extension host's end. */
export interface WorkerClientSide {
  readonly requests: object;
  readonly notifications: WorkerNotifications;
}
