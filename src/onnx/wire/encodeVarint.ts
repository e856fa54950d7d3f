/** A non-negative safe integer as a protobuf varint. */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** A 64-bit integer, given as its two halves, as a protobuf varint. */
export function encodeVarint64(low: number, high: number): Uint8Array {
  const bytes: number[] = [];
  let lo = low >>> 0;
  let hi = high >>> 0;
  while (hi > 0 || lo >= 0x80) {
    bytes.push((lo & 0x7f) | 0x80);
    lo = ((lo >>> 7) | (hi << 25)) >>> 0;
    hi >>>= 7;
  }
  bytes.push(lo);
  return Uint8Array.from(bytes);
}
