import type { ByteSource } from '../io/byteSource';
import type { ExternalDataStore, ExternalReference } from '../io/externalData';
import { dataLength } from '../errors';
import { TensorField } from '../wire/fields';
import { WireReader, WireType } from '../wire/wireReader';

/** Where the elements of a tensor are. */
export type TensorStorage =
  /** `raw_data` of a file. */
  | { readonly kind: 'range'; readonly source: ByteSource; readonly offset: number; readonly byteLength: number }
  /** A typed list (`float_data`, `int32_data`…) inside the tensor's message. */
  | TypedStorage
  | { readonly kind: 'external'; readonly store: ExternalDataStore; readonly reference: ExternalReference }
  /** Packed little-endian bytes made by us. */
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }
  | { readonly kind: 'none' };

export interface TypedStorage {
  readonly kind: 'typed';
  readonly source: ByteSource;
  /** Body of the TensorProto. */
  readonly start: number;
  readonly end: number;
  readonly field: number;
  /** Upper bound of the entries: bytes of packed lists plus single entries. */
  readonly atMost: number;
}

/**
 * The entries of a typed list as packed little-endian bytes, `entryBytes` each, in chunks of `chunkBytes`. Small types are
 * stored one per int32 (4- and 2-bit ones one byte of several elements per int32). Throws `onnx/data-length` when there
 * are more or fewer than `entries`.
 */
export function* typedChunks(
  storage: TypedStorage,
  entryBytes: number,
  entries: number,
  tensor: string,
  chunkBytes: number,
): Generator<Uint8Array, void> {
  const { source, end, field } = storage;
  const wrongLength = (found: string): Error => dataLength(tensor, `${entries} entries`, found);
  if (storage.atMost < entries) {
    throw wrongLength(`at most ${storage.atMost}`);
  }
  const isFixed = field === TensorField.float_data || field === TensorField.double_data;
  const fixedType = field === TensorField.float_data ? WireType.FIXED32 : WireType.FIXED64;
  const fixedBytes = field === TensorField.float_data ? 4 : 8;
  const reader = new WireReader(source);
  reader.position = storage.start;
  let chunk = new Uint8Array(Math.min(chunkBytes, entries * entryBytes));
  let filled = 0;
  let seen = 0;

  while (reader.nextField(end)) {
    if (reader.fieldNumber !== field) {
      reader.skip(end);
      continue;
    }
    const isPacked = reader.wireType === WireType.BYTES;
    const stop = isPacked ? reader.enter(end, 'data') : end;
    if (isFixed) {
      // Already the bytes we want: pass ranges on.
      if (!isPacked) {
        reader.expect(fixedType, 'data');
      }
      const last = isPacked ? stop : reader.position + fixedBytes;
      if (last > end || (last - reader.position) % fixedBytes !== 0) {
        throw wrongLength('a broken list');
      }
      seen += (last - reader.position) / fixedBytes;
      if (seen * fixedBytes > entries * entryBytes) {
        throw wrongLength('more');
      }
      while (reader.position < last) {
        const size = Math.min(last - reader.position, chunk.length - filled);
        chunk.set(reader.take(reader.position + size), filled);
        filled += size;
        if (filled === chunk.length) {
          yield chunk;
          chunk = new Uint8Array(chunk.length);
          filled = 0;
        }
      }
      continue;
    }
    if (!isPacked) {
      reader.expect(WireType.VARINT, 'data');
    }
    do {
      if (isPacked && reader.position >= stop) {
        break;
      }
      reader.varint(stop);
      if (++seen > entries) {
        throw wrongLength('more');
      }
      let half = reader.low;
      for (let b = 0; b < entryBytes; b++) {
        if (b === 4) {
          half = reader.high;
        }
        chunk[filled++] = half & 0xff;
        half >>>= 8;
      }
      if (filled === chunk.length) {
        yield chunk;
        chunk = new Uint8Array(chunk.length);
        filled = 0;
      }
    } while (isPacked);
  }
  const bytesSeen = isFixed ? seen * fixedBytes : seen * entryBytes;
  if (bytesSeen !== entries * entryBytes) {
    throw wrongLength(String(seen));
  }
  if (filled > 0) {
    yield chunk.subarray(0, filled);
  }
}

/** A range in chunks of `chunkBytes`; the last may be shorter. */
export function* rangeChunks(
  source: ByteSource,
  offset: number,
  byteLength: number,
  chunkBytes: number,
): Generator<Uint8Array, void> {
  for (let done = 0; done < byteLength; done += chunkBytes) {
    yield source.read(offset + done, Math.min(chunkBytes, byteLength - done));
  }
}

export function* memoryChunks(bytes: Uint8Array, chunkBytes: number): Generator<Uint8Array, void> {
  for (let done = 0; done < bytes.length; done += chunkBytes) {
    yield bytes.subarray(done, done + chunkBytes);
  }
}
