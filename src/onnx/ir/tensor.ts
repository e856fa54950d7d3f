import { createHash } from 'node:crypto';
import { invariant } from '../../base/errors';
import { dataLength, dataTypeNotSupported, outOfRange } from '../errors';
import { plainBytes } from '../io/byteSource';
import { TensorField } from '../wire/fields';
import type { MessageRange } from '../wire/messageRange';
import { decodeText } from '../wire/text';
import { WireReader } from '../wire/wireReader';
import { DataType, dataTypeName, elementBits, integerRange, packedByteLength } from './dataType';
import { decodeElements } from './decodeElements';
import { encodeIntegers } from './encodeIntegers';
import { memoryChunks, rangeChunks, typedChunks, type TensorStorage } from './tensorStorage';

/** Elements decoded at a time while streaming. A multiple of 8, so that sub-byte types split at bytes. */
const STREAM_ELEMENTS = 1 << 18;
const STREAM_BYTES = 1 << 20;

/**
 * A constant array. Immutable; its elements stay where they are (in the model file, in an external file, in memory) until
 * asked for, and are read again each time, so that holding a model costs little memory.
 *
 * All readers of elements throw `onnx/data-length` when the stored data does not fit the shape, and the
 * `onnx/external-…` errors when it cannot be reached.
 */
export class Tensor {
  readonly elementCount: number;

  /** @internal Use the static makers; the file readers call this. */
  constructor(
    readonly name: string,
    readonly dataType: DataType,
    readonly dims: readonly number[],
    /** @internal */
    readonly storage: TensorStorage,
    /** @internal The message this was read from, if it was. */
    readonly origin?: MessageRange,
    /** @internal Name and shape too are those of `origin`. */
    readonly isAsRead = origin !== undefined,
  ) {
    this.elementCount = dims.reduce((product, d) => product * d, 1);
  }

  /** `data` is kept, not copied. */
  static fromFloat32(name: string, dims: readonly number[], data: Float32Array): Tensor {
    return Tensor.fromBytes(name, DataType.FLOAT, dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** From packed little-endian bytes, which are kept, not copied. */
  static fromBytes(name: string, dataType: DataType, dims: readonly number[], bytes: Uint8Array): Tensor {
    const tensor = new Tensor(name, dataType, [...dims], { kind: 'memory', bytes: plainBytes(bytes) });
    invariant(
      elementBits(dataType) !== undefined && tensor.byteLength === bytes.length,
      `tensor "${name}" of ${tensor.elementCount} ${dataTypeName(dataType)} got ${bytes.length} bytes`,
    );
    return tensor;
  }

  /** From integer codes of any integer type or bool; 4- and 2-bit ones are packed. */
  static fromIntegers(name: string, dataType: DataType, dims: readonly number[], codes: ArrayLike<number>): Tensor {
    return Tensor.fromBytes(name, dataType, dims, encodeIntegers(dataType, codes));
  }

  /** Bytes of all elements, packed; 0 for strings. */
  get byteLength(): number {
    return packedByteLength(this.dataType, this.elementCount);
  }

  get location(): 'inline' | 'external' | 'memory' {
    switch (this.storage.kind) {
      case 'external':
        return 'external';
      case 'memory':
        return 'memory';
      case 'range':
      case 'typed':
      case 'none':
        return 'inline';
    }
  }

  /** The file this tensor's data is in, as the model writes it; undefined unless `location` is 'external'. */
  get externalLocation(): string | undefined {
    return this.storage.kind === 'external' ? this.storage.reference.location : undefined;
  }

  /**
   * All elements, packed little-endian. May be a view of memory that others share: do not write into it.
   */
  bytes(): Uint8Array {
    const { storage } = this;
    this.checkLength();
    switch (storage.kind) {
      case 'memory':
        return storage.bytes;
      case 'range':
        return storage.source.read(storage.offset, storage.byteLength);
      case 'external': {
        const { source, offset } = storage.store.resolve(this.name, storage.reference, this.byteLength);
        return source.read(offset, this.byteLength);
      }
      case 'typed':
      case 'none': {
        const bytes = new Uint8Array(this.byteLength);
        let filled = 0;
        for (const chunk of this.byteChunks()) {
          bytes.set(chunk, filled);
          filled += chunk.length;
        }
        return bytes;
      }
    }
  }

  /** All elements, packed little-endian, in pieces of `chunkBytes` (the last may be shorter). */
  *byteChunks(chunkBytes = STREAM_BYTES): Generator<Uint8Array, void> {
    const { storage } = this;
    this.checkLength();
    switch (storage.kind) {
      case 'memory':
        yield* memoryChunks(storage.bytes, chunkBytes);
        return;
      case 'range':
        yield* rangeChunks(storage.source, storage.offset, storage.byteLength, chunkBytes);
        return;
      case 'external': {
        const { source, offset } = storage.store.resolve(this.name, storage.reference, this.byteLength);
        yield* rangeChunks(source, offset, this.byteLength, chunkBytes);
        return;
      }
      case 'typed': {
        const entryBytes = this.typedEntryBytes(storage.field);
        yield* typedChunks(storage, entryBytes, this.byteLength / entryBytes, this.name, chunkBytes);
        return;
      }
      case 'none':
        return;
    }
  }

  /**
   * Elements as float32, row-major, a fresh array. float16, bfloat16, float8, float4 and integers up to 24 bits convert
   * exactly, wider ones to the nearest. Throws `onnx/data-type` for strings and complex numbers.
   */
  toFloat32(): Float32Array {
    return this.decoded(Float32Array);
  }

  /** As {@link toFloat32}, in double precision: exact for all types but 64-bit integers beyond 2^53. */
  toFloat64(): Float64Array {
    return this.decoded(Float64Array);
  }

  /** Elements of an integer or bool tensor. Throws `onnx/range` for an element outside int32. */
  toInt32(): Int32Array {
    const { dataType } = this;
    if (integerRange(dataType) === undefined && dataType !== DataType.INT64 && dataType !== DataType.UINT64) {
      throw dataTypeNotSupported(this.name, dataTypeName(dataType), 'integer elements');
    }
    if (dataType === DataType.INT32) {
      const bytes = this.bytes().slice();
      return new Int32Array(bytes.buffer, 0, this.elementCount);
    }
    const values = this.toFloat64();
    const out = new Int32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value > 0x7fffffff || value < -0x80000000) {
        throw outOfRange(this.name, i, value, 'int32');
      }
      out[i] = value;
    }
    return out;
  }

