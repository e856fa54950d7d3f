import { matrixLayout, weightAsMatrix, weightToMatrix } from '../analysis';
import type { Layer } from '../analysis';
import {
  biasBeta,
  biasFactor,
  channelStatistics,
  dequantizeWeight,
  layerBias,
  paraNormalize,
  rowOfParameter,
} from '../methods';
import type { GridWithRange, LayerMoments, OutputErrors, QuantizedWeight } from '../methods';
import type { PrunedWeight } from './sparsity/prunedWeight';

/** One layer of the network that is to be exported. */
export interface CompressedLayer {
  /** Undefined: the weight stays float (pruned or as it is). */
  readonly weight: QuantizedWeight | undefined;
  /** Another float weight in matrix order, where it was scaled; undefined: as pruned, or as it is. */
  readonly float?: Float32Array | undefined;
  /** As the layer's bias input takes it; undefined: as it is. */
  readonly bias: Float32Array | undefined;
  /** Undefined: the input stays float. */
  readonly input: (GridWithRange & { readonly bits: number }) | undefined;
  /** Output error of the layer, on samples its fit has not seen. */
  readonly errors: OutputErrors | undefined;
}

/** The layer with the output statistics of the float one: a factor in each scale, another bias; codes stay. */
export function restoreLayer(
  layer: Layer,
  known: CompressedLayer,
  pruned: PrunedWeight | undefined,
  dense: Float32Array,
  moments: LayerMoments,
  scales: boolean,
): CompressedLayer {
  const { weight } = known;
  const layout = matrixLayout(layer);
  const unit = biasFactor(layer);
  const scaled = (bias: Float32Array | undefined): Float32Array | undefined => bias?.map((value) => value * unit);
  const effective =
    weight === undefined ? (known.float ?? pruned?.weight ?? dense) : weightToMatrix(layout, dequantizeWeight(weight));
  const own = layerBias(layer);
  const bias = scaled(known.bias ?? pruned?.bias ?? own);
  const target = channelStatistics(dense, scaled(own), moments.fit, 'float');
  const present = channelStatistics(effective, bias, moments.fit, 'compressed');
  const scalable = scales && isScalable(layer, weight);
  const tuned = paraNormalize(present, target, bias, { scalable });
  return {
    ...known,
    ...(scalable ? scaledChannels(layer, known, effective, tuned.factor) : {}),
    bias: Float32Array.from(tuned.bias, (value) => value / unit),
  };
}

/** Whether every output channel can be scaled by itself, codes unchanged. */
export function isScalable(layer: Layer, weight: QuantizedWeight | undefined): boolean {
  const { rows } = matrixLayout(layer);
  return (
    layer.tie === undefined && (weight === undefined || weight.blockSize !== undefined || weight.scales.length === rows)
  );
}

/** The weight with a factor for every output channel. @param effective its values in matrix order */
function scaledChannels(
  layer: Layer,
  { weight }: CompressedLayer,
  effective: Float32Array,
  factor: ArrayLike<number>,
): Pick<CompressedLayer, 'weight' | 'float'> {
  const layout = matrixLayout(layer);
  return weight === undefined
    ? { weight, float: effective.map((value, at) => value * factor[Math.floor(at / layout.columns)]!) }
    : {
        weight: {
          ...weight,
          scales: weight.scales.map((scale, at) => scale * factor[rowOfParameter(layout, weight.scales.length, at)]!),
        },
      };
}

/** The layer with its output y become factor · y + shift: factors go into the weight, and both into the bias. */
export function moveChannels(
  layer: Layer,
  known: CompressedLayer,
  pruned: PrunedWeight | undefined,
  factor: readonly number[] | undefined,
  shift: readonly number[],
): CompressedLayer {
  const own = known.bias ?? pruned?.bias ?? layerBias(layer);
  const beta = biasBeta(layer);
  const bias = Float32Array.from(shift, (moved, c) => (factor?.[c] ?? 1) * (own?.[c] ?? 0) + moved / beta);
  if (factor === undefined) {
    return { ...known, bias };
  }
  const effective = known.float ?? pruned?.weight ?? weightAsMatrix(layer).data;
  return { ...known, ...scaledChannels(layer, known, effective, factor), bias };
}
