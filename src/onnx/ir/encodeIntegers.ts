import { invariant } from '../../base/errors';
import { DataType, dataTypeName, elementBits, integerRange, packedByteLength } from './dataType';

/**
 * Packs integer codes little-endian, 4- and 2-bit ones several to a byte with the first element in the lowest bits. The
 * codes must be integers in the range of the type; that is the caller's duty and is checked.
 */
export function encodeIntegers(type: DataType, codes: ArrayLike<number>): Uint8Array {
  const count = codes.length;
  if (type === DataType.INT64 || type === DataType.UINT64) {
    return encode64(codes, type === DataType.INT64);
  }
  const range = integerRange(type);
  const bits = elementBits(type);
  invariant(range !== undefined && bits !== undefined, `${dataTypeName(type)} is not an integer type`);
  const [lowest, highest] = range;
  for (let i = 0; i < count; i++) {
    const code = codes[i]!;
    invariant(
      Number.isInteger(code) && code >= lowest && code <= highest,
      `code ${code} at ${i} does not fit ${dataTypeName(type)}`,
    );
  }
  const bytes = new Uint8Array(packedByteLength(type, count));
  if (bits < 8) {
    const perByte = 8 / bits;
    const mask = (1 << bits) - 1;
    for (let i = 0; i < count; i++) {
      bytes[Math.floor(i / perByte)]! |= (codes[i]! & mask) << ((i % perByte) * bits);
    }
    return bytes;
  }
  const stored = bits === 8 ? bytes : bits === 16 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
  for (let i = 0; i < count; i++) {
    // Stored modulo 2^bits, which is two's complement.
    stored[i] = codes[i]!;
  }
  return bytes;
}

function encode64(codes: ArrayLike<number>, isSigned: boolean): Uint8Array {
  const words = new Uint32Array(2 * codes.length);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    invariant(Number.isInteger(code) && (isSigned || code >= 0), `code ${code} at ${i} does not fit a 64-bit integer`);
    const [low, high] = splitInt64(code, isSigned);
    words[2 * i] = low;
    words[2 * i + 1] = high;
  }
  return new Uint8Array(words.buffer);
}

/**
 * Halves of a 64-bit integer. 2^63 and above stand for the largest int64, whose nearest double is 2^63: so "to the end"
 * markers survive a trip through numbers.
 */
export function splitInt64(value: number, isSigned = true): readonly [low: number, high: number] {
  if (isSigned && value >= 2 ** 63) {
    return [0xffffffff, 0x7fffffff];
  }
  if (!isSigned && value >= 2 ** 64) {
    return [0xffffffff, 0xffffffff];
  }
  const high = Math.floor(Math.max(value, -(2 ** 63)) / 4294967296);
  return [value >= -(2 ** 63) ? value - high * 4294967296 : 0, high >>> 0];
}
