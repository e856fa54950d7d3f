import type { ByteReader } from './byteReader';
import { decodeElements, elementBytes, type ElementType, type Numbers } from './elementType';
import { dataDamaged, dataTooLarge, dataUnsupported } from './errors';

/** A stored array whose first axis counts samples, read by ranges of it. */
export interface StoredArray {
  /** For messages: "calibration.npz: x". */
  readonly where: string;
  readonly elementType: ElementType;
  readonly shape: readonly number[];
  /** Elements of `count` rows of the first axis from `start`, row-major. A rank-0 array is one row. */
  rows(start: number, count: number): Numbers;
  close(): void;
}

/** Most that is turned to row-major in memory. */
const largestTranspose = 2 ** 31;
const largestHeader = 1024 * 1024;

const typeCodes: Readonly<Record<string, ElementType>> = {
  b1: 'bool',
  '?': 'bool',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

/**
 * Opens an array in NumPy's format, versions 1 to 3 (numpy.lib.format): a magic, a Python dict as text, then the raw
 * elements. Throws `data/damaged`, `data/unsupported` (pickled objects, records, complex numbers, texts).
 */
export function openNpy(reader: ByteReader, where: string): StoredArray {
  const { dataOffset, elementType, bigEndian, fortranOrder, shape } = readHeader(reader, where);
  const elements = shape.reduce((product, d) => product * d, 1);
  const bytes = elements * elementBytes[elementType];
  if (!Number.isSafeInteger(bytes)) {
    throw dataDamaged(where, `the shape [${shape.join(', ')}] overflows`);
  }
  if (dataOffset + bytes > reader.byteLength) {
    throw dataDamaged(
      where,
      `the shape [${shape.join(', ')}] needs ${bytes} bytes of elements, and there are ${reader.byteLength - dataOffset}`,
    );
  }
  const decode = (raw: Uint8Array): Numbers => {
    try {
      return decodeElements(raw, elementType, bigEndian);
    } catch (error) {
      if (error instanceof RangeError) {
        throw dataUnsupported(where, error.message, 'Store smaller integers.');
      }
      throw error;
    }
  };
  const close = (): void => reader.close();
  const rowElements = shape.slice(1).reduce((product, d) => product * d, 1);
  if (fortranOrder && shape.length > 1) {
    if (bytes > largestTranspose) {
      throw dataTooLarge(where, bytes, largestTranspose);
    }
    let whole: Numbers | undefined;
    const rows = (start: number, count: number): Numbers => {
      whole ??= toRowMajor(decode(reader.read(dataOffset, bytes)), shape);
      return whole.subarray(start * rowElements, (start + count) * rowElements);
    };
    return { where, elementType, shape, rows, close };
  }
  const rowBytes = rowElements * elementBytes[elementType];
  const rows = (start: number, count: number): Numbers =>
    decode(reader.read(dataOffset + start * rowBytes, count * rowBytes));
  return { where, elementType, shape, rows, close };
}

interface NpyHeader {
  readonly dataOffset: number;
  readonly elementType: ElementType;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

function readHeader(reader: ByteReader, where: string): NpyHeader {
  if (reader.byteLength < 10) {
    throw dataDamaged(where, 'it is too short for an .npy array');
  }
  const start = reader.read(0, Math.min(12, reader.byteLength));
  if (start[0] !== 0x93 || Buffer.from(start.subarray(1, 6)).toString('latin1') !== 'NUMPY') {
    throw dataDamaged(where, 'it does not begin like an .npy array');
  }
  const version = start[6]!;
  if (version < 1 || version > 3) {
    throw dataUnsupported(where, `version ${version} of the .npy format is not known`, 'Versions 1 to 3 are read.');
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const lengthBytes = version === 1 ? 2 : 4;
  if (start.length < 8 + lengthBytes) {
    throw dataDamaged(where, 'it ends within its header');
  }
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = 8 + lengthBytes + length;
  if (length > largestHeader || dataOffset > reader.byteLength) {
    throw dataDamaged(where, `its header claims ${length} bytes`);
  }
  const text = Buffer.from(reader.read(8 + lengthBytes, length)).toString(version === 3 ? 'utf8' : 'latin1');
  return { dataOffset, ...parseHeader(text, where) };
}

/** The header is a Python dict with three known keys; nothing else is accepted, and nothing is evaluated. */
function parseHeader(text: string, where: string): Omit<NpyHeader, 'dataOffset'> {
  const fortran = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const shapeText = /['"]shape['"]\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  const descr = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[))/.exec(text);
  if (fortran === undefined || shapeText === undefined || descr === null) {
    throw dataDamaged(where, 'its header cannot be read');
  }
  const shape = shapeText
    .split(',')
    .map((part) => part.trim().replace(/L$/, ''))
    .filter((part) => part !== '')
    .map(Number);
  if (shape.length > 32 || shape.some((d) => !Number.isSafeInteger(d))) {
    throw dataDamaged(where, `its header has the shape (${shapeText})`);
  }
  const [, code, records] = descr;
  const elementType = code === undefined ? undefined : typeCodes[code.replace(/^[<>=|]/, '')];
  if (elementType === undefined) {
    const what =
      records !== undefined
        ? 'it holds records'
        : /O/.test(code ?? '')
          ? 'it holds pickled Python objects, which are not safe to read'
          : `its element type ${JSON.stringify(code)} is not a number`;
    throw dataUnsupported(where, what, 'Store numbers: float32, uint8, int64…');
  }
  return { elementType, bigEndian: code!.startsWith('>'), fortranOrder: fortran === 'True', shape };
}

function toRowMajor(source: Numbers, shape: readonly number[]): Numbers {
  const out = source.slice();
  const rank = shape.length;
  const strides = new Array<number>(rank);
  let stride = 1;
  for (let axis = 0; axis < rank; axis++) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = source[from]!;
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) {
        break;
      }
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
