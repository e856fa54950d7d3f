import { invariant } from '../../base/errors';
import type { InputMoments } from '../moments';
import { nonFinite, wrongShape } from './errors';
import type { MaskedLayerInput } from './fitMaskedLayer';

/**
 * Rejects what no fit can be made of.
 *
 * @throws LatheError prune/non-finite, prune/shape
 */
export function checkLayer(input: MaskedLayerInput): void {
  const { layer, rows, columns, weight, bias, mask, rowGroups, moments, options } = input;
  sized(layer, 'a weight', rows * columns, weight);
  if (bias !== undefined) {
    sized(layer, 'a bias', rows, bias);
    finite(layer, 'bias values', bias);
  }
  if (mask !== undefined) {
    sized(layer, 'a mask', rows * columns, mask);
  }
  invariant(mask !== undefined || options.method === 'sparsegpt', `layer ${layer} has no mask to fit to`);
  invariant(
    mask !== undefined || options.pattern !== undefined,
    `layer ${layer} has neither a mask nor a pattern to choose one by`,
  );
  invariant(rows % rowGroups === 0, `layer ${layer} has ${rows} rows in ${rowGroups} groups`);
  invariant(columns % (input.kernelSize ?? 1) === 0, `layer ${layer} has ${columns} columns`);
  finite(layer, 'weights', weight);
  for (const set of [moments.fit, moments.heldOut ?? []]) {
    for (const group of set) {
      checkMoments(layer, columns, group);
    }
  }
  for (const set of [moments.fit, moments.heldOut]) {
    if (set !== undefined && set.length !== rowGroups) {
      throw wrongShape(layer, 'input moments', rowGroups, set.length);
    }
  }
}

function checkMoments(layer: string, n: number, moments: InputMoments): void {
  for (const matrix of new Set([moments.gram, moments.cross, moments.power])) {
    sized(layer, 'input moments', n * n, matrix);
    finite(layer, 'input moments', matrix);
  }
  for (const mean of new Set([moments.mean, moments.targetMean])) {
    sized(layer, 'input means', n, mean);
    finite(layer, 'input moments', mean);
  }
}

function sized(layer: string, what: string, expected: number, found: ArrayLike<number>): void {
  if (found.length !== expected) {
    throw wrongShape(layer, what, expected, found.length);
  }
}

function finite(layer: string, what: string, values: Float32Array | Float64Array): void {
  for (const value of values) {
    if (!Number.isFinite(value)) {
      throw nonFinite(layer, what);
    }
  }
}
