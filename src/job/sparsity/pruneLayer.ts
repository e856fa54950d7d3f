import { weightAsMatrix } from '../../analysis';
import type { Layer } from '../../analysis';
import { biasFactor, biasRefusal, fitMaskedLayer, maskTiedLayers } from '../../methods';
import type { LayerMask, LayerMoments } from '../../methods';
import type { RecipeSparsity, SparsityChoice } from '../recipe/recipe';
import type { PruneErrors, PrunedWeight } from './prunedWeight';

/** The result, or why the layer stays dense. */
export type PruneOutcome = Omit<PrunedWeight, 'layer'> | { readonly refusal: string };

/**
 * Masks one layer and fits what stays: the mask by the recipe's score, then absorption, least squares or SparseGPT's sweep
 * on the moments of the layer's input. Layers that share a weight share the mask and are not fitted, since they read different
 * inputs.
 *
 * @param layers the layer, or all layers that share its weight, itself first
 * @param moments undefined: nothing is known of the input, so the kept weights stay as they are
 */
export function pruneLayer(
  layers: readonly Layer[],
  pattern: SparsityChoice,
  sparsity: RecipeSparsity,
  moments: LayerMoments | undefined,
): PruneOutcome {
  const layer = layers[0]!;
  const { keep, group, transposable } = pattern;
  const found = maskTiedLayers(layers, {
    pattern: { keep, group },
    transposable,
    method: sparsity.method,
    score: moments === undefined && sparsity.score !== 'squared' ? 'magnitude' : sparsity.score,
    moments: () => moments,
  });
  if ('applied' in found) {
    return { refusal: found.reason };
  }
  const mask = found[0]!;
  const matrix = weightAsMatrix(layer);
  const plain = {
    pattern,
    weight: matrix.data.map((value, at) => (mask.mask[at] === 0 ? 0 : value)),
    bias: undefined,
    mask: mask.mask,
    retained: mask.retainedMagnitude,
    density: mask.density,
    errors: undefined,
  };
  if (moments === undefined || layers.length > 1) {
    return plain;
  }
  return fitted(layer, pattern, sparsity, moments, mask);
}

function fitted(
  layer: Layer,
  pattern: SparsityChoice,
  sparsity: RecipeSparsity,
  moments: LayerMoments,
  mask: LayerMask,
): Omit<PrunedWeight, 'layer'> {
  const { data, rows, columns, rowGroups } = weightAsMatrix(layer);
  const { keep, group } = pattern;
  const factor = biasFactor(layer);
  const bias = layer.bias?.tensor.toFloat32().map((value) => value * factor);
  const perRow = bias === undefined || bias.length === rows ? bias : undefined;
  const isStacked = bias !== undefined && bias.length !== rows;
  // A transposable mask is found as a whole; along one axis the sweep may choose its own.
  const ownMask = sparsity.optimizer === 'sparsegpt' && !pattern.transposable;
  const result = fitMaskedLayer({
    layer: layer.name,
    rows,
    columns,
    weight: data,
    bias: perRow,
    mask: ownMask ? undefined : mask.mask,
    rowGroups,
    kernelSize: kernelSizeOf(layer),
    moments,
    options: {
      method: sparsity.optimizer,
      pattern: { keep, group },
      fitBias: !isStacked && rows === outChannels(layer) && biasRefusal(layer) === undefined,
    },
  });
  return {
    pattern,
    weight: result.weight,
    bias: result.bias === perRow ? undefined : result.bias?.map((value) => value / factor),
    mask: result.mask,
    retained: mask.retainedMagnitude,
    density: ownMask ? share(result.mask) : mask.density,
    errors: errorsOf(result.errors),
  };
}

function errorsOf(errors: ReturnType<typeof fitMaskedLayer>['errors']): PruneErrors {
  const seen = (error: { readonly fit: number; readonly heldOut: number | undefined }): number =>
    error.heldOut ?? error.fit;
  return {
    maskOnly: seen(errors.maskOnly),
    absorbed: errors.absorbed && seen(errors.absorbed),
    fitted: errors.fitted && seen(errors.fitted),
    chosen: seen(errors.chosen),
  };
}

function kernelSizeOf(layer: Layer): number {
  return layer.kind === 'Conv' || layer.kind === 'ConvTranspose'
    ? layer.weight.shape.slice(2).reduce((a, b) => a * b, 1)
    : 1;
}

function outChannels(layer: Layer): number {
  const channels = layer.weight.shape[layer.weight.outAxis]!;
  return layer.kind === 'ConvTranspose' ? channels * layer.groups : channels;
}

function share(mask: Uint8Array): number {
  let kept = 0;
  for (const value of mask) {
    kept += value;
  }
  return mask.length === 0 ? 1 : kept / mask.length;
}
