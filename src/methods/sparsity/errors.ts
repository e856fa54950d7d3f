import { LatheError } from '../../base/errors';

export type SparsityErrorCode =
  'sparsity/pattern' | 'sparsity/layer' | 'sparsity/non-finite-weight' | 'sparsity/moments' | 'sparsity/size';

/** A pattern that is no N:M pattern, or with groups longer than the mask kernels take. */
export function badPattern(keep: number, group: number): LatheError<SparsityErrorCode> {
  return new LatheError(
    'sparsity/pattern',
    `${keep}:${group} is not a pattern Lathe can mask: give whole numbers with 1 ≤ keep ≤ group ≤ 32, keep being the non-zeros allowed in a group.`,
    { keep, group },
    { category: 'usage' },
  );
}

/** A layer that must stay dense was to be masked. */
export function notMaskable(layer: string, reason: string): LatheError<SparsityErrorCode> {
  return new LatheError(
    'sparsity/layer',
    `Layer "${layer}" cannot be masked: ${reason}. Leave it out of the pruned layers.`,
    { layer, reason },
    { category: 'usage' },
  );
}

/** NaN or infinity among the weights: no order of magnitudes exists, and the model itself is broken. */
export function nonFiniteWeight(layer: string, count: number): LatheError<SparsityErrorCode> {
  return new LatheError(
    'sparsity/non-finite-weight',
    `The weights of layer "${layer}" hold ${count} NaN or infinite ${count === 1 ? 'value' : 'values'}. Repair the model, or leave the layer dense.`,
    { layer, count },
  );
}

/** A data-driven score without data that fits it. */
export function badMoments(layer: string, problem: string): LatheError<SparsityErrorCode> {
  return new LatheError(
    'sparsity/moments',
    `The scores of layer "${layer}" need moments of its input, and ${problem}. Check the calibration data, or score by magnitude.`,
    { layer, problem },
  );
}

/** An array that does not belong to the layer. */
export function wrongSize(layer: string, what: string, expected: number, found: number): LatheError<SparsityErrorCode> {
  return new LatheError(
    'sparsity/size',
    `The ${what} given for layer "${layer}" has ${found} elements, the layer needs ${expected}.`,
    { layer, what, expected, found },
  );
}
