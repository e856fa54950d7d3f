/** One float64 seen as two uint32 halves, little-endian. */
const scratch = new DataView(new ArrayBuffer(8));

/** Value of an IEEE 754 half-precision bit pattern. */
export function float16ToFloat32(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) {
    return fraction === 0 ? sign * Infinity : NaN;
  }
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * Nearest half-precision number, ties to even, as its bit pattern. Rounds once, straight from the number given, so a
 * float64 does not pass float32 on the way. Overflow gives infinity, NaN gives 0x7e00.
 */
export function float32ToFloat16(value: number): number {
  return encode(value, 5, 10, 0x7e00);
}

/** Value of a bfloat16 bit pattern: the upper half of a float32. */
export function bfloat16ToFloat32(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** Nearest bfloat16, ties to even, as its bit pattern; one rounding, as in {@link float32ToFloat16}. */
export function float32ToBfloat16(value: number): number {
  return encode(value, 8, 7, 0x7fc0);
}

/** {@link float32ToFloat16} over a run. */
export function toFloat16Into(src: Float64Array, offset: number, length: number, out: Uint16Array, to: number): void {
  for (let i = 0; i < length; i++) {
    out[to + i] = encode(src[offset + i]!, 5, 10, 0x7e00);
  }
}

/** {@link float32ToBfloat16} over a run. */
export function toBfloat16Into(src: Float64Array, offset: number, length: number, out: Uint16Array, to: number): void {
  for (let i = 0; i < length; i++) {
    out[to + i] = encode(src[offset + i]!, 8, 7, 0x7fc0);
  }
}

/** 1.5 · 2^52, see `roundHalfEven`. */
const SHIFTER = 6755399441055744;

function encode(value: number, exponentBits: number, fractionBits: number, nan: number): number {
  if (value !== value) {
    return nan;
  }
  const sign = value < 0 || Object.is(value, -0) ? 1 << (exponentBits + fractionBits) : 0;
  const magnitude = Math.abs(value);
  const bias = 2 ** (exponentBits - 1) - 1;
  const infinity = (2 ** exponentBits - 1) * 2 ** fractionBits;
  // Exponent of the leading bit, not below that of the smallest normal number: subnormals share its spacing.
  scratch.setFloat64(0, magnitude);
  const leading = ((scratch.getUint32(0) >>> 20) & 0x7ff) - 1023;
  const exponent = leading > 1 - bias ? leading : 1 - bias;
  if (exponent > bias) {
    return sign | infinity;
  }
  // In units of the last place this is an integer below 2^(fractionBits + 1) once rounded; a carry moves into the exponent.
  const units = magnitude * 2 ** (fractionBits - exponent) + SHIFTER - SHIFTER;
  const code = (exponent + bias - 1) * 2 ** fractionBits + units;
  return sign | (code < infinity ? code : infinity);
}
