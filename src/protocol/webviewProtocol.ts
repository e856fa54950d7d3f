import type {
  AllocationView,
  FrontierView,
  JobId,
  JobSnapshot,
  MeasurementsView,
  RecipeDiagnostic,
  ReportView,
  WireError,
} from './job';
import type { GraphStructure } from './graph';
import type { LayerStatistics, ModelSummary } from './model';
import type { ChannelRanges, LockEntry, WeightPicture, WeightPictureQuestion } from './weights';
import type { BlockPlace, LayerSparsity, MaskBlock, MaskMethod, PatternName, SparsityState } from './sparsity';

/**
 * The link between the model editor's webview and the extension host.
 *
 * The webview opens a `Channel` over `acquireVsCodeApi().postMessage`, sends `view/ready` and renders the
 * {@link EditorState} it gets back. From then on `state/changed` replaces whole slices of that state. A view that was
 * hidden is loaded anew by VS Code, asks `view/ready` again and has missed nothing.
 *
 * All is JSON: numbers are finite, what is not known is absent.
 */

/** Raised whenever a message changes its meaning; a webview of an older build is told to reload. */
export const WEBVIEW_PROTOCOL_VERSION = 1;

/** One part of the state that takes time or may be missing. */
export type Slot<T> =
  /** Nothing there yet; `reason` says in one sentence what to do, e.g. "Not measured yet: run Analyze". */
  | { readonly status: 'none'; readonly reason: string }
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly value: T }
  | { readonly status: 'failed'; readonly error: WireError };

/** Whether a button can be pressed; a disabled button says what is missing. */
export type ActionState = { readonly enabled: true } | { readonly enabled: false; readonly reason: string };

/** A recipe file whose `model` is the document. */
export interface RecipeInfo {
  readonly path: string;
  /** File name, e.g. "resnet20.lathe.json". */
  readonly name: string;
  readonly diagnostics: readonly RecipeDiagnostic[];
  /** The budget as written: size as a fraction of the float model, bops of the 8-bit one, loss in the unit of the measurement. */
  readonly budget: Budget;
  /** Widths the recipe names, ascending; the choices offered when a layer is pinned. 32 = float. */
  readonly weightBits: readonly number[];
  readonly activationBits: readonly number[];
  /** Greatest accepted fall of the metric, e.g. 0.01. */
  readonly accuracyDrop: number | undefined;
  /** Where each layer's override starts in the recipe, 1-based line, with its text; for the inspector. */
  readonly overrides: readonly { readonly layer: string; readonly line: number; readonly text: string }[];
  /** `missing`: no lock file yet. `stale`: recipe, model or data changed after it was written. */
  readonly lock: 'missing' | 'current' | 'stale';
  /** How the weights' grids are laid. */
  readonly weightGranularity: 'per-channel' | 'per-tensor';
  readonly weightSymmetric: boolean;
}

/** What the allocation may spend. At most one of size and bops is moved by the slider. */
export interface Budget {
  /** Fraction of the float32 size of all weights, 0…1. */
  readonly size?: number;
  /** Fraction of the bit-operations of the model with all widths at 8 bits. */
  readonly bops?: number;
  /** Greatest predicted loss; the size is then minimised. */
  readonly loss?: number;
}

/**
 * A width the user fixed in the editor and has not written to the recipe yet. Wins over the recipe. `null` keeps the
 * layer float, `'free'` undoes a pin of the recipe, an absent field leaves the recipe's word.
 */
export interface Pin {
  readonly layer: string;
  readonly weightBits?: number | null | 'free';
  readonly activationBits?: number | null | 'free';
}