  /** Elements as an ordinary array: for shapes, axes and other small tensors. */
  toNumbers(): number[] {
    return Array.from(this.toFloat64());
  }

  /** The one element of a scalar or one-element tensor; undefined when there are more or none. */
  scalar(): number | undefined {
    return this.elementCount === 1 ? this.toFloat64()[0] : undefined;
  }

  /** Elements of a string tensor. */
  toStrings(): string[] {
    if (this.dataType !== DataType.STRING) {
      throw dataTypeNotSupported(this.name, dataTypeName(this.dataType), 'text elements');
    }
    const texts: string[] = [];
    const { storage } = this;
    if (storage.kind === 'typed') {
      const reader = new WireReader(storage.source);
      reader.position = storage.start;
      while (reader.nextField(storage.end)) {
        if (reader.fieldNumber === TensorField.string_data) {
          texts.push(decodeText(reader.take(reader.enter(storage.end, 'string_data'))));
        } else {
          reader.skip(storage.end);
        }
      }
    }
    if (texts.length !== this.elementCount) {
      throw dataLength(this.name, `${this.elementCount} strings`, String(texts.length));
    }
    return texts;
  }

  /**
   * Elements as float32 in order, at most `maxElements` at a time, without ever holding all of them. The yielded array is
   * reused: it is good until the next one.
   */
  *chunksFloat32(maxElements = STREAM_ELEMENTS): Generator<Float32Array, void> {
    const bits = this.numericBits();
    // Eight elements of any width are whole bytes.
    const step = Math.max(8, Math.floor(maxElements / 8) * 8);
    const buffer = new Float32Array(Math.min(step, this.elementCount));
    let remaining = this.elementCount;
    for (const chunk of this.byteChunks((step * bits) / 8)) {
      const count = Math.min(remaining, step);
      const out = buffer.subarray(0, count);
      this.decodeInto(chunk, count, out);
      remaining -= count;
      yield out;
    }
  }

