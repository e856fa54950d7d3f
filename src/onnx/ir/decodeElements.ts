import { DataType } from './dataType';

/** Elements that can be turned into numbers. */
export type ElementReader = (bytes: Uint8Array, count: number, out: Float32Array | Float64Array) => void;

// All platforms Node runs ONNX Runtime on are little-endian, as ONNX data is: typed arrays may look at it directly.

function aligned(bytes: Uint8Array, size: number): { buffer: ArrayBufferLike; offset: number } {
  if (bytes.byteOffset % size === 0) {
    return { buffer: bytes.buffer, offset: bytes.byteOffset };
  }
  const copy = bytes.slice();
  return { buffer: copy.buffer, offset: copy.byteOffset };
}

/**
 * float16 to the bits of float32: subnormals become normal numbers, infinities stay, NaN keeps its payload.
 */
export function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) {
    return sign | 0x7f800000 | (fraction << 13);
  }
  if (exponent !== 0) {
    return sign | ((exponent + 112) << 23) | (fraction << 13);
  }
  if (fraction === 0) {
    return sign;
  }
  // 0.fraction × 2^-14: shift until the leading one is implicit.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** Values of the 256 codes of an 8-bit float with the given layout. */
function smallFloatTable(
  exponentBits: number,
  fractionBits: number,
  bias: number,
  special: (code: number) => number | undefined,
): Float32Array {
  const width = 1 + exponentBits + fractionBits;
  const table = new Float32Array(1 << width);
  for (let code = 0; code < table.length; code++) {
    const exponent = (code >>> fractionBits) & ((1 << exponentBits) - 1);
    const fraction = (code & ((1 << fractionBits) - 1)) / (1 << fractionBits);
    const magnitude = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
    table[code] = special(code) ?? (code >>> (width - 1) === 1 ? -magnitude : magnitude);
  }
  return table;
}

/** One table per type of at most 8 bits that is not an integer, made when first needed. */
const floatTables = new Map<DataType, Float32Array>();

function floatTable(type: DataType): Float32Array {
  let table = floatTables.get(type);
  if (table === undefined) {
    table = makeFloatTable(type);
    floatTables.set(type, table);
  }
  return table;
}

/** Layouts: https://onnx.ai/onnx/technical/float8.html and OCP Microscaling Formats (MX) 1.0. */
function makeFloatTable(type: DataType): Float32Array {
  switch (type) {
    case DataType.FLOAT8E4M3FN:
      return smallFloatTable(4, 3, 7, (code) => ((code & 0x7f) === 0x7f ? NaN : undefined));
    case DataType.FLOAT8E4M3FNUZ:
      return smallFloatTable(4, 3, 8, (code) => (code === 0x80 ? NaN : undefined));
    case DataType.FLOAT8E5M2:
      return smallFloatTable(5, 2, 15, (code) =>
        (code & 0x7c) !== 0x7c ? undefined : (code & 3) !== 0 ? NaN : code >= 0x80 ? -Infinity : Infinity,
      );
    case DataType.FLOAT8E5M2FNUZ:
      return smallFloatTable(5, 2, 16, (code) => (code === 0x80 ? NaN : undefined));
    case DataType.FLOAT4E2M1:
      return smallFloatTable(2, 1, 1, () => undefined);
    default: {
      // FLOAT8E8M0: a bare exponent.
      const table = new Float32Array(256);
      for (let code = 0; code < 255; code++) {
        table[code] = 2 ** (code - 127);
      }
      table[255] = NaN;
      return table;
    }
  }
}

/** Puts float32 bit patterns into `out`, so that NaN payloads survive when it is a Float32Array. */
function decodeBits(count: number, out: Float32Array | Float64Array, bitsAt: (i: number) => number): void {
  const bits = new Uint32Array(
    out instanceof Float32Array ? out.buffer : new ArrayBuffer(4 * count),
    out instanceof Float32Array ? out.byteOffset : 0,
    count,
  );
  for (let i = 0; i < count; i++) {
    bits[i] = bitsAt(i);
  }
  if (out instanceof Float64Array) {
    out.set(new Float32Array(bits.buffer, 0, count));
  }
}

/**
 * A 64-bit integer as the nearest double, or, for float32, as a double that rounds to the right float32: beyond 2^53 the
 * low bits are folded into one sticky bit, since rounding twice is not rounding once.
 */
