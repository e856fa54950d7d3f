import { LatheError } from '../../base/errors';

export type MomentsErrorCode = 'moments/not-finite';

/** NaN or infinity in what a layer reads: no fit is possible. */
export function inputNotFinite(layer: string, compressed: boolean): LatheError<MomentsErrorCode> {
  const where = compressed ? 'in the compressed network' : 'on the calibration data';
  return new LatheError(
    'moments/not-finite',
    `The input of layer "${layer}" holds NaN or infinite values ${where}. Check the data's preprocessing and the model, or exclude the layer in the recipe.`,
    { layer, compressed },
  );
}
