import type { Layer } from '../../analysis';
import { roundHalfEven } from '../../kernels';
import type { QuantizedWeight } from './quantizeWeight';

/** Largest magnitude of a bias code. Half the int32 range leaves room for the sum the code is added to. */
const LARGEST_CODE = 2 ** 30;
/** Code a bias gets in a channel without weights: float32 still holds it exactly. */
const FREE_CODE = 2 ** 22;
const SMALLEST_SCALE = 2 ** -126;

export interface QuantizedBias {
  readonly codes: Int32Array;
  /** s_x · s_w, float32: one per element, or one for all where the weight has one. */
  readonly scales: Float32Array;
  /** The weight with the scales of some channels changed, or the one given. */
  readonly weight: QuantizedWeight;
  readonly note: string | undefined;
}

/** Why a layer's bias cannot be int32 at s_x · s_w; undefined when it can. */
export function biasObstacle(layer: Layer, weight: QuantizedWeight): string | undefined {
  const { bias, node } = layer;
  if (weight.blockSize !== undefined) {
    return 'the weight has scales per block';
  }
  if (bias === undefined || bias.node !== node) {
    return 'the bias is added by a separate node';
  }
  if (bias.value.isOverridable) {
    return 'the bias is also an input of the model';
  }
  if (layer.kind === 'Gemm' && (node.float('alpha', 1) !== 1 || node.float('beta', 1) !== 1)) {
    return 'alpha and beta of the Gemm are not 1';
  }
  if (weight.scales.length !== 1 && weight.scales.length !== bias.tensor.elementCount) {
    return 'the scales of the weight do not follow the output channels';
  }
  return undefined;
}

/**
 * Bias as int32 codes with scale s_x · s_w[i] and zero point 0, the form integer kernels add to their sums.
 *
 * A channel whose bias would overflow, or whose scale float32 cannot hold, gets a larger s_w and its weight codes are
 * rounded to it: next to such a bias the weights do not count. A channel of zero weights gets the s_w that suits its bias, since its own is arbitrary. Both need
 * scales per channel; `mayRescale` is false for tied weights. A string says why it cannot be done.
 */
export function quantizeBias(
  values: Float32Array,
  scaleX: number,
  weight: QuantizedWeight,
  mayRescale: boolean,
): QuantizedBias | string {
  const perChannel = weight.scales.length > 1 || values.length === 1;
  const scales = new Float32Array(values.length);
  const codes = new Int32Array(values.length);
  const weightScales = weight.scales.slice();
  const raised: number[] = [];
  const freed: number[] = [];
  const empty = perChannel && mayRescale && weight.axis !== undefined ? emptyChannels(weight) : undefined;
  for (let i = 0; i < values.length; i++) {
    const b = values[i]!;
    if (b - b !== 0) {
      return 'the bias holds NaN or infinite values';
    }
    const at = perChannel ? i : 0;
    if (empty?.[i] === 1 && b !== 0) {
      weightScales[at] = Math.max(Math.fround(Math.abs(b) / FREE_CODE / scaleX), SMALLEST_SCALE);
      freed.push(i);
    }
    let scale = Math.fround(scaleX * weightScales[at]!);
    const smallest = Math.max(SMALLEST_SCALE, Math.abs(b) / LARGEST_CODE);
    if (!(scale >= smallest)) {
      if (weight.axis === undefined || !mayRescale) {
        return scale >= SMALLEST_SCALE
          ? `int32 cannot hold the bias ${b} at scale ${scale}`
          : 'the scale of the bias is below the smallest float32';
      }
      weightScales[at] = Math.fround((smallest / scaleX) * (1 + 2 ** -20));
      scale = Math.fround(scaleX * weightScales[at]);
      raised.push(i);
    }
    scales[i] = scale;
    codes[i] = roundHalfEven(b / scale);
  }
  if (raised.length === 0 && freed.length === 0) {
    return { codes, scales: weight.axis === undefined ? scales.slice(0, 1) : scales, weight, note: undefined };
  }
  const note =
    raised.length === 0
      ? undefined
      : `the scale of ${raised.length} ${raised.length === 1 ? 'channel' : 'channels'} was raised so that int32 holds the bias`;
  return { codes, scales, weight: rescaled(weight, weightScales, raised), note };
}

/**
 * The bias a layer has once it is int32 at s_x · s_w, in float; the one given where it cannot be, or where its scales would
 * have to change.
 *
 * @param values float32, one per output channel, as the layer's bias input takes them
 */
export function roundedBias(layer: Layer, values: Float32Array, scaleX: number, weight: QuantizedWeight): Float32Array {
  if (biasObstacle(layer, weight) !== undefined) {
    return values;
  }
  const quantized = quantizeBias(values, scaleX, weight, layer.tie === undefined);
  if (typeof quantized === 'string') {
    return values;
  }
  const { codes, scales } = quantized;
  return Float32Array.from(codes, (code, i) => code * scales[scales.length === 1 ? 0 : i]!);
}

/** 1 for each channel whose codes are all zero points. */
function emptyChannels(weight: QuantizedWeight): Uint8Array {
  const { codes, shape, axis, zeroPoints } = weight;
  const channels = shape[axis!]!;
  const inner = shape.slice(axis! + 1).reduce((a, b) => a * b, 1);
  const empty = new Uint8Array(channels).fill(1);
  for (let at = 0, channel = 0; at < codes.length; channel = (channel + 1) % channels) {
    const zero = zeroPoints[channel]!;
    for (let i = 0; i < inner; i++, at++) {
      if (codes[at] !== zero) {
        empty[channel] = 0;
      }
    }
  }
  return empty;
}

/** The weight at new scales, with the codes of the listed channels rounded to them. */
function rescaled(weight: QuantizedWeight, scales: Float32Array, channels: readonly number[]): QuantizedWeight {
  const codes = weight.codes.slice();
  const { shape, axis, zeroPoints, qmin, qmax } = weight;
  const count = shape[axis!]!;
  const inner = shape.slice(axis! + 1).reduce((a, b) => a * b, 1);
  const outer = codes.length / (count * inner);
  for (const channel of channels) {
    const ratio = weight.scales[channel]! / scales[channel]!;
    const zero = zeroPoints[channel]!;
    for (let o = 0; o < outer; o++) {
      const start = (o * count + channel) * inner;
      for (let at = start; at < start + inner; at++) {
        codes[at] = Math.min(qmax, Math.max(qmin, roundHalfEven((codes[at]! - zero) * ratio) + zero));
      }
    }
  }
  return { ...weight, scales, codes };
}
