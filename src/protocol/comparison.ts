import type { Slot } from './webviewProtocol';

/**
 * Two models beside each other: what the worker finds, and the link between the comparison's webview and the extension
 * host. All is JSON; what is not known is absent.
 */

/** Raised whenever a message changes its meaning. */
export const COMPARE_PROTOCOL_VERSION = 1;

export interface ModelComparison {
  readonly before: ComparedSide;
  readonly after: ComparedSide;
  /** Operator types whose number of nodes differs, the largest differences first. */
  readonly operators: readonly { readonly operator: string; readonly before: number; readonly after: number }[];
  /** Nodes added, removed or changed, without those that quantise. */
  readonly nodes: readonly ComparedNode[];
  /** Batch norms of one model folded into its weights before these were compared. */
  readonly foldedBatchNorms: number;
  /** In the order of the second model, removed ones where they were. */
  readonly layers: readonly ComparedLayer[];
  /** Reports that measured other versions of these files. */
  readonly staleReports: readonly string[];
}

export interface ComparedSide {
  readonly fileBytes: number;
  readonly weightBytes: number;
  readonly nodes: number;
  readonly layers: number;
  readonly opset?: number;
  /** From a Lathe report. */
  readonly measured?: {
    readonly report: string;
    readonly role: 'float' | 'compressed';
    readonly accuracy?: { readonly metric: string; readonly samples: number; readonly value: number };
    readonly latencyMs?: number;
  };
}

export interface ComparedLayer {
  readonly status: 'same' | 'changed' | 'added' | 'removed';
  readonly matchedBy?: 'name' | 'weight' | 'order';
  readonly before?: LayerSide;
  readonly after?: LayerSide;
  /** Of the dequantised weights: relative L2 distance, absent where the first is zero, and the largest difference. */
  readonly difference?: { readonly relative?: number; readonly maxAbsolute: number };
  /** Why there is no difference. */
  readonly unmeasured?: string;
  /** Signal-to-noise ratio of the compressed layer's output, dB. */
  readonly outputSqnr?: number;
}

export interface LayerSide {
  readonly name: string;
  readonly shortName: string;
  readonly operator: string;
  readonly description: string;
  readonly shape: readonly number[];
  readonly type: string;
  readonly parameters: number;
  readonly weightBits?: number;
  readonly inputBits?: number;
  readonly storedBytes: number;
  readonly bias?: string;
  readonly tie?: string;
  readonly zeros?: number;
  readonly pattern?: string;
}

export interface ComparedNode {
  readonly name: string;
  readonly status: 'changed' | 'added' | 'removed';
  readonly before?: string;
  readonly after?: string;
  readonly changes: readonly string[];
}

export type SideName = 'before' | 'after';

/** One of the two files as the user knows it. */
export interface ComparedFile {
  readonly uri: string;
  /** "resnet20.onnx". */
  readonly name: string;
  /** Where it is, relative to the workspace; "HEAD" and the like for a version. */
  readonly place: string;
}

export interface CompareState {
  readonly before: ComparedFile;
  readonly after: ComparedFile;
  readonly comparison: Slot<ModelComparison>;
}

export type CompareView = 'layers' | 'operators' | 'nodes';

export interface CompareRequests {
  /** First message after loading; answers the whole state. */
  'view/ready': { params: null; result: CompareState };
  /** Opens a layer in the model editor of one side. */
  'layer/open': { params: { readonly side: SideName; readonly layer: string }; result: null };
  'model/open': { params: { readonly side: SideName }; result: null };
  /** Exchanges the two sides. */
  'sides/swap': { params: null; result: null };
  /** Opens the report that figures of a side come from. */
  'report/open': { params: { readonly side: SideName }; result: null };
  'compare/again': { params: null; result: null };
  'clipboard/write': { params: { readonly text: string; readonly what: string }; result: null };
  'log/show': { params: null; result: null };
}

export interface CompareEvents {
  readonly 'view/error': { readonly message: string; readonly stack?: string };
}

export interface CompareNotifications {
  readonly 'state/changed': CompareState;
}

/** The extension's end. */
export interface CompareHostSide {
  readonly requests: CompareRequests;
  readonly notifications: CompareEvents;
}

/** The webview's end: it answers no requests. */
export interface CompareViewSide {
  readonly requests: object;
  readonly notifications: CompareNotifications;
}

/** What VS Code keeps of a comparison over a reload of the window: which files, and how they were looked at. */
export interface PersistedCompareState {
  readonly version: 1;
  readonly before?: string;
  readonly after?: string;
  readonly view: CompareView;
  /** Only layers that differ. */
  readonly onlyDifferent: boolean;
  readonly sort?: { readonly column: string; readonly descending: boolean };
  readonly filter?: string;
  readonly selected?: string;
}
