import type { DataType } from '../../ir/dataType';
import type { SparseInitializer } from '../../ir/graphSeed';
import { Tensor } from '../../ir/tensor';
import type { TensorStorage } from '../../ir/tensorStorage';
import { badShape } from '../../errors';
import { SparseTensorField, StringEntryField, TensorField } from '../../wire/fields';
import { WireType } from '../../wire/wireReader';
import { parseExternalReference } from '../externalData';
import type { ReadContext } from './readContext';

/** No tensor has more axes than this; numpy stops at 64. */
const MAX_RANK = 1024;

/** Reads a TensorProto up to its elements, which are only located. */
export function readTensor(context: ReadContext, end: number, place: string): Tensor {
  return context.message(end, place, (stop, range) => {
    const { reader } = context;
    const bodyStart = reader.position;
    const dims: number[] = [];
    let name = '';
    let dataType = 0;
    let isExternal = false;
    const entries = new Map<string, string>();
    let raw: { offset: number; byteLength: number } | undefined;
    let typedField = 0;
    let typedAtMost = 0;

    while (reader.nextField(stop)) {
      switch (reader.fieldNumber) {
        case TensorField.dims:
          readInts(context, stop, 'dims', dims, MAX_RANK);
          break;
        case TensorField.data_type:
          dataType = reader.int32(stop, 'data_type');
          break;
        case TensorField.name:
          name = reader.name(stop, 'name');
          break;
        case TensorField.raw_data: {
          const last = reader.enter(stop, 'raw_data');
          raw = { offset: reader.position, byteLength: last - reader.position };
          reader.position = last;
          break;
        }
        case TensorField.float_data:
        case TensorField.int32_data:
        case TensorField.int64_data:
        case TensorField.double_data:
        case TensorField.uint64_data:
        case TensorField.string_data: {
          const field = reader.fieldNumber;
          if (reader.wireType === WireType.BYTES) {
            const last = reader.enter(stop, 'data');
            typedAtMost += field === TensorField.string_data ? 1 : (last - reader.position) / leastEntryBytes(field);
            reader.position = last;
          } else {
            reader.expect(unpackedWireType(field), 'data');
            reader.skip(stop);
            typedAtMost++;
          }
          typedField = field;
          break;
        }
        case TensorField.external_data: {
          const [key, value] = readStringEntry(context, stop, 'external_data');
          entries.set(key, value);
          break;
        }
        case TensorField.data_location:
          isExternal = reader.int32(stop, 'data_location') === 1;
          break;
        default:
          reader.skip(stop);
      }
    }
    checkDims(context, name, dims);
    const { source, external } = context.file;
    let storage: TensorStorage = { kind: 'none' };
    if (isExternal) {
      context.externalTensors++;
      const reference = parseExternalReference(name, entries);
      external.check(name, reference.location);
      storage = { kind: 'external', store: external, reference };
    } else if (raw !== undefined && (raw.byteLength > 0 || typedField === 0)) {
      storage = { kind: 'range', source, ...raw };
    } else if (typedField !== 0) {
      storage = { kind: 'typed', source, start: bodyStart, end: stop, field: typedField, atMost: typedAtMost };
    }
    return new Tensor(name, dataType as DataType, dims, storage, range());
  });
}

/** Of packed varints there can be no more than bytes; floats and doubles are counted exactly. */
function leastEntryBytes(field: number): number {
  return field === TensorField.float_data ? 4 : field === TensorField.double_data ? 8 : 1;
}

function unpackedWireType(field: number): number {
  return field === TensorField.float_data
    ? WireType.FIXED32
    : field === TensorField.double_data
      ? WireType.FIXED64
      : field === TensorField.string_data
        ? WireType.BYTES
        : WireType.VARINT;
}

function checkDims(context: ReadContext, name: string, dims: readonly number[]): void {
  const file = context.file.source.label;
  let count = 1;
  for (const d of dims) {
    if (d < 0) {
      throw badShape(file, name, `[${dims.join(', ')}] has a negative size`);
    }
    count *= d;
    // 16 bytes is the widest element; the product of the others must stay exact even if one size is zero.
    if (d > Number.MAX_SAFE_INTEGER / 16 || count > Number.MAX_SAFE_INTEGER / 16) {
      throw badShape(file, name, `[${dims.join(', ')}] has more elements than can be counted`);
    }
  }
}

/** Appends a repeated int64 field, packed or not. */
export function readInts(context: ReadContext, end: number, field: string, into: number[], most: number): void {
  const { reader } = context;
  const tooMany = (): Error => reader.damaged(reader.fieldStart, `field "${field}" has more than ${most} entries`);
  if (reader.wireType !== WireType.BYTES) {
    into.push(reader.int64(end, field));
    if (into.length > most) {
      throw tooMany();
    }
    return;
  }
  const stop = reader.enter(end, field);
  while (reader.position < stop) {
    reader.varint(stop);
    if (into.push(reader.high * 4294967296 + (reader.low >>> 0)) > most) {
      throw tooMany();
    }
  }
}

/** A StringStringEntryProto. */
export function readStringEntry(context: ReadContext, end: number, place: string): readonly [string, string] {
  return context.message(end, place, (stop) => {
    const { reader } = context;
    let key = '';
    let value = '';
    while (reader.nextField(stop)) {
      if (reader.fieldNumber === StringEntryField.key) {
        key = reader.name(stop, 'key');
      } else if (reader.fieldNumber === StringEntryField.value) {
        value = reader.text(stop, 'value');
      } else {
        reader.skip(stop);
      }
    }
    return [key, value];
  });
}

/** Reads a SparseTensorProto; its name is that of its values. */
export function readSparseTensor(context: ReadContext, end: number, place: string): SparseInitializer {
  return context.message(end, place, (stop, range) => {
    const { reader } = context;
    const dims: number[] = [];
    let values: Tensor | undefined;
    let indices: Tensor | undefined;
    while (reader.nextField(stop)) {
      switch (reader.fieldNumber) {
        case SparseTensorField.values:
          values = readTensor(context, stop, 'values');
          break;
        case SparseTensorField.indices:
          indices = readTensor(context, stop, 'indices');
          break;
        case SparseTensorField.dims:
          readInts(context, stop, 'dims', dims, MAX_RANK);
          break;
        default:
          reader.skip(stop);
      }
    }
    checkDims(context, values?.name ?? '', dims);
    const none = (name: string): Tensor => new Tensor(name, 0, [0], { kind: 'none' });
    return {
      name: values?.name ?? '',
      dims,
      values: values ?? none(''),
      indices: indices ?? none(''),
      origin: range(),
    };
  });
}
