import type { InputMoments } from '../moments';

/** Mean and variance of one output channel over all samples and positions. */
export interface ChannelStatistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** What restores a layer's statistics: every row of the weight times its factor, and another bias. */
export interface ParaNormalization {
  /** One per row; 1 where the row is left alone. */
  readonly factor: Float64Array;
  /** One per row, to be added to the output of the scaled weight. */
  readonly bias: Float64Array;
}

/** Rows that hardly vary have no variance to restore. */
const LEAST_VARIANCE = 1e-8;
const LEAST_FACTOR = 0.5;
const LARGEST_FACTOR = 2;

/**
 * Mean and variance of a layer's output channels from the moments of its input: w·x̄ + b and w (G − x̄ x̄ᵀ) wᵀ.
 *
 * @param weight row-major [rows, n], in the order of `weightAsMatrix`
 * @param bias one per row, or undefined for none
 * @param moments one per group of adjacent rows
 * @param side `compressed`: the weight reads x̂; `float`: it reads x
 */
export function channelStatistics(
  weight: Float32Array,
  bias: Float32Array | undefined,
  moments: readonly InputMoments[],
  side: 'float' | 'compressed',
): ChannelStatistics {
  const size = moments[0]!.size;
  const rows = weight.length / size;
  const mean = new Float64Array(rows);
  const variance = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const group = moments[Math.floor(row / (rows / moments.length))]!;
    const means = side === 'float' ? group.targetMean : group.mean;
    const second = side === 'float' ? group.power : group.gram;
    const at = row * size;
    let first = 0;
    let square = 0;
    for (let i = 0; i < size; i++) {
      const w = weight[at + i]!;
      if (w === 0) {
        continue;
      }
      first += w * means[i]!;
      const line = i * size;
      let product = 0;
      for (let j = 0; j < size; j++) {
        product += second[line + j]! * weight[at + j]!;
      }
      square += w * product;
    }
    mean[row] = first + (bias?.[row] ?? 0);
    variance[row] = Math.max(0, square - first * first);
  }
  return { mean, variance };
}

/**
 * Scale and shift that give every output channel of the compressed layer the mean and variance of the float one: the
 * para-normalisation of Hubara et al. (ICML 2021, section 5), with statistics measured on the float network in place of a
 * batch norm's, so that it serves layers whose batch norm was folded away and layers that never had one. With the mean β
 * and variance γ² of a batch norm as the target it is the published form.
 *
 * k = √(var + ε) / √(var̂ + ε) and b′ = k (b − mean̂) + mean. Integer codes do not change: k goes into the scale of the
 * channel.
 *
 * @param scalable false leaves the factors at 1 (a scale shared between channels cannot take them) and restores the mean
 */
export function paraNormalize(
  compressed: ChannelStatistics,
  target: ChannelStatistics,
  bias: Float32Array | undefined,
  options: { readonly epsilon?: number; readonly scalable?: boolean } = {},
): ParaNormalization {
  const { epsilon = 1e-5, scalable = true } = options;
  const rows = compressed.mean.length;
  const factor = new Float64Array(rows).fill(1);
  const shifted = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const { [row]: variance = 0 } = compressed.variance;
    if (scalable && variance >= LEAST_VARIANCE) {
      const k = Math.sqrt((target.variance[row]! + epsilon) / (variance + epsilon));
      factor[row] = Math.min(LARGEST_FACTOR, Math.max(LEAST_FACTOR, k));
    }
    shifted[row] = factor[row]! * ((bias?.[row] ?? 0) - compressed.mean[row]!) + target.mean[row]!;
  }
  return { factor, bias: shifted };
}
