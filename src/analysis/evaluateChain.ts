import { integerRange, type Tensor } from '../onnx';
import { roundHalfEven } from '../kernels';
import { product, type ChainStep } from './constantChain';

/**
 * Values at the end of a chain as float32, row-major in the chain's shape: the stored constant moved, and quantised or
 * dequantised, as the nodes of the chain would do it. Loads the constant.
 */
export function evaluateChain(tensor: Tensor, steps: readonly ChainStep[]): Float32Array {
  let data = tensor.toFloat32();
  let shape: readonly number[] = tensor.dims;
  for (const step of steps) {
    if (step.kind === 'transpose') {
      data = transposed(data, shape, step.perm);
    } else if (step.kind === 'dequantize' || step.kind === 'quantize') {
      rescale(data, shape, step);
    }
    shape = step.shape;
  }
  return data;
}

/**
 * The inverse for a chain that only moves elements: an array in the shape of the chain's end, put back into stored
 * order. Quantising and casting steps are passed over.
 */
export function storedOrder(
  data: Float32Array,
  storedShape: readonly number[],
  steps: readonly ChainStep[],
): Float32Array {
  let moved = data;
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i]!;
    if (step.kind === 'transpose') {
      const before: readonly number[] = i === 0 ? storedShape : steps[i - 1]!.shape;
      const inverse = before.map((_, axis) => step.perm.indexOf(axis));
      moved = transposed(moved, step.shape, inverse);
    }
  }
  return moved;
}

/** Row-major permutation of axes: output axis i is input axis perm[i]. Always a fresh array. */
export function transposed(data: Float32Array, shape: readonly number[], perm: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  const strides = shape.map((_, i) => product(shape.slice(i + 1)));
  const dims = perm.map((axis) => shape[axis]!);
  const steps = perm.map((axis) => strides[axis]!);
  const rank = dims.length;
  if (rank === 0 || data.length === 0) {
    out.set(data);
    return out;
  }
  // An odometer over all axes but the last, which is a plain strided loop.
  const last = dims[rank - 1]!;
  const lastStep = steps[rank - 1]!;
  const index = new Int32Array(rank);
  let from = 0;
  for (let to = 0; to < out.length;) {
    for (let i = 0, at = from; i < last; i++, at += lastStep) {
      out[to++] = data[at]!;
    }
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < dims[axis]!) {
        break;
      }
      from -= steps[axis]! * dims[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

type Rescaling = Extract<ChainStep, { kind: 'dequantize' | 'quantize' }>;

/** Applies QuantizeLinear or DequantizeLinear in place, codes held as float32 (exact up to 24 bits). */
function rescale(data: Float32Array, shape: readonly number[], step: Rescaling): void {
  const scales = step.scale.toFloat32();
  const zeroPoints = step.zeroPoint?.toFloat32();
  const [low, high] = (step.zeroPoint && integerRange(step.zeroPoint.dataType)) ?? [0, 255];
  const inner = product(shape.slice(step.axis + 1));
  const axisLength = shape[step.axis] ?? 1;
  const perTensor = scales.length === 1;
  const blocks = step.blockSize > 0 ? Math.ceil(axisLength / step.blockSize) : 0;
  for (let at = 0; at < data.length; at++) {
    let parameter = 0;
    if (!perTensor) {
      const onAxis = Math.floor(at / inner) % axisLength;
      parameter =
        blocks > 0
          ? (Math.floor(at / (inner * axisLength)) * blocks + Math.floor(onAxis / step.blockSize)) * inner +
            (at % inner)
          : onAxis;
    }
    const scale = scales[parameter]!;
    const zero = zeroPoints?.[parameter] ?? 0;
    data[at] =
      step.kind === 'dequantize'
        ? Math.fround(data[at]! - zero) * scale
        : Math.min(high, Math.max(low, roundHalfEven(Math.fround(data[at]! / scale)) + zero));
  }
}
