import { LatheError } from '../../base/errors';

export type PruneErrorCode = 'prune/non-finite' | 'prune/shape';

/** NaN or infinity among a layer's weights, its bias or the moments of its input. */
export function nonFinite(layer: string, what: string): LatheError<PruneErrorCode> {
  return new LatheError(
    'prune/non-finite',
    `The ${what} of layer "${layer}" hold NaN or infinite values, so it cannot be pruned. Repair the model or the calibration data, or exclude the layer in the recipe.`,
    { layer, what },
  );
}

/** Arrays that do not belong together. */
export function wrongShape(layer: string, what: string, expected: number, found: number): LatheError<PruneErrorCode> {
  return new LatheError('prune/shape', `Layer "${layer}" needs ${what} of ${expected} values; ${found} were given.`, {
    layer,
    what,
    expected,
    found,
  });
}
