import { matrixToWeight, weightAsMatrix, type Layer, type NmPattern } from '../../analysis';
import { greedyMask, intersectionMask, patternMask4, rowWiseMask, transposableMask } from '../../kernels';
import type { LayerMoments } from '../moments';
import { badPattern, notMaskable, wrongSize } from './errors';
import { maskScores, type MaskScore } from './maskScores';
import { gatherPlane, isContiguous, scatterPlane, weightPlanes, type WeightPlane } from './weightPlanes';

/**
 * How a transposable mask is found. `exact`: the best with at most `keep` per line. `exactly-k`: the best with exactly
 * `keep` per line of every whole tile, as published solvers have it. `greedy`: largest first, a cell stays while its row
 * and column have room (at least half of the optimum). `intersection`: the row-wise mask and the column-wise mask, which
 * is what pruning the smallest first comes to (Hubara et al. 2021, the 2-approximation); sparser than asked.
 * Row-wise masks are the same and optimal whatever the method.
 */
export type MaskMethod = 'exact' | 'exactly-k' | 'greedy' | 'intersection';

export const MASK_METHODS: readonly MaskMethod[] = ['exact', 'exactly-k', 'greedy', 'intersection'];

export interface MaskOptions {
  readonly pattern: NmPattern;
  /** Whether the mask also holds along output channels, so that it serves Wᵀ in the backward product. @default false */
  readonly transposable?: boolean;
  /** @default 'exact' */
  readonly method?: MaskMethod;
  /** @default 'magnitude' */
  readonly score?: MaskScore;
  /** Needed by `wanda` and `sparsegpt`. */
  readonly moments?: LayerMoments | undefined;
  /** Weights in the order of `weightAsMatrix` to mask in place of the stored ones. */
  readonly weights?: Float32Array | undefined;
}

/** Which weights of a layer stay. */
export interface LayerMask {
  /** `Layer.name`. */
  readonly layer: string;
  readonly pattern: NmPattern;
  readonly transposable: boolean;
  readonly method: MaskMethod;
  readonly score: MaskScore;
  /** 1 = stays, 0 = becomes zero; row-major [rows, columns] in the order of `weightAsMatrix`. */
  readonly mask: Uint8Array;
  readonly rows: number;
  readonly columns: number;
  readonly kept: number;
  /** kept / (rows · columns); a greedy mask falls short of keep / group, a tail may exceed it. */
  readonly density: number;
  /** Σ|w| of the kept weights / Σ|w|, 1 for a weight of zeros. Sums in float64. */
  readonly retainedMagnitude: number;
  /** The same of the score that was maximised. */
  readonly retainedScore: number;
}

/** Throws `sparsity/pattern` unless 1 ≤ keep ≤ group ≤ 32, whole numbers. */
export function checkPattern({ keep, group }: NmPattern): void {
  if (!Number.isInteger(keep) || !Number.isInteger(group) || keep < 1 || keep > group || group > 32) {
    throw badPattern(keep, group);
  }
}

/**
 * Finds the mask of one layer: groups along the reduction axis for fixed kernel position, tiles over (output × input)
 * channels inside each convolution group. Axes that do not divide end in a shorter group.
 *
 * For a weight that several layers share use `maskTiedLayers`. Throws `sparsity/layer` for layers that must stay dense,
 * `sparsity/non-finite-weight`, `sparsity/moments`, `sparsity/pattern`, `sparsity/size`.
 */
export function maskLayer(layer: Layer, options: MaskOptions): LayerMask {
  const weights = layerWeights(layer, options);
  const { layout } = weightPlanes(layer);
  const scores = maskScores(layer, layout, weights, options.score ?? 'magnitude', options.moments);
  return maskFromScores(layer, weights, scores, options);
}

/** The weights to mask, in matrix order, once it is clear that the layer and the pattern allow it. */
export function layerWeights(layer: Layer, { pattern, weights }: MaskOptions): Float32Array {
  checkPattern(pattern);
  if (!layer.sparsify.possible) {
    throw notMaskable(layer.name, layer.sparsify.reason);
  }
  if (weights === undefined) {
    return weightAsMatrix(layer).data;
  }
  const { layout } = weightPlanes(layer);
  const expected = layout.rows * layout.columns;
  if (weights.length !== expected) {
    throw wrongSize(layer.name, 'weight', expected, weights.length);
  }
  return weights;
}

