import type { Tensor as EngineTensor } from 'onnxruntime-node';
import type { TensorArray, TensorData } from '../analysis';
import { DataType, dataTypeName } from '../onnx';
import type { Engine } from './loadEngine';

/** The engine's word for each element type it can pass in and out. */
const ENGINE_TYPES = [
  ['float32', DataType.FLOAT],
  ['uint8', DataType.UINT8],
  ['int8', DataType.INT8],
  ['uint16', DataType.UINT16],
  ['int16', DataType.INT16],
  ['int32', DataType.INT32],
  ['int64', DataType.INT64],
  ['string', DataType.STRING],
  ['bool', DataType.BOOL],
  ['float16', DataType.FLOAT16],
  ['float64', DataType.DOUBLE],
  ['uint32', DataType.UINT32],
  ['uint64', DataType.UINT64],
  ['uint4', DataType.UINT4],
  ['int4', DataType.INT4],
] as const satisfies readonly (readonly [EngineTensor.Type, DataType])[];

const toDataType = new Map<string, DataType>(ENGINE_TYPES);
const toEngineType = new Map<DataType, EngineTensor.Type>(ENGINE_TYPES.map(([name, type]) => [type, name]));

/** Undefined for a type the engine's JavaScript face does not know. */
export function dataTypeOf(engineType: string): DataType | undefined {
  return toDataType.get(engineType);
}

/**
 * Wraps the array without copying. Throws Error (one sentence) when the element type cannot be passed, or when array and
 * type or shape disagree.
 */
export function toEngineTensor(engine: Engine, tensor: TensorData): EngineTensor {
  const type = toEngineType.get(tensor.type);
  if (type === undefined || type === 'int4' || type === 'uint4') {
    throw new Error(`${dataTypeName(tensor.type)} tensors cannot be passed to ONNX Runtime from JavaScript`);
  }
  const expected = tensor.dims.reduce((product, dim) => product * dim, 1);
  if (expected !== tensor.data.length) {
    throw new Error(`shape [${tensor.dims.join(', ')}] has ${expected} elements, the data ${tensor.data.length}`);
  }
  // The constructor's overloads pair each type name with its array; here both are values, so one signature stands for all.
  const Constructor = engine.Tensor as unknown as new (
    type: string,
    data: TensorArray,
    dims: readonly number[],
  ) => EngineTensor;
  return new Constructor(type, tensor.data, tensor.dims);
}

/** Takes over the array of a CPU tensor. float16 becomes its bit patterns on engines that have a Float16Array. */
export function fromEngineTensor(tensor: EngineTensor): TensorData {
  const type = toDataType.get(tensor.type);
  if (type === undefined) {
    throw new Error(`element type ${tensor.type} is not supported`);
  }
  const data = tensor.data as unknown as TensorArray;
  if (type === DataType.FLOAT16 && !(data instanceof Uint16Array)) {
    const half = data as unknown as { buffer: ArrayBuffer; byteOffset: number; length: number };
    return { type, dims: [...tensor.dims], data: new Uint16Array(half.buffer, half.byteOffset, half.length) };
  }
  return { type, dims: [...tensor.dims], data };
}
