/** See `roundHalfEven`; repeated here so that the loops hold no call. Quotients beyond the grid are clipped first. */
const SHIFTER = 6755399441055744;

/**
 * ONNX QuantizeLinear on one run of values: out = clip(rne(x / scale) + zeroPoint, qmin, qmax), the quotient rounded to
 * float32 as a float32 runtime computes it. Multiplying by 1 / scale instead changes codes near ties. NaN becomes qmin,
 * as in ONNX Runtime's vector kernels.
 */
export function quantizeInto(
  src: Float32Array,
  srcOffset: number,
  length: number,
  out: Int32Array,
  outOffset: number,
  scaleF32: number,
  zeroPoint: number,
  qmin: number,
  qmax: number,
): void {
  const scale = Math.fround(scaleF32);
  const low = qmin - zeroPoint;
  const high = qmax - zeroPoint;
  for (let i = 0; i < length; i++) {
    const quotient = Math.fround(src[srcOffset + i]! / scale);
    const clipped = quotient > low ? (quotient < high ? quotient : high) : low;
    out[outOffset + i] = clipped + SHIFTER - SHIFTER + zeroPoint;
  }
}

/** ONNX DequantizeLinear(QuantizeLinear(x)) in float32, bit for bit. `out` may be `src`. */
export function fakeQuantizeInto(
  src: Float32Array,
  srcOffset: number,
  length: number,
  out: Float32Array,
  outOffset: number,
  scaleF32: number,
  zeroPoint: number,
  qmin: number,
  qmax: number,
): void {
  const scale = Math.fround(scaleF32);
  const low = qmin - zeroPoint;
  const high = qmax - zeroPoint;
  for (let i = 0; i < length; i++) {
    const quotient = Math.fround(src[srcOffset + i]! / scale);
    const clipped = quotient > low ? (quotient < high ? quotient : high) : low;
    // The store rounds to float32; the product of an integer below 2^24 and a float32 is exact before it.
    out[outOffset + i] = (clipped + SHIFTER - SHIFTER) * scale;
  }
}

/** ONNX DequantizeLinear on one run of codes: float32(q − zeroPoint) · scale, rounded to float32. */
export function dequantizeInto(
  codes: Int32Array,
  codesOffset: number,
  length: number,
  out: Float32Array,
  outOffset: number,
  scaleF32: number,
  zeroPoint: number,
): void {
  const scale = Math.fround(scaleF32);
  for (let i = 0; i < length; i++) {
    // int32 codes (biases) may need more than 24 bits: ONNX Runtime converts to float32 before it multiplies.
    out[outOffset + i] = Math.fround(codes[codesOffset + i]! - zeroPoint) * scale;
  }
}

/**
 * {@link quantizeInto} with one scale and zero point per index of the middle axis of a row-major
 * [outer, channels, inner] array: per-channel quantisation along any axis. A scale array of length 1 serves all.
 */
export function quantizeChannelsInto(
  src: Float32Array,
  outer: number,
  channels: number,
  inner: number,
  out: Int32Array,
  scales: Float32Array,
  zeroPoints: Int32Array,
  qmin: number,
  qmax: number,
): void {
  if (scales.length === 1) {
    quantizeInto(src, 0, outer * channels * inner, out, 0, scales[0]!, zeroPoints[0]!, qmin, qmax);
    return;
  }
  if (inner === 1) {
    for (let o = 0, at = 0; o < outer; o++) {
      for (let c = 0; c < channels; c++, at++) {
        const zeroPoint = zeroPoints[c]!;
        const low = qmin - zeroPoint;
        const high = qmax - zeroPoint;
        const quotient = Math.fround(src[at]! / scales[c]!);
        const clipped = quotient > low ? (quotient < high ? quotient : high) : low;
        out[at] = clipped + SHIFTER - SHIFTER + zeroPoint;
      }
    }
    return;
  }
  for (let o = 0, at = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++, at += inner) {
      quantizeInto(src, at, inner, out, at, scales[c]!, zeroPoints[c]!, qmin, qmax);
    }
  }
}

/** {@link dequantizeInto} per index of the middle axis; see {@link quantizeChannelsInto}. */
export function dequantizeChannelsInto(
  codes: Int32Array,
  outer: number,
  channels: number,
  inner: number,
  out: Float32Array,
  scales: Float32Array,
  zeroPoints: Int32Array,
): void {
  if (scales.length === 1) {
    dequantizeInto(codes, 0, outer * channels * inner, out, 0, scales[0]!, zeroPoints[0]!);
    return;
  }
  if (inner === 1) {
    for (let o = 0, at = 0; o < outer; o++) {
      for (let c = 0; c < channels; c++, at++) {
        out[at] = Math.fround(codes[at]! - zeroPoints[c]!) * scales[c]!;
      }
    }
    return;
  }
  for (let o = 0, at = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++, at += inner) {
      dequantizeInto(codes, at, inner, out, at, scales[c]!, zeroPoints[c]!);
    }
  }
}
