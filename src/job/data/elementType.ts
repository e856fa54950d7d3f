/** Element types of stored arrays. */
export type ElementType =
  | 'bool'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float16'
  | 'float32'
  | 'float64';

/** Decoded elements: 64-bit integers as doubles (exact up to 2^53), float16 as floats. */
export type Numbers =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

export const elementBytes: Readonly<Record<ElementType, number>> = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  int32: 4,
  uint32: 4,
  float32: 4,
  int64: 8,
  uint64: 8,
  float64: 8,
};

export function isFloatElement(type: ElementType): boolean {
  return type === 'float16' || type === 'float32' || type === 'float64';
}

/**
 * Decodes packed elements. The result may be a view of `bytes`.
 * Throws RangeError when a 64-bit integer does not fit a double exactly.
 */
export function decodeElements(bytes: Uint8Array, type: ElementType, bigEndian: boolean): Numbers {
  const size = elementBytes[type];
  const count = Math.floor(bytes.length / size);
  // Typed arrays need aligned starts; a copy also makes swapping in place safe.
  const aligned = size > 1 && (bigEndian || bytes.byteOffset % size !== 0) ? bytes.slice() : bytes;
  if (bigEndian && size > 1) {
    swapBytes(aligned, size);
  }
  const { buffer, byteOffset } = aligned;
  switch (type) {
    case 'bool':
    case 'uint8':
      return aligned.subarray(0, count);
    case 'int8':
      return new Int8Array(buffer, byteOffset, count);
    case 'int16':
      return new Int16Array(buffer, byteOffset, count);
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, count);
    case 'int32':
      return new Int32Array(buffer, byteOffset, count);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, count);
    case 'float32':
      return new Float32Array(buffer, byteOffset, count);
    case 'float64':
      return new Float64Array(buffer, byteOffset, count);
    case 'float16':
      return decodeHalves(new Uint16Array(buffer, byteOffset, count));
    case 'int64':
      return decodeLongs(new Int32Array(buffer, byteOffset, count * 2), true);
    case 'uint64':
      return decodeLongs(new Int32Array(buffer, byteOffset, count * 2), false);
  }
}

function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at + size <= bytes.length; at += size) {
    for (let low = at, high = at + size - 1; low < high; low++, high--) {
      const byte = bytes[low]!;
      bytes[low] = bytes[high]!;
      bytes[high] = byte;
    }
  }
}

function decodeHalves(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const bits = halves[i]!;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Infinity
            : NaN
          : (1024 + fraction) * 2 ** (exponent - 25);
    out[i] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return out;
}

/** Two halves per element, low first: no BigInt per element. */
function decodeLongs(words: Int32Array, signed: boolean): Float64Array {
  const out = new Float64Array(words.length / 2);
  for (let i = 0; i < out.length; i++) {
    const high = signed ? words[2 * i + 1]! : words[2 * i + 1]! >>> 0;
    const value = high * 4294967296 + (words[2 * i]! >>> 0);
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(`element ${i} is beyond ±2^53`);
    }
    out[i] = value;
  }
  return out;
}

/** Nearest float16 (ties to even) as its bit pattern. */
export function halfBits(value: number): number {
  if (Number.isNaN(value)) {
    return 0x7e00;
  }
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) {
    return sign | 0x7c00;
  }
  if (magnitude < 2 ** -25) {
    return sign;
  }
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  // The step of the grid at this magnitude; a carry into the next exponent comes out right by addition.
  const steps = magnitude / 2 ** (exponent - 10);
  const below = Math.floor(steps);
  const rest = steps - below;
  const rounded = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  return sign | (((exponent + 14) << 10) + rounded);
}
