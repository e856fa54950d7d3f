/**
 * Text of protobuf fields, without loss. ONNX's schema does not check that strings are UTF-8, and an edited node must
 * still name the values that untouched nodes name. A byte that is not part of valid UTF-8 becomes the lone surrogate
 * U+DC00 + byte and turns back into that byte when written (the scheme of Python's "surrogateescape").
 */
export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString('utf8');
  // Only invalid input (or a true U+FFFD, which is harmless here) takes the slow path.
  return text.includes('\ufffd') ? decodeEscaping(buffer) : text;
}

function decodeEscaping(buffer: Buffer): string {
  let text = '';
  let start = 0;
  for (let i = 0; i < buffer.length;) {
    const length = sequenceLength(buffer, i);
    if (length > 0) {
      i += length;
      continue;
    }
    text += buffer.toString('utf8', start, i) + String.fromCharCode(0xdc00 + buffer[i]!);
    i++;
    start = i;
  }
  return text + buffer.toString('utf8', start);
}

/** Length of the valid UTF-8 sequence at `i`, 0 if there is none (overlong forms and surrogates are not valid). */
function sequenceLength(buffer: Buffer, i: number): number {
  const first = buffer[i]!;
  const at = (k: number): number => buffer[i + k] ?? 0;
  const continues = (k: number): boolean => (at(k) & 0b1100_0000) === 0b1000_0000;
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    return continues(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first <= 0xef) {
    const second = at(1);
    const allowed = (first !== 0xe0 || second >= 0xa0) && (first !== 0xed || second < 0xa0);
    return allowed && continues(1) && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const second = at(1);
    const allowed = (first !== 0xf0 || second >= 0x90) && (first !== 0xf4 || second < 0x90);
    return allowed && continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

export function encodeText(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) {
    return Buffer.from(text, 'utf8');
  }
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const code = character.charCodeAt(0);
    const isEscape = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    parts.push(isEscape ? Uint8Array.of(code - 0xdc00) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}
