import type { TensorData } from '../analysis';
import { invariant } from '../base/errors';
import { float16ToFloat32, float32ToFloat16 } from '../kernels';
import { DataType, dataTypeName } from '../onnx';

/** Whether {@link floatValues} can read tensors of this element type. */
export function isFloatType(type: DataType): boolean {
  return type === DataType.FLOAT || type === DataType.DOUBLE || type === DataType.FLOAT16;
}

/** Whether {@link floatValues} can read the tensor. */
export function isFloatTensor(tensor: TensorData): boolean {
  return isFloatType(tensor.type);
}

/** Values of a floating tensor as float32; float32 data is returned as it is, not copied. */
export function floatValues(tensor: TensorData): Float32Array {
  const { data } = tensor;
  if (data instanceof Float32Array) {
    return data;
  }
  if (data instanceof Float64Array) {
    return Float32Array.from(data);
  }
  invariant(
    data instanceof Uint16Array && tensor.type === DataType.FLOAT16,
    `a tensor of type ${dataTypeName(tensor.type)} was taken for float`,
  );
  const values = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    values[i] = float16ToFloat32(data[i]!);
  }
  return values;
}

/** Float32 values in the element type that the network wants. */
export function floatTensorData(type: DataType, dims: readonly number[], values: Float32Array): TensorData {
  switch (type) {
    case DataType.FLOAT:
      return { type, dims, data: values };
    case DataType.DOUBLE:
      return { type, dims, data: Float64Array.from(values) };
    case DataType.FLOAT16: {
      const data = new Uint16Array(values.length);
      for (let i = 0; i < values.length; i++) {
        data[i] = float32ToFloat16(values[i]!);
      }
      return { type, dims, data };
    }
    default:
      throw new Error(`Internal error: ${dataTypeName(type)} is no floating type that networks run in`);
  }
}
