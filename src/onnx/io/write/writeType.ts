import type { TensorType } from '../../ir/valueType';
import type { FieldItem } from '../../wire/editMessage';
import { FieldWriter } from '../../wire/fieldWriter';
import { DimensionField, ShapeField, TensorTypeField, TypeField, ValueInfoField } from '../../wire/fields';

/** Appends the type of a ValueInfoProto. */
export function typeField(writer: FieldWriter, type: TensorType): void {
  const tensor = new FieldWriter().int64(TensorTypeField.elem_type, type.elementType);
  if (type.shape !== undefined) {
    const shape = new FieldWriter();
    for (const dimension of type.shape) {
      const dim = new FieldWriter();
      if (typeof dimension === 'number') {
        dim.int64(DimensionField.dim_value, dimension);
      } else if (dimension !== undefined) {
        dim.text(DimensionField.dim_param, dimension);
      }
      shape.message(ShapeField.dim, dim);
    }
    tensor.message(TensorTypeField.shape, shape);
  }
  writer.message(ValueInfoField.type, new FieldWriter().message(TypeField.tensor_type, tensor));
}

export function typeItem(type: TensorType): FieldItem {
  return {
    write: (out) => {
      const writer = new FieldWriter();
      typeField(writer, type);
      out.append(writer.out);
    },
  };
}
