import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, ModelProtoSchema, TensorProto_DataLocation, type ModelProto } from 'onnx-buf';

/** A model in the terms of a second, independent protobuf implementation. */
export type ModelInit = Extract<MessageInitShape<typeof ModelProtoSchema>, { $typeName?: never }>;

export type GraphInit = Extract<NonNullable<ModelInit['graph']>, { $typeName?: never }>;
export type TensorInit = Extract<NonNullable<GraphInit['initializer']>[number], { $typeName?: never }>;

export const AttributeType = AttributeProto_AttributeType;
export const EXTERNAL = TensorProto_DataLocation.EXTERNAL;

/** Encodes a model with onnx-buf; IR version 8 and opset 17 unless given. */
export function encodeModel(init: ModelInit): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ version: 17n }], ...init }),
  );
}

export function decodeModel(bytes: Uint8Array): ModelProto {
  // A plain array: of a Buffer, byte fields would be Buffers, whose slice is a view.
  return fromBinary(ModelProtoSchema, Uint8Array.from(bytes));
}

/** A ValueInfoProto of a tensor; element type float32 unless given. */
export function valueInfo(name: string, dims: readonly (number | string)[], elemType = 1) {
  return {
    name,
    type: {
      value: {
        case: 'tensorType' as const,
        value: {
          elemType,
          shape: {
            dim: dims.map((d) => ({
              value:
                typeof d === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(d) }
                  : { case: 'dimParam' as const, value: d },
            })),
          },
        },
      },
    },
  };
}

/** A float32 TensorProto with raw data. */
export function floatTensor(name: string, dims: readonly number[], values: readonly number[]) {
  return { name, dataType: 1, dims: dims.map(BigInt), rawData: new Uint8Array(Float32Array.from(values).buffer) };
}

export function int64Tensor(name: string, dims: readonly number[], values: readonly number[]) {
  return {
    name,
    dataType: 7,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  };
}
