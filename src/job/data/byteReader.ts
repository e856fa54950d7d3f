import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { dataDamaged, dataMissing } from './errors';

/** Bytes read by ranges, from a file or from memory. */
export interface ByteReader {
  /** For messages. */
  readonly path: string;
  readonly byteLength: number;
  /** Exactly `length` bytes; the array may be a view and must not be changed. Throws `data/damaged` beyond the end. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

export function openFileReader(path: string): ByteReader {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw dataMissing(path);
    }
    throw dataDamaged(path, `cannot be opened (${error instanceof Error ? error.message : String(error)})`, error);
  }
  const byteLength = fstatSync(file).size;
  return {
    path,
    byteLength,
    read: (offset, length) => {
      checkRange(path, offset, length, byteLength);
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const got = readSync(file, bytes, at, length - at, offset + at);
        if (got === 0) {
          throw dataDamaged(path, 'it became shorter while it was read');
        }
        at += got;
      }
      return bytes;
    },
    close: () => closeSync(file),
  };
}

export function memoryReader(path: string, bytes: Uint8Array): ByteReader {
  return {
    path,
    byteLength: bytes.length,
    read: (offset, length) => {
      checkRange(path, offset, length, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
    close: () => undefined,
  };
}

/** A stretch of another reader, which it closes with itself. */
export function subReader(reader: ByteReader, path: string, offset: number, length: number): ByteReader {
  checkRange(path, offset, length, reader.byteLength);
  return {
    path,
    byteLength: length,
    read: (at, count) => {
      checkRange(path, at, count, length);
      return reader.read(offset + at, count);
    },
    close: () => reader.close(),
  };
}

function checkRange(path: string, offset: number, length: number, total: number): void {
  if (offset < 0 || length < 0 || offset + length > total) {
    throw dataDamaged(path, `bytes ${offset} to ${offset + length} are wanted of ${total}`);
  }
}