  /** SHA-256 (hex) of type, shape and packed bytes (or texts): equal tensors have equal hashes, however stored. */
  contentHash(): string {
    const hash = createHash('sha256').update(`${this.dataType}:${this.dims.join(',')}:`);
    if (this.dataType === DataType.STRING) {
      for (const text of this.toStrings()) {
        hash.update(JSON.stringify(text));
      }
    } else {
      for (const chunk of this.byteChunks()) {
        hash.update(chunk);
      }
    }
    return hash.digest('hex');
  }

  /** Same elements under another name; nothing is copied. */
  renamed(name: string): Tensor {
    return name === this.name ? this : new Tensor(name, this.dataType, this.dims, this.storage, this.origin, false);
  }

  /** Same elements under another shape of equal size; nothing is copied. */
  reshaped(dims: readonly number[]): Tensor {
    const tensor = new Tensor(this.name, this.dataType, [...dims], this.storage, this.origin, false);
    invariant(tensor.elementCount === this.elementCount, `cannot reshape "${this.name}" to [${dims.join(', ')}]`);
    return tensor;
  }

  /**
   * Throws unless the stored length fits the shape and external data is there. Cheap: reads no elements, so it comes before
   * anything is allocated for them.
   */
  checkLength(): void {
    const { storage, byteLength } = this;
    if (this.dataType === DataType.STRING || elementBits(this.dataType) === undefined) {
      return;
    }
    const found =
      storage.kind === 'range'
        ? storage.byteLength
        : storage.kind === 'external'
          ? (storage.reference.length ?? byteLength)
          : storage.kind === 'none'
            ? 0
            : byteLength;
    if (found !== byteLength) {
      const what = `${byteLength} bytes (${this.elementCount} × ${dataTypeName(this.dataType)})`;
      throw dataLength(this.name, what, storage.kind === 'none' ? 'no data' : `${found} bytes`);
    }
    if (storage.kind === 'external') {
      storage.store.resolve(this.name, storage.reference, byteLength);
    }
    if (storage.kind === 'typed') {
      const entryBytes = this.typedEntryBytes(storage.field);
      if (storage.atMost < byteLength / entryBytes) {
        throw dataLength(this.name, `${byteLength / entryBytes} entries`, `at most ${storage.atMost}`);
      }
    }
  }

  /** Bytes that one entry of a typed list stands for. Throws when the list is not the one for this type. */
  private typedEntryBytes(field: number): number {
    const bits = elementBits(this.dataType) ?? 0;
    switch (field) {
      case TensorField.float_data:
        if (this.dataType === DataType.FLOAT || this.dataType === DataType.COMPLEX64) {
          return 4;
        }
        break;
      case TensorField.double_data:
        if (this.dataType === DataType.DOUBLE || this.dataType === DataType.COMPLEX128) {
          return 8;
        }
        break;
      case TensorField.int64_data:
        if (this.dataType === DataType.INT64) {
          return 8;
        }
        break;
      case TensorField.uint64_data:
        if (this.dataType === DataType.UINT64 || this.dataType === DataType.UINT32) {
          return bits / 8;
        }
        break;
      case TensorField.int32_data:
        if (bits > 0 && bits <= 32 && this.dataType !== DataType.FLOAT && this.dataType !== DataType.UINT32) {
          return Math.max(1, bits / 8);
        }
        break;
    }
    throw dataLength(this.name, `data of type ${dataTypeName(this.dataType)}`, 'a list of another type');
  }

  private decodeInto(bytes: Uint8Array, count: number, out: Float32Array | Float64Array): void {
    if (!decodeElements(this.dataType, bytes, count, out)) {
      throw dataTypeNotSupported(this.name, dataTypeName(this.dataType), 'numeric elements');
    }
  }

  private numericBits(): number {
    const bits = elementBits(this.dataType);
    if (bits === undefined || this.dataType === DataType.COMPLEX64 || this.dataType === DataType.COMPLEX128) {
      throw dataTypeNotSupported(this.name, dataTypeName(this.dataType), 'numeric elements');
    }
    return bits;
  }

  private decoded<A extends Float32Array | Float64Array>(type: new (length: number) => A): A {
    const bits = this.numericBits();
    this.checkLength();
    const out = new type(this.elementCount);
    let done = 0;
    for (const chunk of this.byteChunks()) {
      const count = Math.min(this.elementCount - done, Math.floor((chunk.length * 8) / bits));
      this.decodeInto(chunk, count, out.subarray(done, done + count));
      done += count;
    }
    return out;
  }
}