/** Everything the editor shows. Slices are replaced whole. */
export interface EditorState {
  readonly document: {
    /** Absolute path on the machine of the extension host. */
    readonly path: string;
    /** File name, with the version where it is not the file itself: "resnet20.onnx (HEAD)". */
    readonly name: string;
    /** Set for a version that is on no disk: it can be looked at, and nothing else. */
    readonly version?: string;
  };
  /** `false` in restricted mode: inspection only. */
  readonly trusted: boolean;
  readonly model: Slot<ModelSummary>;
  readonly statistics: StatisticsState;
  readonly sparsity: SparsityState;
  /** The recipe in use; undefined when there is none for this model. */
  readonly recipe: RecipeInfo | undefined;
  /** All recipes of the workspace for this model, for choosing. */
  readonly recipes: readonly { readonly path: string; readonly name: string }[];
  readonly measurements: Slot<MeasurementsView>;
  /** For the recipe's budget and the pins; `allocation/solve` asks for others. */
  readonly allocation: Slot<AllocationView>;
  readonly frontier: Slot<FrontierView>;
  readonly report: Slot<ReportView>;
  /** Jobs on this model, newest first. */
  readonly jobs: readonly JobSnapshot[];
  /** Not yet written to the recipe. */
  readonly pins: readonly Pin[];
  /** Name of the selected layer, shared by all views of the document. */
  readonly selectedLayer: string | undefined;
  /** Models this one can be compared with at a click. */
  readonly related: readonly RelatedModel[];
  readonly actions: {
    readonly analyze: ActionState;
    readonly optimize: ActionState;
    readonly export: ActionState;
    readonly writePins: ActionState;
    readonly createRecipe: ActionState;
  };
}

export interface RelatedModel {
  /** What it is to the document: its float original, a compressed child of it, or the other side of a diff. */
  readonly relation: 'float' | 'compressed' | 'diff';
  /** "compressed/resnet20.onnx", "resnet20.onnx (HEAD)". */
  readonly name: string;
}

export interface StatisticsState {
  readonly layers: readonly LayerStatistics[];
  /** All weights have been read. */
  readonly complete: boolean;
  readonly error?: WireError;
}

export type EditorTab = 'overview' | 'layers' | 'graph' | 'bits' | 'sparsity';

/** What the webview may ask the extension. */
export interface EditorRequests {
  /** First message after loading; answers the whole state. */
  'view/ready': { params: null; result: EditorState };
  /** Selects a layer in every view of the document; undefined or absent clears. */
  'view/selectLayer': { params: { readonly layer?: string }; result: null };

  /**
   * Solves for a budget and the given pins without changing the document. `hull` answers from the lower convex hull
   * within a frame, `exact` solves the integer programme. Abort a request when the slider has moved on.
   * Fails with `allocate/infeasible`, whose details name the smallest feasible budget and the pins that cause it.
   */
  'allocation/solve': {
    params: { readonly budget: Budget; readonly pins: readonly Pin[]; readonly precision: 'hull' | 'exact' };
    result: AllocationView;
  };
  /** Frontier under the given pins. `exact` refines it and may take seconds. */
  'allocation/frontier': {
    params: { readonly pins: readonly Pin[]; readonly precision: 'hull' | 'exact' };
    result: FrontierView;
  };

  /**
   * Measures these patterns on every layer that has not been measured with them, in any view of the document. Answers
   * at once; figures come as `sparsity/received`.
   */
  'sparsity/measure': { params: { readonly patterns: readonly PatternName[] }; result: null };
  /** Weights and masks of a window. Abort a request when the window has moved on. */
  'sparsity/block': { params: { readonly place: BlockPlace; readonly pattern: PatternName }; result: MaskBlock };

  /** One layer's weight as bounded figures for drawing. Abort a request when another layer was selected. */
  'weight/picture': { params: { readonly question: WeightPictureQuestion }; result: WeightPicture };
  /** What a scale for each output channel has to span, and the values of one channel where one is asked for. */
  'weight/channels': { params: { readonly layer: string; readonly channel?: number }; result: ChannelRanges };
  /** What the lock of the recipe in use says of a layer; no entry where there is none. */
  'lock/entry': { params: { readonly layer: string }; result: { readonly name?: string; readonly entry?: LockEntry } };
  /** Opens the lock at a layer. */
  'lock/open': { params: { readonly layer: string }; result: null };

  /** One graph of the model: 0 is its own, others are bodies of If, Loop and Scan. */
  'graph/read': { params: { readonly graph: number }; result: GraphStructure };

  /** Replaces all pins of the document; the state's allocation and frontier follow. */
  'pins/set': { params: { readonly pins: readonly Pin[] }; result: null };
  /** Writes the pins, and the budget when given, into the recipe as one undoable edit; answers how many entries changed. */
  'recipe/write': { params: { readonly budget?: Budget }; result: { readonly changed: number } };
  /** Opens the recipe: at a line (1-based), or at the override of a layer that wins. */
  'recipe/open': { params: { readonly layer?: string; readonly line?: number }; result: null };
  /** Writes a first recipe beside the model, opens it and makes it the one in use. */
  'recipe/create': { params: null; result: { readonly path: string } };
  /** Chooses among `EditorState.recipes`. */
  'recipe/choose': { params: { readonly path: string }; result: null };

