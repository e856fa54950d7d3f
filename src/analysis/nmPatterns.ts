import type { Layer, Verdict } from './layer';
import { matrixLayout } from './weightMatrix';

/** An N:M pattern: at most `keep` non-zeros in every `group` consecutive weights along the reduction axis. */
export interface NmPattern {
  readonly keep: number;
  readonly group: number;
}

/** The patterns measured for every layer, in the order shown. */
export const NM_PATTERNS: readonly NmPattern[] = [
  { keep: 1, group: 2 },
  { keep: 2, group: 4 },
  { keep: 4, group: 8 },
  { keep: 8, group: 16 },
  { keep: 1, group: 4 },
];

/**
 * Whether an N:M mask along the reduction axis makes sense for a layer. A length that does not divide is no obstacle
 * (the tail is filled up with zeros, which no one stores) but is noted.
 */
export function nmEligibility(layer: Layer, keep: number, group: number): Verdict {
  if (!layer.sparsify.possible) {
    return layer.sparsify;
  }
  const length = reductionLength(layer);
  if (length < group) {
    return { possible: false, reason: `the reduction axis has ${length} elements, fewer than a group of ${group}` };
  }
  const tail = length % group;
  if (tail === 0) {
    return { possible: true };
  }
  const dense = tail <= keep ? ' and stays dense' : '';
  return { possible: true, note: `${length} is not a multiple of ${group}: the last group holds ${tail}${dense}` };
}

/** Elements of the reduction axis that one output channel sums over, apart from kernel positions. */
export function reductionLength(layer: Layer): number {
  const length = layer.weight.shape[layer.weight.inAxis] ?? 1;
  // A ConvTranspose weight lists the channels of all groups; a Conv weight those of one.
  return layer.kind === 'ConvTranspose' ? length / layer.groups : length;
}

/** Output channels that see the same input: what the groups of a transposable mask's other axis run along. */
export function outputLength(layer: Layer): number {
  const { rows, rowGroups } = matrixLayout(layer);
  return rows / rowGroups;
}

/** {@link nmEligibility} for a mask that also holds along the output channels of each convolution group. */
export function transposableEligibility(layer: Layer, keep: number, group: number): Verdict {
  const forward = nmEligibility(layer, keep, group);
  if (!forward.possible) {
    return forward;
  }
  const length = outputLength(layer);
  const where = layer.groups > 1 ? 'a convolution group has' : 'the layer has';
  if (length < group) {
    return { possible: false, reason: `${where} ${length} output channels, fewer than a tile of ${group}` };
  }
  const tail = length % group;
  if (tail === 0) {
    return forward;
  }
  const note = `${where} ${length} output channels, not a multiple of ${group}: the last tile holds ${tail} of them`;
  return { possible: true, note: forward.note === undefined ? note : `${forward.note}; ${note}` };
}
