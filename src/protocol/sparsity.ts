import type { VerdictSummary } from './model';

/**
 * What the worker tells about N:M masks. Magnitudes are |w|; all figures of a layer cover its whole weight, seen as
 * planes of output × input channels, one for each kernel position and convolution group.
 */

/** At most `keep` non-zeros in every `group` consecutive weights. */
export interface PatternName {
  readonly keep: number;
  readonly group: number;
}

/**
 * How a mask is found. `rows`: the largest of each group along the reduction axis. `exact`, `greedy`: groups along both
 * axes, so that the mask serves W and Wᵀ, by the optimal search and by the one that takes cells in falling order.
 * `intersection`: kept by the row-wise mask of W and by that of Wᵀ.
 */
export const MASK_METHODS = ['rows', 'exact', 'greedy', 'intersection'] as const;
export type MaskMethod = (typeof MASK_METHODS)[number];

/** Patterns measured without being asked for, in the order shown. */
export const USUAL_PATTERNS: readonly PatternName[] = [
  { keep: 1, group: 2 },
  { keep: 2, group: 4 },
  { keep: 4, group: 8 },
  { keep: 8, group: 16 },
  { keep: 1, group: 4 },
];

/** Largest group that can be asked for. */
export const LARGEST_GROUP = 32;

/** One layer's masks. Layers stream in; several messages about one layer add up by pattern. */
export interface LayerSparsity {
  readonly name: string;
  /** Why nothing could be measured: a packed weight, NaN, a file that is not there. `patterns` is empty then. */
  readonly failure?: string;
  /** Share of exact zeros, 0…1. */
  readonly zeros: number;
  readonly patterns: readonly PatternSparsity[];
}

export interface PatternSparsity extends PatternName {
  /** Whether a mask along the reduction axis makes sense, with the reason in words where not. */
  readonly eligible: VerdictSummary;
  /** The same for masks that hold along the output axis as well. */
  readonly eligibleTransposable: VerdictSummary;
  /** Share of groups along the reduction axis with at most `keep` non-zeros, 0…1. */
  readonly forward: number;
  /** The same along the output axis: what Wᵀ would comply with. */
  readonly backward: number;
  /** Absent where the layer is not eligible. */
  readonly masks?: LayerMasks;
}

export interface LayerMasks {
  /** Share of the non-zero weights that the row-wise mask would set to zero, 0…1. */
  readonly dropped: number;
  /** Without those the layer is not eligible for. */
  readonly methods: Readonly<Partial<Record<MaskMethod, MaskSparsity>>>;
  /** log₁₀ of the number of distinct masks on this layer's weight. */
  readonly diversity: MaskDiversity;
}

export interface MaskSparsity {
  /** Share of the sum of magnitudes that the mask keeps, 0…1; 1 for a weight of zeros. */
  readonly retained: number;
  /** Share of the weights that the mask keeps, 0…1; heuristics often keep fewer than the pattern allows. */
  readonly density: number;
}

/** Base-10 logarithms of counts that overflow any number. */
export interface MaskDiversity {
  /** Row-wise: C(group, keep) for each group. */
  readonly rows: number;
  /** Transposable, counted exactly: square 0/1 matrices with all line sums equal to `keep`. */
  readonly exact: number;
  /** Tiles too large to count leave an estimate in `exact`, a few per cent low. */
  readonly estimated?: boolean;
  /** Transposable by the product form (M!·(M−1)!···(M−N+1)!), which counts ordered stacks of permutations. */
  readonly product: number;
}

/** The same for each pattern, whatever the layer: log₁₀ masks on 64 weights, the size of an 8×8 tile. */
export interface PatternDiversity extends PatternName, MaskDiversity {}

/** Where a block lies: a window of one plane. */
export interface BlockPlace {
  readonly layer: string;
  /** Convolution group, or matrix of a stack, from 0. */
  readonly rowGroup: number;
  /** Kernel position, flattened in memory order, from 0. */
  readonly position: number;
  /** First output and input channel of the window, and its size; cut off at the plane's edge. */
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** The planes a weight is made of. */
export interface PlaneShape {
  /** Output channels of one convolution group. */
  readonly rows: number;
  /** Input channels of one convolution group. */
  readonly columns: number;
  readonly rowGroups: number;
  /** Lengths of the kernel's axes; empty for a matrix. */
  readonly kernel: readonly number[];
}

/** A window of weights with every method's mask on it: the only weights that leave the worker. */
export interface MaskBlock extends BlockPlace, PatternName {
  readonly plane: PlaneShape;
  /** Magnitude that 99 % of the layer's weights stay below: where a colour ramp ends. */
  readonly scale: number;
  /** Row-major, rows × columns. */
  readonly values: readonly number[];
  /**
   * Row-major, "1" kept and "0" pruned: the part of the whole layer's mask that lies in the window. Without those the
   * layer is not eligible for.
   */
  readonly masks: Readonly<Partial<Record<MaskMethod, string>>>;
}

/** What the views know of a document's masks. */
export interface SparsityState {
  /** `idle`: nobody has asked. */
  readonly status: 'idle' | 'measuring' | 'complete' | 'failed';
  readonly layers: readonly LayerSparsity[];
  /** Of every pattern asked for. */
  readonly diversity: readonly PatternDiversity[];
  /** Sentence, when `failed`. */
  readonly failure?: string;
}
