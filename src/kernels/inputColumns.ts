/**
 * Input columns of linear layers: for each chosen output position, the values its dot products read, in the order of the
 * weight's own memory. They go into a Float64Array of shape [n, count] (leading dimension `ldo`), one row per weight
 * element of an output channel and one column per position, ready for `accumulateGram`.
 */

/** A convolution in up to three spatial dimensions; unused leading ones have size 1. Arrays are [depth, height, width]. */
export interface ConvGeometry {
  /** Channels of the whole input (all groups). */
  readonly channels: number;
  readonly groups: number;
  readonly inputSize: readonly [number, number, number];
  readonly kernel: readonly [number, number, number];
  readonly strides: readonly [number, number, number];
  readonly dilations: readonly [number, number, number];
  /** Padding before the first element of each dimension. */
  readonly padsBegin: readonly [number, number, number];
  readonly outputSize: readonly [number, number, number];
}

/**
 * im2col of one sample and one group: row (ci, kd, kh, kw), column i = the input that output position `positions[i]`
 * (flat index into outputSize) reads there; padding reads 0.
 *
 * @param src one sample begins at `offset`: [channels, depth, height, width]
 */
export function convColumnsInto(
  src: Float32Array,
  offset: number,
  geometry: ConvGeometry,
  group: number,
  positions: Int32Array,
  count: number,
  out: Float64Array,
  outOffset: number,
  ldo: number,
): void {
  const [inD, inH, inW] = geometry.inputSize;
  const [kD, kH, kW] = geometry.kernel;
  const [sD, sH, sW] = geometry.strides;
  const [dD, dH, dW] = geometry.dilations;
  const [pD, pH, pW] = geometry.padsBegin;
  const outH = geometry.outputSize[1];
  const outW = geometry.outputSize[2];
  const perGroup = geometry.channels / geometry.groups;
  const plane = inH * inW;
  const volume = inD * plane;
  const outPlane = outH * outW;
  let row = outOffset;
  for (let c = 0; c < perGroup; c++) {
    const channel = offset + (group * perGroup + c) * volume;
    for (let kd = 0; kd < kD; kd++) {
      const shiftD = kd * dD - pD;
      for (let kh = 0; kh < kH; kh++) {
        const shiftH = kh * dH - pH;
        for (let kw = 0; kw < kW; kw++, row += ldo) {
          const shiftW = kw * dW - pW;
          for (let i = 0; i < count; i++) {
            const position = positions[i]!;
            const od = (position / outPlane) | 0;
            const rest = position - od * outPlane;
            const oh = (rest / outW) | 0;
            const d = od * sD + shiftD;
            const h = oh * sH + shiftH;
            const w = (rest - oh * outW) * sW + shiftW;
            out[row + i] =
              d >= 0 && d < inD && h >= 0 && h < inH && w >= 0 && w < inW ? src[channel + d * plane + h * inW + w]! : 0;
          }
        }
      }
    }
  }
}

/**
 * The same for ConvTranspose: output o collects input i through tap k where o = i · stride + k · dilation − padBegin, so
 * the input is read as if stride − 1 zeros stood between its elements. Rows are (ci, kd, kh, kw) in the weight's own
 * order [Cin, Cout / groups, …]; no flip is needed.
 */
export function convTransposeColumnsInto(
  src: Float32Array,
  offset: number,
  geometry: ConvGeometry,
  group: number,
  positions: Int32Array,
  count: number,
  out: Float64Array,
  outOffset: number,
  ldo: number,
): void {
  const [inD, inH, inW] = geometry.inputSize;
  const [kD, kH, kW] = geometry.kernel;
  const [sD, sH, sW] = geometry.strides;
  const [dD, dH, dW] = geometry.dilations;
  const [pD, pH, pW] = geometry.padsBegin;
  const outH = geometry.outputSize[1];
  const outW = geometry.outputSize[2];
  const perGroup = geometry.channels / geometry.groups;
  const plane = inH * inW;
  const volume = inD * plane;
  const outPlane = outH * outW;
  let row = outOffset;
  for (let c = 0; c < perGroup; c++) {
    const channel = offset + (group * perGroup + c) * volume;
    for (let kd = 0; kd < kD; kd++) {
      const shiftD = pD - kd * dD;
      for (let kh = 0; kh < kH; kh++) {
        const shiftH = pH - kh * dH;
        for (let kw = 0; kw < kW; kw++, row += ldo) {
          const shiftW = pW - kw * dW;
          for (let i = 0; i < count; i++) {
            const position = positions[i]!;
            const od = (position / outPlane) | 0;
            const rest = position - od * outPlane;
            const oh = (rest / outW) | 0;
            const zd = od + shiftD;
            const zh = oh + shiftH;
            const zw = rest - oh * outW + shiftW;
            const d = zd / sD;
            const h = zh / sH;
            const w = zw / sW;
            out[row + i] =
              zd >= 0 &&
              zh >= 0 &&
              zw >= 0 &&
              d < inD &&
              h < inH &&
              w < inW &&
              zd % sD === 0 &&
              zh % sH === 0 &&
              zw % sW === 0
                ? src[channel + d * plane + h * inW + w]!
                : 0;
          }
        }
      }
    }
  }
}

/**
 * Columns of a matrix operand: element (k, i) = src[offset + k · stride + positions[i] · step]. For Gemm and MatMul with
 * rows of K contiguous inputs: stride 1, step K. For transA or a constant left operand: stride = row length, step 1.
 */
export function matrixColumnsInto(
  src: Float32Array,
  offset: number,
  n: number,
  stride: number,
  step: number,
  positions: Int32Array,
  count: number,
  out: Float64Array,
  outOffset: number,
  ldo: number,
): void {
  for (let k = 0; k < n; k++) {
    const row = outOffset + k * ldo;
    const from = offset + k * stride;
    for (let i = 0; i < count; i++) {
      out[row + i] = src[from + positions[i]! * step]!;
    }
  }
}

/**
 * `count` positions spread evenly over [0, total), ascending and without repeats; all of them when count ≥ total.
 * Returns how many were written.
 */
export function evenPositions(total: number, count: number, out: Int32Array): number {
  const wanted = count < total ? count : total;
  for (let i = 0; i < wanted; i++) {
    // The middle of each of `wanted` equal intervals: no bias towards the first row.
    out[i] = Math.floor(((2 * i + 1) * total) / (2 * wanted));
  }
  return wanted;
}
