import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { memoryReader, openFileReader, type ByteReader } from './byteReader';
import { decodeElements, elementBytes, type ElementType } from './elementType';
import { dataDamaged, dataTooLarge } from './errors';
import type { StoredArray } from './npyArray';

const typeCodes: Readonly<Record<number, ElementType>> = {
  0x08: 'uint8',
  0x09: 'int8',
  0x0b: 'int16',
  0x0c: 'int32',
  0x0d: 'float32',
  0x0e: 'float64',
};

/** What an unpacked .gz may take in memory. */
const largestUnpacked = 2 ** 31;

export function isIdxPath(path: string): boolean {
  return /(?:-ubyte|\.idx|idx\d-\w+)(?:\.gz)?$/i.test(path);
}

/**
 * Opens an IDX file (the format of MNIST: two zero bytes, element type, rank, big-endian dimensions, elements), packed
 * with gzip or not. Throws `data/*`.
 */
export function openIdx(path: string): StoredArray {
  const file = openFileReader(path);
  const reader = /\.gz$/i.test(path) ? unpack(file) : file;
  if (reader.byteLength < 4) {
    throw dataDamaged(path, 'it is too short for an IDX file');
  }
  const [zeroA, zeroB, code, rank] = reader.read(0, 4) as unknown as [number, number, number, number];
  const elementType = typeCodes[code];
  if (zeroA !== 0 || zeroB !== 0 || elementType === undefined || rank < 1 || rank > 8) {
    throw dataDamaged(path, 'it does not begin like an IDX file');
  }
  const head = 4 + 4 * rank;
  if (reader.byteLength < head) {
    throw dataDamaged(path, 'it ends within its header');
  }
  const sizes = reader.read(4, 4 * rank);
  const view = new DataView(sizes.buffer, sizes.byteOffset, sizes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 * axis));
  const rowBytes = shape.slice(1).reduce((product, d) => product * d, 1) * elementBytes[elementType];
  if (shape[0]! * rowBytes > reader.byteLength - head) {
    throw dataDamaged(path, `the shape [${shape.join(', ')}] needs more than its ${reader.byteLength - head} bytes`);
  }
  return {
    where: path,
    elementType,
    shape,
    rows: (start, count) => decodeElements(reader.read(head + start * rowBytes, count * rowBytes), elementType, true),
    close: () => reader.close(),
  };
}

function unpack(file: ByteReader): ByteReader {
  const packed = file.read(0, file.byteLength);
  file.close();
  try {
    return memoryReader(file.path, gunzipSync(packed, { maxOutputLength: largestUnpacked }));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw dataTooLarge(file.path, Infinity, largestUnpacked);
    }
    throw dataDamaged(
      file.path,
      `it cannot be unpacked (${error instanceof Error ? error.message : String(error)})`,
      error,
    );
  }
}

/** "train-images-idx3-ubyte.gz" → "train-labels-idx1-ubyte", packed or not, beside it; undefined when there is none. */
export function findIdxLabels(imagesPath: string): string | undefined {
  const name = basename(imagesPath).replace(/\.gz$/i, '');
  const labels = name.replace(/images/i, 'labels').replace(/idx\d/i, 'idx1');
  if (labels === name) {
    return undefined;
  }
  return [labels, `${labels}.gz`].map((n) => join(dirname(imagesPath), n)).find((path) => existsSync(path));
}
