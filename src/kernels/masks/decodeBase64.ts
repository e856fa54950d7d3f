const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Bytes of base64 text with padding (RFC 4648, section 4). Neither Node nor a browser is needed. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let to = 0;
  for (let n = 0; n < text.length; n += 4) {
    let word = 0;
    for (let c = 0; c < 4; c++) {
      word = (word << 6) | Math.max(ALPHABET.indexOf(text[n + c]!), 0);
    }
    for (let shift = 16; shift >= 0 && to < bytes.length; shift -= 8) {
      bytes[to++] = (word >>> shift) & 255;
    }
  }
  return bytes;
}
