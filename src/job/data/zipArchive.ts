import { crc32, inflateRawSync } from 'node:zlib';
import { memoryReader, subReader, type ByteReader } from './byteReader';
import { dataDamaged, dataTooLarge, dataUnsupported } from './errors';

export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly crc: number;
  readonly headerOffset: number;
}

/** What one compressed entry may take in memory. */
const largestEntry = 2 ** 31;
const mostEntries = 65535;
/** Deflate cannot do better than 1032 : 1; whoever claims more lies. */
const bestRatio = 1032;

/**
 * Lists a zip archive from its central directory (APPNOTE.TXT 4.3.12). Local headers are not trusted for sizes: NumPy
 * writes 0xFFFFFFFF there. ZIP64, encryption and spanning are refused.
 */
export function readZipEntries(reader: ByteReader): ZipEntry[] {
  const { path } = reader;
  const tailBytes = Math.min(reader.byteLength, 22 + 65535);
  const tail = reader.read(reader.byteLength - tailBytes, tailBytes);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  let end = tailBytes - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) {
    end--;
  }
  if (end < 0) {
    throw dataDamaged(path, 'it has no zip directory at its end (truncated, or not an .npz)');
  }
  const count = view.getUint16(end + 10, true);
  const directoryBytes = view.getUint32(end + 12, true);
  const directoryOffset = view.getUint32(end + 16, true);
  if (directoryOffset === 0xffffffff || directoryBytes === 0xffffffff || count === mostEntries) {
    throw zip64(path);
  }
  if (view.getUint16(end + 4, true) !== 0) {
    throw dataUnsupported(path, 'it is one part of a divided archive', 'Store it in one piece.');
  }
  const directory = reader.read(directoryOffset, directoryBytes);
  const entries = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
  const found: ZipEntry[] = [];
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > directoryBytes || entries.getUint32(at, true) !== 0x02014b50) {
      throw dataDamaged(path, `its directory ends after ${i} of ${count} entries`);
    }
    const nameBytes = entries.getUint16(at + 28, true);
    const next = at + 46 + nameBytes + entries.getUint16(at + 30, true) + entries.getUint16(at + 32, true);
    if (next > directoryBytes) {
      throw dataDamaged(path, 'an entry of its directory is longer than the directory');
    }
    const name = Buffer.from(directory.subarray(at + 46, at + 46 + nameBytes)).toString('utf8');
    const compressedBytes = entries.getUint32(at + 20, true);
    const bytes = entries.getUint32(at + 24, true);
    const headerOffset = entries.getUint32(at + 42, true);
    if (compressedBytes === 0xffffffff || bytes === 0xffffffff || headerOffset === 0xffffffff) {
      throw zip64(path);
    }
    if (entries.getUint16(at + 8, true) & 1) {
      throw dataUnsupported(path, `${name} is encrypted`, 'Store it without a password.');
    }
    const method = entries.getUint16(at + 10, true);
    found.push({ name, method, compressedBytes, bytes, crc: entries.getUint32(at + 16, true), headerOffset });
    at = next;
  }
  return found;
}

/** The entry's content: by ranges when it is stored, unpacked into memory (with its checksum held) when deflated. */
export function openZipEntry(reader: ByteReader, entry: ZipEntry): ByteReader {
  const where = `${reader.path}: ${entry.name}`;
  const header = reader.read(entry.headerOffset, 30);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0, true) !== 0x04034b50) {
    throw dataDamaged(where, 'its zip header is not where the directory says');
  }
  const offset = entry.headerOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  const packed = subReader(reader, where, offset, entry.compressedBytes);
  if (entry.method === 0) {
    return { ...packed, close: () => undefined };
  }
  if (entry.method !== 8) {
    throw dataUnsupported(
      where,
      `zip method ${entry.method} is not read`,
      'Store it with np.savez or np.savez_compressed.',
    );
  }
  if (entry.bytes > entry.compressedBytes * bestRatio + 64) {
    throw dataDamaged(where, `it claims to unpack ${entry.compressedBytes} bytes to ${entry.bytes}`);
  }
  if (entry.bytes > largestEntry) {
    throw dataTooLarge(where, entry.bytes, largestEntry);
  }
  const bytes = inflate(packed.read(0, entry.compressedBytes), entry.bytes, where);
  if (bytes.length !== entry.bytes || crc32(bytes) !== entry.crc) {
    throw dataDamaged(where, 'its checksum does not match');
  }
  return memoryReader(where, bytes);
}

function inflate(packed: Uint8Array, bytes: number, where: string): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(bytes, 1) });
  } catch (error) {
    throw dataDamaged(
      where,
      `it cannot be unpacked (${error instanceof Error ? error.message : String(error)})`,
      error,
    );
  }
}

function zip64(path: string): Error {
  return dataUnsupported(
    path,
    'it is a ZIP64 archive (above 4 GB)',
    'Store the arrays as .npy files in a folder: those may be of any size and are read in pieces.',
  );
}
