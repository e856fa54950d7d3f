import { LatheError } from '../../base/errors';

export type OptimizeErrorCode = 'optimize/moments' | 'optimize/values' | 'optimize/columns';

/** Moments that belong to another layer, or hold NaN. */
export function badMoments(layer: string, reason: string): LatheError<OptimizeErrorCode> {
  return new LatheError(
    'optimize/moments',
    `The input moments of layer "${layer}" cannot be used: ${reason}. Gather them again from this model's calibration data.`,
    { layer },
  );
}

/** A weight, target, bias or mask of the wrong length, or with NaN in it. */
export function badValues(layer: string, what: string, reason: string): LatheError<OptimizeErrorCode> {
  return new LatheError('optimize/values', `The ${what} given for layer "${layer}" cannot be used: ${reason}.`, {
    layer,
  });
}

/** Input columns that do not fit the layer. */
export function badColumns(layer: string, reason: string): LatheError<OptimizeErrorCode> {
  return new LatheError(
    'optimize/columns',
    `The input columns given for layer "${layer}" cannot be used: ${reason}. Take them from this layer's own input.`,
    { layer },
  );
}
