import { encodeVarint } from './encodeVarint';
import type { ByteSource } from '../io/byteSource';

/** A part of an output: bytes at hand, a range of a file to copy, or bytes made when it is written. */
export type Piece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'range'; readonly source: ByteSource; readonly start: number; end: number }
  | { readonly kind: 'stream'; readonly byteLength: number; readonly chunks: () => Iterable<Uint8Array> };

const COPY_BYTES = 1 << 20;

/**
 * An output as a list of parts, so that saving a model of gigabytes copies ranges and holds only what is new. Lengths are
 * known before anything is written, as protobuf needs them.
 */
export class PieceList {
  byteLength = 0;
  readonly pieces: Piece[] = [];

  push(bytes: Uint8Array): void {
    if (bytes.length > 0) {
      this.pieces.push({ kind: 'bytes', bytes });
      this.byteLength += bytes.length;
    }
  }

  /** The range `[start, end)` of a source, joined to the range before it where they touch. */
  copy(source: ByteSource, start: number, end: number): void {
    if (end <= start) {
      return;
    }
    const last = this.pieces[this.pieces.length - 1];
    if (last?.kind === 'range' && last.source === source && last.end === start) {
      last.end = end;
    } else {
      this.pieces.push({ kind: 'range', source, start, end });
    }
    this.byteLength += end - start;
  }

  stream(byteLength: number, chunks: () => Iterable<Uint8Array>): void {
    if (byteLength > 0) {
      this.pieces.push({ kind: 'stream', byteLength, chunks });
      this.byteLength += byteLength;
    }
  }

  append(other: PieceList): void {
    for (const piece of other.pieces) {
      if (piece.kind === 'range') {
        this.copy(piece.source, piece.start, piece.end);
      } else {
        this.pieces.push(piece);
        this.byteLength += piece.kind === 'bytes' ? piece.bytes.length : piece.byteLength;
      }
    }
  }

  /** Tag and length of a length-delimited field. */
  header(field: number, byteLength: number): void {
    this.push(encodeVarint(field * 8 + 2));
    this.push(encodeVarint(byteLength));
  }

  message(field: number, body: PieceList): void {
    this.header(field, body.byteLength);
    this.append(body);
  }

  bytesField(field: number, bytes: Uint8Array): void {
    this.header(field, bytes.length);
    this.push(bytes);
  }

  /** Everything in order, in chunks of at most about 1 MB where files are copied. */
  *chunks(): Generator<Uint8Array, void> {
    for (const piece of this.pieces) {
      if (piece.kind === 'bytes') {
        yield piece.bytes;
      } else if (piece.kind === 'stream') {
        yield* piece.chunks();
      } else {
        const { source, start, end } = piece;
        const step = source.memory === undefined ? COPY_BYTES : end - start;
        for (let at = start; at < end; at += step) {
          yield source.read(at, Math.min(step, end - at));
        }
      }
    }
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    let filled = 0;
    for (const chunk of this.chunks()) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    return bytes;
  }
}
