/** Element types, under the names and numbers of `TensorProto.DataType`. */
export const DataType = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
  FLOAT8E8M0: 24,
  UINT2: 25,
  INT2: 26,
} as const;
export type DataType = (typeof DataType)[keyof typeof DataType];

interface DataTypeFacts {
  readonly name: string;
  /** Width of one element; undefined for strings and for types this version does not know. */
  readonly bits: number | undefined;
  /** Range of codes, for integer types of up to 32 bits. */
  readonly range?: readonly [number, number];
}

const facts: Readonly<Record<DataType, DataTypeFacts>> = {
  [DataType.UNDEFINED]: { name: 'undefined', bits: undefined },
  [DataType.FLOAT]: { name: 'float32', bits: 32 },
  [DataType.UINT8]: { name: 'uint8', bits: 8, range: [0, 255] },
  [DataType.INT8]: { name: 'int8', bits: 8, range: [-128, 127] },
  [DataType.UINT16]: { name: 'uint16', bits: 16, range: [0, 65535] },
  [DataType.INT16]: { name: 'int16', bits: 16, range: [-32768, 32767] },
  [DataType.INT32]: { name: 'int32', bits: 32, range: [-2147483648, 2147483647] },
  [DataType.INT64]: { name: 'int64', bits: 64 },
  [DataType.STRING]: { name: 'string', bits: undefined },
  [DataType.BOOL]: { name: 'bool', bits: 8, range: [0, 1] },
  [DataType.FLOAT16]: { name: 'float16', bits: 16 },
  [DataType.DOUBLE]: { name: 'float64', bits: 64 },
  [DataType.UINT32]: { name: 'uint32', bits: 32, range: [0, 4294967295] },
  [DataType.UINT64]: { name: 'uint64', bits: 64 },
  [DataType.COMPLEX64]: { name: 'complex64', bits: 64 },
  [DataType.COMPLEX128]: { name: 'complex128', bits: 128 },
  [DataType.BFLOAT16]: { name: 'bfloat16', bits: 16 },
  [DataType.FLOAT8E4M3FN]: { name: 'float8e4m3fn', bits: 8 },
  [DataType.FLOAT8E4M3FNUZ]: { name: 'float8e4m3fnuz', bits: 8 },
  [DataType.FLOAT8E5M2]: { name: 'float8e5m2', bits: 8 },
  [DataType.FLOAT8E5M2FNUZ]: { name: 'float8e5m2fnuz', bits: 8 },
  [DataType.UINT4]: { name: 'uint4', bits: 4, range: [0, 15] },
  [DataType.INT4]: { name: 'int4', bits: 4, range: [-8, 7] },
  [DataType.FLOAT4E2M1]: { name: 'float4e2m1', bits: 4 },
  [DataType.FLOAT8E8M0]: { name: 'float8e8m0', bits: 8 },
  [DataType.UINT2]: { name: 'uint2', bits: 2, range: [0, 3] },
  [DataType.INT2]: { name: 'int2', bits: 2, range: [-2, 1] },
};

/** A model may name a type newer than this table, hence the lookup that can fail. */
function factsOf(type: DataType): DataTypeFacts | undefined {
  return (facts as Partial<Record<DataType, DataTypeFacts>>)[type];
}

/** The name people read: "float32", "int8", "bfloat16". */
export function dataTypeName(type: DataType): string {
  return factsOf(type)?.name ?? `type ${type}`;
}

/** Width of one element in bits; undefined for strings and types this version does not know. */
export function elementBits(type: DataType): number | undefined {
  return factsOf(type)?.bits;
}

/** Lowest and highest code of an integer type of up to 32 bits (and bool); undefined for all other types. */
export function integerRange(type: DataType): readonly [number, number] | undefined {
  return factsOf(type)?.range;
}

/** True for the signed and unsigned integer types, not for bool. */
export function isIntegerType(type: DataType): boolean {
  return (
    (factsOf(type)?.range !== undefined && type !== DataType.BOOL) ||
    type === DataType.INT64 ||
    type === DataType.UINT64
  );
}

/**
 * Bytes of `elements` elements stored densely. 4- and 2-bit types are packed over the flattened tensor, so rows need not
 * start at a byte. 0 for strings and unknown types.
 */
export function packedByteLength(type: DataType, elements: number): number {
  return Math.ceil(((elementBits(type) ?? 0) * elements) / 8);
}

/** Operator set of the ONNX standard; "ai.onnx" is the same domain and is normalised to this. */
export const ONNX_DOMAIN = '';
/** Contributed operators of ONNX Runtime. */
export const MICROSOFT_DOMAIN = 'com.microsoft';

export function normalizeDomain(domain: string): string {
  return domain === 'ai.onnx' ? ONNX_DOMAIN : domain;
}
