import type { WireError } from './job';
import type { ActionState } from './webviewProtocol';

/**
 * The link between the review panel's webview and the extension host: recipe, lock and report before and after, compared
 * by the core that `lathe diff` prints. The webview asks `view/ready` once; from then on `state/changed` replaces all.
 */
export const REVIEW_PROTOCOL_VERSION = 1;

/** What a panel compares; kept by VS Code over a reload of the window. Paths are absolute. */
export type ReviewTarget =
  /** The files of a recipe on disk against those of a commit. */
  | { readonly type: 'revision'; readonly recipePath: string; readonly revision: string }
  /** Two files; where both belong to a recipe, the other files of the two recipes too. */
  | { readonly type: 'files'; readonly beforePath: string; readonly afterPath: string };

export interface FigureDiffView {
  /** "size", "loss.predicted", "accuracy.deployed"… */
  readonly key: string;
  readonly label: string;
  readonly before: string;
  readonly after: string;
  /** '' where there is no difference. */
  readonly change: string;
  readonly limit?: string;
  readonly kept?: boolean;
}

export interface FieldDiffView {
  readonly field: string;
  /** Absent: not there. */
  readonly before?: string;
  readonly after?: string;
}

/** A layer, or an override of a recipe. */
export interface LayerRowView {
  readonly name: string;
  readonly status: 'changed' | 'added' | 'removed' | 'same';
  readonly why?: string;
  /** By field, as people read them: "W", "A", "sparsity", "size", "loss"… Absent where the file has no such layer. */
  readonly before?: Readonly<Record<string, string>>;
  readonly after?: Readonly<Record<string, string>>;
  /** Signed changes of amounts, by field. */
  readonly changes: Readonly<Record<string, string>>;
}

export interface DiffView {
  readonly kind: 'recipe' | 'lock' | 'report' | 'model';
  readonly figures: readonly FigureDiffView[];
  readonly fields: readonly FieldDiffView[];
  /** Those that differ first, in the order of `lathe diff`. */
  readonly layers: readonly LayerRowView[];
  readonly unchangedLayers: number;
  /** Nothing differs in meaning. */
  readonly same: boolean;
}

/** One pair of files. */
export interface ReviewPart {
  readonly kind: DiffView['kind'];
  /** As the heading of its Markdown has them. */
  readonly before: string;
  readonly after: string;
  readonly outcome:
    | { readonly status: 'compared'; readonly diff: DiffView }
    /** Only the second file is there; `diff` is what it says by itself, left out where it cannot be read. */
    | { readonly status: 'added'; readonly diff?: DiffView }
    | { readonly status: 'removed' }
    | { readonly status: 'failed'; readonly error: WireError };
}

export interface ReviewState {
  readonly target: ReviewTarget;
  /** File name of the recipe or of the second file. */
  readonly title: string;
  /** "HEAD", "working tree", or paths. */
  readonly before: string;
  readonly after: string;
  readonly status: 'loading' | 'ready';
  /** Why nothing can be compared, e.g. that there is no Git repository. */
  readonly problem?: string;
  readonly parts: readonly ReviewPart[];
  /** Sentences that say why the lock on disk does not follow from the recipe any more; empty when it does. */
  readonly stale: readonly string[];
  readonly actions: {
    readonly allocate: ActionState;
    readonly openLayer: ActionState;
    readonly copyMarkdown: ActionState;
  };
}

export interface ReviewRequests {
  'view/ready': { params: null; result: ReviewState };
  /** Opens the model with this layer selected. */
  'layer/open': { params: { readonly layer: string }; result: null };
  /** Opens the file on disk of a part. */
  'file/open': { params: { readonly kind: DiffView['kind'] }; result: null };
  /** Asks which branch or commit, or which two files, to compare. */
  'revision/choose': { params: null; result: null };
  /** Asks for two files to compare. */
  'files/choose': { params: null; result: null };
  /** Starts the job that writes the lock anew. */
  'lock/allocate': { params: null; result: null };
  /** Copies what `lathe diff --format markdown` prints for the parts, one after the other. */
  'markdown/copy': { params: null; result: null };
}

export interface ReviewHostSide {
  readonly requests: ReviewRequests;
  readonly notifications: { 'view/error': { readonly message: string; readonly stack?: string } };
}

export interface ReviewViewSide {
  readonly requests: object;
  readonly notifications: { 'state/changed': ReviewState };
}
