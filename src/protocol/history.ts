import type { Budget, Slot } from './webviewProtocol';

/** The runs of a recipe that were kept, and the link between their view and the extension host. All is JSON. */

/** A kept file of a run: `markdown` is the report for reading, rendered from the kept one. */
export const RUN_FILES = ['recipe', 'lock', 'report', 'markdown'] as const;
export type RunFile = (typeof RUN_FILES)[number];

/** One finished run as it was kept. Shares and losses are those of its report. */
export interface RunView {
  /** "resnet20-20261126-173005"; unique within the recipe, sorts by time. */
  readonly id: string;
  /** End of the run, ISO 8601. */
  readonly createdAt: string;
  readonly seconds: number;
  readonly minimize: 'loss' | 'size';
  readonly budget: Budget;
  /** Nominal, as a fraction of the float size. */
  readonly size: number;
  readonly fileBytes: number;
  readonly floatFileBytes: number;
  readonly accuracy?: {
    readonly metric: string;
    readonly samples: number;
    readonly float: number;
    readonly simulated: number;
    readonly deployed?: number;
  };
  readonly predictedLoss: number;
  readonly measuredLoss?: number;
  readonly lossUnit: string;
  readonly withinLimits: boolean;
  /** Sentences about the limits it left. */
  readonly limitMessages: readonly string[];
  /** Absent where the kept recipe is not one that this version reads. */
  readonly settings?: RunSettings;
  /** Absolute paths of what was kept. */
  readonly files: Readonly<Record<'recipe' | 'lock' | 'report', string>>;
  /** The kept recipe is, to the letter, the recipe as it is on disk now. */
  readonly isPresentRecipe: boolean;
}

/** How a run compressed, in the recipe's words. */
export interface RunSettings {
  /** Named steps; absent where optimizer and tuning were chosen one by one. */
  readonly pipeline?: string;
  /** "adaquant, sequential"; "none" where nothing was quantised. */
  readonly optimizer: string;
  /** "2:4", "2:4 or dense"; absent without sparsity. */
  readonly sparsity?: string;
}

export const HISTORY_PROTOCOL_VERSION = 1;

/** Everything the view shows. Replaced whole. */
export interface HistoryState {
  readonly recipe: { readonly path: string; readonly name: string };
  /** `false` in restricted mode: nothing is run or deleted. */
  readonly trusted: boolean;
  /** Newest first. */
  readonly runs: Slot<readonly RunView[]>;
  /** A job works on the recipe now. */
  readonly running: boolean;
}

export interface HistoryRequests {
  /** First message after loading. */
  'view/ready': { params: null; result: HistoryState };
  /** Shows what differs between two runs, the older one first. */
  'runs/compare': { params: { readonly ids: readonly string[] }; result: null };
  /** Starts the recipe where it is what the run had; else writes the run's recipe into a new file and opens it. */
  'run/again': { params: { readonly id: string }; result: { readonly started: boolean; readonly written?: string } };
  /** Asks first; answers how many are gone. */
  'runs/delete': { params: { readonly ids: readonly string[] }; result: { readonly deleted: number } };
  'run/openReport': { params: { readonly id: string }; result: null };
  'run/openRecipe': { params: { readonly id: string }; result: null };
  'recipe/open': { params: null; result: null };
  /** Starts a run of the recipe as it is. */
  'recipe/run': { params: null; result: null };
}

export interface HistoryEvents {
  /** Uncaught error of the webview, for the log. */
  'view/error': { readonly message: string; readonly stack?: string };
}

export interface HistoryNotifications {
  'state/changed': HistoryState;
}

/** The extension's end of the link. */
export interface HistoryHostSide {
  readonly requests: HistoryRequests;
  readonly notifications: HistoryEvents;
}

/** The webview's end: it answers no requests. */
export interface HistoryViewSide {
  readonly requests: object;
  readonly notifications: HistoryNotifications;
}

/** What the webview keeps over a reload; `recipe` is how VS Code finds its way back. Parsed at the door. */
export interface PersistedHistoryState {
  readonly version: 1;
  /** Absolute path. */
  readonly recipe?: string;
  readonly sort?: { readonly column: string; readonly descending: boolean };
  readonly selected: readonly string[];
}
