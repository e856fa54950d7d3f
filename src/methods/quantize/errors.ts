import { LatheError } from '../../base/errors';

export type QuantizeErrorCode =
  'quantize/bits' | 'quantize/non-finite-weight' | 'quantize/no-range' | 'quantize/gram' | 'quantize/policy';

/** A width outside 2 to 8 bits. */
export function badBits(bits: number, what: string): LatheError<QuantizeErrorCode> {
  return new LatheError(
    'quantize/bits',
    `${what} cannot be quantised to ${bits} bits: widths are whole numbers from 2 to 8.`,
    { bits },
    { category: 'usage' },
  );
}

/** NaN or infinity among the weights: no scale fits, and the model itself is broken. */
export function nonFiniteWeight(layer: string, count: number): LatheError<QuantizeErrorCode> {
  return new LatheError(
    'quantize/non-finite-weight',
    `The weights of layer "${layer}" hold ${count} NaN or infinite ${count === 1 ? 'value' : 'values'}. Repair the model, or exclude the layer in the recipe ("weights": null).`,
    { layer, count },
  );
}

/** A range was asked for before any finite value was observed. */
export function noRange(): LatheError<QuantizeErrorCode> {
  return new LatheError(
    'quantize/no-range',
    'No range can be given: no finite activation was observed. Check the calibration data.',
  );
}

/** A Gram matrix that belongs to another layer. */
export function gramMismatch(layer: string, expected: number, found: number): LatheError<QuantizeErrorCode> {
  return new LatheError(
    'quantize/gram',
    `The Gram matrix given for layer "${layer}" is of size ${found}, the layer needs ${expected}.`,
    { layer, expected, found },
  );
}

/** A policy that contradicts itself or its model. */
export function badPolicy(layer: string, reason: string, what = 'Layer'): LatheError<QuantizeErrorCode> {
  return new LatheError('quantize/policy', `${what} "${layer}" cannot be quantised as asked: ${reason}.`, { layer });
}
