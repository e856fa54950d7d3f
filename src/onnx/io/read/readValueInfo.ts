import type { DataType } from '../../ir/dataType';
import type { ValueInfoSeed } from '../../ir/graphSeed';
import type { Dimension, ValueType } from '../../ir/valueType';
import { DimensionField, ShapeField, TensorTypeField, TypeField, ValueInfoField } from '../../wire/fields';
import { WireType } from '../../wire/wireReader';
import type { ReadContext } from './readContext';

export function readValueInfo(context: ReadContext, end: number, place: string): ValueInfoSeed {
  return context.message(end, place, (stop, range) => {
    const { reader } = context;
    let name = '';
    let type: ValueType | undefined;
    while (reader.nextField(stop)) {
      if (reader.fieldNumber === ValueInfoField.name) {
        name = reader.name(stop, 'name');
      } else if (reader.fieldNumber === ValueInfoField.type) {
        type = context.message(stop, 'type', (typeEnd) => readType(context, typeEnd)) ?? type;
      } else {
        reader.skip(stop);
      }
    }
    return { origin: range(), name, type, isChanged: false };
  });
}

function readType(context: ReadContext, end: number): ValueType | undefined {
  const { reader } = context;
  let type: ValueType | undefined;
  while (reader.nextField(end)) {
    const field = reader.fieldNumber;
    if (field === TypeField.tensor_type) {
      type = context.message(end, 'tensor_type', (stop) => readTensorType(context, stop));
      continue;
    }
    const kind =
      field === TypeField.sequence_type
        ? 'sequence'
        : field === TypeField.map_type
          ? 'map'
          : field === TypeField.optional_type
            ? 'optional'
            : field === TypeField.sparse_tensor_type
              ? 'sparse-tensor'
              : field === TypeField.opaque_type
                ? 'opaque'
                : undefined;
    if (kind !== undefined) {
      reader.expect(WireType.BYTES, 'type');
      type = { kind };
    }
    reader.skip(end);
  }
  return type;
}

function readTensorType(context: ReadContext, end: number): ValueType {
  const { reader } = context;
  let elementType = 0;
  let shape: Dimension[] | undefined;
  while (reader.nextField(end)) {
    if (reader.fieldNumber === TensorTypeField.elem_type) {
      elementType = reader.int32(end, 'elem_type');
    } else if (reader.fieldNumber === TensorTypeField.shape) {
      const dims: Dimension[] = (shape ??= []);
      context.message(end, 'shape', (stop) => {
        while (reader.nextField(stop)) {
          if (reader.fieldNumber === ShapeField.dim) {
            dims.push(context.message(stop, 'dim', (dimEnd) => readDimension(context, dimEnd)));
          } else {
            reader.skip(stop);
          }
        }
      });
    } else {
      reader.skip(end);
    }
  }
  return { kind: 'tensor', elementType: elementType as DataType, shape };
}

/** Some exporters write -1 or an empty name for a size they do not know. */
function readDimension(context: ReadContext, end: number): Dimension {
  const { reader } = context;
  let dimension: Dimension;
  while (reader.nextField(end)) {
    if (reader.fieldNumber === DimensionField.dim_value) {
      const size = reader.int64(end, 'dim_value');
      dimension = size < 0 ? undefined : size;
    } else if (reader.fieldNumber === DimensionField.dim_param) {
      const name = reader.name(end, 'dim_param');
      dimension = name === '' ? undefined : name;
    } else {
      reader.skip(end);
    }
  }
  return dimension;
}