/** {@link maskLayer} on scores in matrix order that were made elsewhere: finite and not negative. */
export function maskFromScores(
  layer: Layer,
  weights: Float32Array,
  scores: Float32Array | Float64Array,
  options: Omit<MaskOptions, 'moments' | 'weights'>,
): LayerMask {
  const { pattern, transposable = false, method = 'exact', score = 'magnitude' } = options;
  const { layout, planes } = weightPlanes(layer);
  const mask = new Uint8Array(scores.length);
  const size = planes.reduce((most, plane) => Math.max(most, plane.rows * plane.columns), 0);
  const buffers: Buffers = {
    scores: scores instanceof Float32Array ? new Float32Array(size) : new Float64Array(size),
    mask: new Uint8Array(size),
  };
  for (const plane of planes) {
    maskPlane(scores, mask, plane, buffers, solverOf(pattern, transposable, method));
  }
  const { rows, columns } = layout;
  const kept = countKept(mask);
  return {
    layer: layer.name,
    pattern,
    transposable,
    method: transposable ? method : 'exact',
    score,
    mask,
    rows,
    columns,
    kept,
    density: mask.length === 0 ? 1 : kept / mask.length,
    retainedMagnitude: retainedShare(weights, mask),
    retainedScore: retainedShare(scores, mask),
  };
}

type Scores = Float32Array | Float64Array;
type PlaneSolver = (scores: Scores, rows: number, columns: number, mask: Uint8Array) => void;

interface Buffers {
  readonly scores: Scores;
  readonly mask: Uint8Array;
}

function solverOf({ keep, group }: NmPattern, transposable: boolean, method: MaskMethod): PlaneSolver {
  if (!transposable) {
    return (scores, rows, columns, mask) => rowWiseMask(scores, rows, columns, keep, group, mask);
  }
  switch (method) {
    case 'exact':
      return (scores, rows, columns, mask) => transposableMask(scores, rows, columns, keep, group, mask);
    case 'exactly-k':
      return keep === 2 && group === 4
        ? (scores, rows, columns, mask) => patternMask4(scores, rows, columns, keep, group, mask)
        : (scores, rows, columns, mask) =>
            transposableMask(scores, rows, columns, keep, group, mask, { exactly: true });
    case 'greedy':
      return (scores, rows, columns, mask) => greedyMask(scores, rows, columns, keep, group, mask);
    case 'intersection':
      return (scores, rows, columns, mask) => intersectionMask(scores, rows, columns, keep, group, mask);
  }
}

function maskPlane(scores: Scores, mask: Uint8Array, plane: WeightPlane, buffers: Buffers, solve: PlaneSolver): void {
  const { rows, columns, offset } = plane;
  const size = rows * columns;
  if (isContiguous(plane)) {
    solve(scores.subarray(offset, offset + size), rows, columns, mask.subarray(offset, offset + size));
    return;
  }
  const planeScores = buffers.scores.subarray(0, size);
  const planeMask = buffers.mask.subarray(0, size);
  gatherPlane(scores, plane, planeScores);
  solve(planeScores, rows, columns, planeMask);
  scatterPlane(planeMask, plane, mask);
}

function countKept(mask: Uint8Array): number {
  let kept = 0;
  for (let i = 0; i < mask.length; i++) {
    kept += mask[i]!;
  }
  return kept;
}

/** Σ|v| where the mask is set / Σ|v|, in float64; 1 when there is nothing. */
export function retainedShare(values: Scores, mask: Uint8Array): number {
  let kept = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    total += size;
    kept += mask[i] === 0 ? 0 : size;
  }
  return total === 0 ? 1 : kept / total;
}

/**
 * A layer's weight with everything outside the mask set to +0, in the order of `layer.weight.shape`: ready for
 * `setLayerWeight`. Kept weights keep their bits.
 *
 * @param weights in matrix order. @default the stored ones
 */
export function applyMask(layer: Layer, mask: Uint8Array, weights?: Float32Array): Float32Array {
  const { layout } = weightPlanes(layer);
  const source = weights ?? weightAsMatrix(layer).data;
  if (mask.length !== source.length) {
    throw wrongSize(layer.name, 'mask', source.length, mask.length);
  }
  const masked = source.map((w, i) => (mask[i] === 0 ? 0 : w));
  return matrixToWeight(layout, masked);
}

/** {@link maskLayer} and {@link applyMask} in one. */
export function maskWeight(
  layer: Layer,
  options: MaskOptions,
): { readonly mask: LayerMask; readonly values: Float32Array } {
  const weights = layerWeights(layer, options);
  const mask = maskLayer(layer, { ...options, weights });
  return { mask, values: applyMask(layer, mask.mask, weights) };
}
