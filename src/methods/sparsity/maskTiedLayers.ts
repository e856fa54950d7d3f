import { weightAsMatrix, type Layer } from '../../analysis';
import type { Refusal } from '../../base/errors';
import { Tensor } from '../../onnx';
import type { LayerMoments } from '../moments';
import { layerWeights, maskFromScores, maskLayer, retainedShare, type LayerMask, type MaskOptions } from './maskLayer';
import { maskScores, needsMoments } from './maskScores';
import { maskCompliance } from './compliance';
import { weightPlanes } from './weightPlanes';

export interface TiedMaskOptions extends Omit<MaskOptions, 'moments' | 'weights'> {
  /** Moments of each layer's own input; needed by `wanda` and `sparsegpt`. */
  readonly moments?: (layer: Layer) => LayerMoments | undefined;
}

/**
 * One mask for layers that share a stored weight (`Layer.tie`), given in the matrix order of each. Scores that depend on
 * the input are summed over the layers. Refused where one of them must stay dense, or where they sum over different axes
 * (or cut the same axis into different groups) so that no mask found along one suits the other; a transposable mask suits
 * both axes of a plane.
 *
 * @param layers all layers of one tie, in node order; a single layer is masked as by `maskLayer`
 */
export function maskTiedLayers(layers: readonly Layer[], options: TiedMaskOptions): readonly LayerMask[] | Refusal {
  const first = layers[0];
  if (first === undefined) {
    return [];
  }
  const dense = layers.find((layer) => !layer.sparsify.possible);
  if (dense !== undefined && layers.length > 1) {
    const reason = dense.sparsify.possible ? '' : dense.sparsify.reason;
    return refusal(layers, `the weight is shared with "${dense.name}", which stays dense: ${reason}`);
  }
  const { moments, ...rest } = options;
  if (layers.length === 1) {
    return [maskLayer(first, { ...rest, moments: moments?.(first) })];
  }
  const score = options.score ?? 'magnitude';
  const weights = layerWeights(first, rest);
  const { layout } = weightPlanes(first);
  const orders = layers.map(storedPositions);
  const scores = maskScores(first, layout, weights, score, moments?.(first));
  if (needsMoments(score)) {
    addScores(layers, orders, scores, score, moments);
  }
  const found = maskFromScores(first, weights, scores, rest);
  const stored = new Uint8Array(found.mask.length);
  orders[0]!.forEach((at, i) => (stored[at] = found.mask[i]!));
  const masks = layers.map((layer, k): LayerMask => {
    const mask = Uint8Array.from(orders[k]!, (at) => stored[at]!);
    const { rows, columns } = weightPlanes(layer).layout;
    return { ...found, layer: layer.name, mask, rows, columns, retainedMagnitude: retainedShare(weights, found.mask) };
  });
  const broken = layers.find((layer, k) => !suits(layer, masks[k]!));
  if (broken !== undefined) {
    const remedy = options.transposable === true ? '' : '; a transposable mask may suit both';
    return refusal(
      layers,
      `the weight is shared with "${broken.name}", whose groups run along another axis or in other steps${remedy}`,
    );
  }
  return masks;
}

/** Adds the scores of the other layers to those of the first, in its order. */
function addScores(
  layers: readonly Layer[],
  orders: readonly Uint32Array[],
  scores: Float32Array | Float64Array,
  score: NonNullable<MaskOptions['score']>,
  moments: TiedMaskOptions['moments'],
): void {
  const total = new Float64Array(scores.length);
  layers.forEach((layer, k) => {
    const own =
      k === 0
        ? scores
        : maskScores(layer, weightPlanes(layer).layout, weightAsMatrix(layer).data, score, moments?.(layer));
    orders[k]!.forEach((at, i) => (total[at]! += own[i]!));
  });
  orders[0]!.forEach((at, i) => (scores[i] = total[at]!));
}

function suits(layer: Layer, { mask, pattern, transposable }: LayerMask): boolean {
  const { forward, backward } = maskCompliance(layer, mask, pattern);
  return forward.compliance === 1 && (!transposable || backward.compliance === 1);
}

function refusal(layers: readonly Layer[], reason: string): Refusal {
  return { applied: false, reason, nodes: layers.map(({ node }) => node.key) };
}

/** For each element in a layer's matrix order, where it is in the stored tensor. */
function storedPositions(layer: Layer): Uint32Array {
  // float32 holds 24 bits, so that an index travels through the chain in two halves.
  const { tensor } = layer.weight;
  const count = tensor.elementCount;
  const moved = (part: (index: number) => number): Float32Array => {
    const data = Float32Array.from({ length: count }, (_, i) => part(i));
    const weight = { ...layer.weight, tensor: Tensor.fromFloat32(tensor.name, tensor.dims, data) };
    return weightAsMatrix({ ...layer, weight }).data;
  };
  const low = moved((i) => i & 0xffff);
  const high = moved((i) => i >>> 16);
  return Uint32Array.from(low, (l, i) => high[i]! * 65_536 + l);
}
