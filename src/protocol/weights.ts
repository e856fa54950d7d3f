/**
 * Pictures of one layer's weight: bounded figures that are made for drawing, never the weight itself. A weight is a matrix
 * of output channels × input channels, each element of it a kernel; groups of a convolution stand below each other.
 */

/** Output channels whose kernels are sent at once. */
export const MOST_KERNELS = 256;
/** Blocks along each side. */
export const MOST_BLOCKS = 64;

export interface WeightPictureQuestion {
  readonly layer: string;
  readonly kind: 'kernels' | 'blocks';
  /** Kernels: which input channel, or the mean over all of them. */
  readonly input: number | 'mean';
  /** Kernels: the first output channel. */
  readonly first: number;
  /** Blocks: which kernel position, row-major, or all of them together. */
  readonly position: number | 'all';
}

interface PictureOf {
  readonly layer: string;
  /** Output channels over all groups. */
  readonly outputs: number;
  /** Input channels that one output channel sees. */
  readonly inputs: number;
  /** Lengths of the kernel's axes; empty for a matrix. */
  readonly kernel: readonly number[];
  /** Where the colours end: the largest magnitude of what this kind of picture shows of the layer; 1 for zeros alone. */
  readonly scale: number;
  /** NaN and infinities; they count as 0 here. */
  readonly faults: number;
}

/** The kernels of consecutive output channels. */
export interface KernelPicture extends PictureOf {
  readonly kind: 'kernels';
  readonly input: number | 'mean';
  readonly first: number;
  readonly count: number;
  /** Of one kernel as drawn: a volume has its slices below each other. */
  readonly height: number;
  readonly width: number;
  /** Kernel after kernel, row-major. */
  readonly values: readonly number[];
}

/** The weight in blocks of channels, at one kernel position or over all of them. */
export interface BlockPicture extends PictureOf {
  readonly kind: 'blocks';
  readonly position: number | 'all';
  /** Channels in a block; those at the end may hold fewer. */
  readonly blockOutputs: number;
  readonly blockInputs: number;
  readonly down: number;
  readonly across: number;
  /** Mean of each block, row-major, down × across. */
  readonly means: readonly number[];
  /** Share of exact zeros of each block, 0…1. */
  readonly zeros: readonly number[];
}

export type WeightPicture = KernelPicture | BlockPicture;

/** What symmetric grids with a scale for each output channel have to span, and the values of one of the channels. */
export interface ChannelRanges {
  readonly layer: string;
  /** Scales along the output channels. */
  readonly channels: number;
  /** Least and greatest of the channels' largest magnitudes. */
  readonly narrowest: number;
  readonly widest: number;
  readonly channel?: {
    readonly index: number;
    readonly min: number;
    readonly max: number;
    readonly mean: number;
    readonly std: number;
    /** Counts over 64 equal bins from min to max. */
    readonly histogram: readonly number[];
  };
}

/** A layer's part of the lock. */
export interface LockEntry {
  /** 1-based. */
  readonly line: number;
  readonly weightBits: number;
  /** 32 = float. */
  readonly activationBits: number;
  /** Of the weight's grid. */
  readonly scales?: { readonly count: number; readonly min: number; readonly max: number };
  /** "2:4", "2:4 transposable"; absent: dense. */
  readonly mask?: string;
  readonly loss: number;
  readonly reason?: string;
}