function decodeInt64(bytes: Uint8Array, count: number, out: Float32Array | Float64Array, isSigned: boolean): void {
  const { buffer, offset } = aligned(bytes, 4);
  const low = new Uint32Array(buffer, offset, 2 * count);
  const high = isSigned ? new Int32Array(buffer, offset, 2 * count) : low;
  const toFloat32 = out instanceof Float32Array;
  for (let i = 0; i < count; i++) {
    let lo = low[2 * i]!;
    const hi = high[2 * i + 1]!;
    if (toFloat32 && (hi >= 0x200000 || hi < -0x200000)) {
      lo = ((lo & ~0x7ff) | ((lo & 0x7ff) !== 0 ? 0x800 : 0)) >>> 0;
    }
    out[i] = hi * 4294967296 + lo;
  }
}

function decodeSubByte(
  bytes: Uint8Array,
  count: number,
  bits: 2 | 4,
  isSigned: boolean,
  out: Float32Array | Float64Array | Int32Array,
): void {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  // Moves the sign bit of the code to the sign bit of an int32 and back.
  const signShift = isSigned ? 32 - bits : 0;
  for (let i = 0; i < count; i++) {
    const code = (bytes[Math.floor(i / perByte)]! >>> ((i % perByte) * bits)) & mask;
    out[i] = (code << signShift) >> signShift;
  }
}

/**
 * Turns the first `count` elements of densely packed little-endian `bytes` into numbers. Returns false for types that are
 * not numbers (strings, complex, unknown types).
 */
export function decodeElements(
  type: DataType,
  bytes: Uint8Array,
  count: number,
  out: Float32Array | Float64Array,
): boolean {
  switch (type) {
    case DataType.FLOAT: {
      if (out instanceof Float32Array) {
        new Uint8Array(out.buffer, out.byteOffset, 4 * count).set(bytes.subarray(0, 4 * count));
      } else {
        const { buffer, offset } = aligned(bytes, 4);
        out.set(new Float32Array(buffer, offset, count));
      }
      return true;
    }
    case DataType.DOUBLE: {
      const { buffer, offset } = aligned(bytes, 8);
      out.set(new Float64Array(buffer, offset, count));
      return true;
    }
    case DataType.FLOAT16:
    case DataType.BFLOAT16: {
      const { buffer, offset } = aligned(bytes, 2);
      const codes = new Uint16Array(buffer, offset, count);
      decodeBits(
        count,
        out,
        type === DataType.BFLOAT16 ? (i) => codes[i]! << 16 : (i) => float16ToFloat32Bits(codes[i]!),
      );
      return true;
    }
    case DataType.INT64:
    case DataType.UINT64:
      decodeInt64(bytes, count, out, type === DataType.INT64);
      return true;
    case DataType.INT8:
      out.set(new Int8Array(bytes.buffer, bytes.byteOffset, count));
      return true;
    case DataType.UINT8:
    case DataType.BOOL:
      out.set(bytes.subarray(0, count));
      return true;
    case DataType.INT16: {
      const { buffer, offset } = aligned(bytes, 2);
      out.set(new Int16Array(buffer, offset, count));
      return true;
    }
    case DataType.UINT16: {
      const { buffer, offset } = aligned(bytes, 2);
      out.set(new Uint16Array(buffer, offset, count));
      return true;
    }
    case DataType.INT32: {
      const { buffer, offset } = aligned(bytes, 4);
      out.set(new Int32Array(buffer, offset, count));
      return true;
    }
    case DataType.UINT32: {
      const { buffer, offset } = aligned(bytes, 4);
      out.set(new Uint32Array(buffer, offset, count));
      return true;
    }
    case DataType.UINT4:
    case DataType.INT4:
      decodeSubByte(bytes, count, 4, type === DataType.INT4, out);
      return true;
    case DataType.UINT2:
    case DataType.INT2:
      decodeSubByte(bytes, count, 2, type === DataType.INT2, out);
      return true;
    case DataType.FLOAT8E4M3FN:
    case DataType.FLOAT8E4M3FNUZ:
    case DataType.FLOAT8E5M2:
    case DataType.FLOAT8E5M2FNUZ:
    case DataType.FLOAT8E8M0: {
      const table = floatTable(type);
      for (let i = 0; i < count; i++) {
        out[i] = table[bytes[i]!]!;
      }
      return true;
    }
    case DataType.FLOAT4E2M1: {
      decodeSubByte(bytes, count, 4, false, out);
      const table = floatTable(type);
      for (let i = 0; i < count; i++) {
        out[i] = table[out[i]!]!;
      }
      return true;
    }
    case DataType.UNDEFINED:
    case DataType.STRING:
    case DataType.COMPLEX64:
    case DataType.COMPLEX128:
      return false;
    default:
      return false;
  }
}
