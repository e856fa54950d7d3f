import { create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProto_DataLocation } from 'onnx-buf';

/** Models written by a protobuf implementation and schema that are not Lathe's. */
export interface ProtoModelSpec {
  readonly opset?: number;
  readonly ir?: number;
  readonly inputs: readonly ProtoValue[];
  readonly outputs: readonly ProtoValue[];
  readonly initializers?: readonly ProtoTensor[];
  readonly nodes: readonly ProtoNode[];
}
export interface ProtoValue {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly (number | string)[];
}
export interface ProtoTensor {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly number[];
  readonly bytes?: Uint8Array;
  readonly external?: string;
}
export interface ProtoNode {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly ints?: Readonly<Record<string, number>>;
}

export function protoModel(spec: ProtoModelSpec): Uint8Array {
  const value = ({ name, type, shape }: ProtoValue) => ({
    name,
    type: {
      value: {
        case: 'tensorType' as const,
        value: {
          elemType: type,
          shape: {
            dim: shape.map((d) => ({
              value:
                typeof d === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(d) }
                  : { case: 'dimParam' as const, value: d },
            })),
          },
        },
      },
    },
  });
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(spec.ir ?? 8),
      opsetImport: [{ domain: '', version: BigInt(spec.opset ?? 17) }],
      graph: {
        name: 'g',
        input: spec.inputs.map(value),
        output: spec.outputs.map(value),
        initializer: (spec.initializers ?? []).map((t) => ({
          name: t.name,
          dataType: t.type,
          dims: t.dims.map(BigInt),
          ...(t.bytes === undefined ? {} : { rawData: new Uint8Array(t.bytes) }),
          ...(t.external === undefined
            ? {}
            : {
                dataLocation: TensorProto_DataLocation.EXTERNAL,
                externalData: [{ key: 'location', value: t.external }],
              }),
        })),
        node: spec.nodes.map((n) => ({
          opType: n.op,
          domain: n.domain ?? '',
          input: [...n.inputs],
          output: [...n.outputs],
          attribute: Object.entries(n.ints ?? {}).map(([name, i]) => ({ name, type: 2, i: BigInt(i) })),
        })),
      },
    }),
  );
}

export function floatBytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