  /** Starts a job on the recipe in use and answers at once; progress comes with `state/changed` (`jobs`). */
  'job/start': { params: { readonly kind: 'analyze' | 'allocate' | 'run' }; result: { readonly id: JobId } };
  'job/cancel': { params: { readonly id: JobId }; result: null };
  /** Opens the job's log. */
  'job/showLog': { params: { readonly id: JobId }; result: null };

  /** Saves the compressed model where the user says; `saved` is absent when the dialog was closed. */
  'model/export': { params: null; result: { readonly saved?: string } };
  /** Opens the compressed model in an editor of its own. */
  'model/openCompressed': { params: null; result: null };
  /** Opens the comparison with a related model. */
  'model/compare': { params: { readonly relation: RelatedModel['relation'] }; result: null };
  /** Reads the file again. */
  'model/reload': { params: null; result: null };
  'report/open': { params: { readonly format: 'html' | 'markdown' | 'json' }; result: null };
  /** Selects a written file in VS Code's explorer. */
  'file/reveal': { params: { readonly path: string }; result: null };

  /** Puts text on the clipboard; `what` names it in the status bar, e.g. "22 layers". */
  'clipboard/write': { params: { readonly text: string; readonly what: string }; result: null };
  /** Opens VS Code's page for trusting the workspace. */
  'trust/manage': { params: null; result: null };
  'log/show': { params: null; result: null };
}

/** What the webview tells the extension without waiting. */
export interface EditorEvents {
  /** The tab on show, so that commands know what they act on. */
  'view/tab': { readonly tab: EditorTab };
  /** Uncaught error of the webview, for the log. */
  'view/error': { readonly message: string; readonly stack?: string };
}

/** What the extension tells the webview. */
export interface EditorNotifications {
  /** Whole slices that replace those of the state. A slice that became undefined is listed in `cleared`. */
  'state/changed': {
    readonly changed: Partial<EditorState>;
    readonly cleared: readonly ('recipe' | 'selectedLayer')[];
  };
  /** New statistics, by layer name; may repeat a layer. Follows `statistics` of the last whole state. */
  'statistics/received': { readonly layers: readonly LayerStatistics[]; readonly complete: boolean };
  /** Masks of more layers or patterns; adds to `sparsity` of the state, whose other fields it replaces. */
  'sparsity/received': { readonly layers: readonly LayerSparsity[]; readonly state: Omit<SparsityState, 'layers'> };
  /** A command of the palette that acts inside the view. */
  'view/run': { readonly command: EditorCommand };
}

export type EditorCommand =
  | { readonly type: 'showTab'; readonly tab: EditorTab }
  /** Build the CSV of the layers as sorted and filtered now and send it with `clipboard/write`. */
  | { readonly type: 'copyLayersCsv' }
  | { readonly type: 'focusFilter' };

/** The extension's end of the link: what it answers and hears. */
export interface EditorHostSide {
  readonly requests: EditorRequests;
  readonly notifications: EditorEvents;
}

/** The webview's end: it answers no requests. */
export interface EditorViewSide {
  readonly requests: object;
  readonly notifications: EditorNotifications;
}

/**
 * What the webview keeps with `setState` and reads with `getState`, so that a reload of the window brings the view back
 * as it was. Parsed at the door: absent or foreign fields fall back to defaults.
 */
export interface PersistedViewState {
  readonly version: 1;
  readonly tab: EditorTab;
  readonly sort?: { readonly column: string; readonly descending: boolean };
  readonly filter?: string;
  readonly hiddenColumns?: readonly string[];
  readonly scrollTop?: number;
  readonly selectedLayer?: string;
  /** Position of the slider while it differs from the recipe's budget. */
  readonly budget?: Budget;
  readonly inspectorWidth?: number;
  /** What the Graph tab is coloured by. */
  readonly graphMeasure?: string;
  /** What the Sparsity tab shows. */
  readonly sparsity?: SparsityChoice;
}

/** A pattern and how its mask is found; `dense` shows the weight as it is. */
export interface SparsityChoice extends PatternName {
  readonly method: MaskMethod | 'dense';
}
