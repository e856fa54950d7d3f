import type { TensorArray } from '../../analysis';
import { DataType, dataTypeName } from '../../onnx';
import type { Preprocess } from '../recipe/recipe';
import { halfBits, isFloatElement, type ElementType, type Numbers } from './elementType';
import { badPreprocess, wrongType } from './errors';
import { channelAxis } from './inputShape';

/** Turns decoded rows into the elements of a model input. */
export type RowConverter = (rows: Numbers) => TensorArray;

const integerRanges: Partial<Record<DataType, readonly [number, number]>> = {
  [DataType.BOOL]: [0, 1],
  [DataType.INT8]: [-128, 127],
  [DataType.UINT8]: [0, 255],
  [DataType.INT16]: [-32768, 32767],
  [DataType.UINT16]: [0, 65535],
  [DataType.INT32]: [-2147483648, 2147483647],
  [DataType.UINT32]: [0, 4294967295],
  [DataType.INT64]: [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  [DataType.UINT64]: [0, Number.MAX_SAFE_INTEGER],
};

/**
 * Converter for one input. Inputs of floating type take any numbers, with x' = (x · scale − mean[c]) / std[c] computed in
 * double; integer inputs take integers within their range, unchanged.
 * Throws `data/type` and `data/preprocess`.
 */
export function rowConverter(
  where: string,
  stored: ElementType,
  input: { readonly name: string; readonly type: DataType | undefined },
  sampleShape: readonly number[],
  preprocess: Preprocess,
): RowConverter {
  const type = input.type ?? DataType.FLOAT;
  switch (type) {
    case DataType.FLOAT:
      return floatConverter(stored, sampleShape, preprocess, (n) => new Float32Array(n));
    case DataType.DOUBLE:
      return floatConverter(stored, sampleShape, preprocess, (n) => new Float64Array(n));
    case DataType.FLOAT16: {
      const convert = floatConverter(stored, sampleShape, preprocess, (n) => new Float32Array(n));
      return (rows) => Uint16Array.from(convert(rows), halfBits);
    }
    default:
      return integerConverter(where, stored, input.name, type);
  }
}

function floatConverter(
  stored: ElementType,
  sampleShape: readonly number[],
  { scale, mean, std }: Preprocess,
  allocate: (length: number) => Float32Array | Float64Array,
): (rows: Numbers) => Float32Array | Float64Array {
  const axis = channelAxis(sampleShape);
  const channels = sampleShape[axis] ?? 1;
  for (const [name, values] of [
    ['mean', mean],
    ['std', std],
  ] as const) {
    if (values.length !== 1 && values.length !== channels) {
      throw badPreprocess(`${name} has ${values.length} values, and the input has ${channels} channels`);
    }
  }
  const parameters = Math.max(mean.length, std.length);
  const offset = Array.from({ length: parameters }, (_, c) => mean[mean.length === 1 ? 0 : c]!);
  const divisor = Array.from({ length: parameters }, (_, c) => std[std.length === 1 ? 0 : c]!);
  // Elements that share a channel before the next one begins.
  const run = sampleShape.slice(axis + 1).reduce((product, d) => product * d, 1);
  const isIdentity = scale === 1 && offset.every((m) => m === 0) && divisor.every((s) => s === 1);
  // For bytes every result is one of 256 per channel.
  const table =
    stored === 'uint8' || stored === 'bool'
      ? Float64Array.from({ length: 256 * parameters }, (_, i) => {
          const c = i >> 8;
          return ((i & 255) * scale - offset[c]!) / divisor[c]!;
        })
      : undefined;
  return (rows) => {
    const out = allocate(rows.length);
    if (isIdentity) {
      out.set(rows);
      return out;
    }
    for (let start = 0, c = 0; start < rows.length; start += run, c = c + 1 === parameters ? 0 : c + 1) {
      const end = Math.min(start + run, rows.length);
      if (table !== undefined) {
        for (let i = start; i < end; i++) {
          out[i] = table[c * 256 + rows[i]!]!;
        }
      } else {
        const [m, s] = [offset[c]!, divisor[c]!];
        for (let i = start; i < end; i++) {
          out[i] = (rows[i]! * scale - m) / s;
        }
      }
    }
    return out;
  };
}

function integerConverter(where: string, stored: ElementType, input: string, type: DataType): RowConverter {
  const range = integerRanges[type];
  if (range === undefined) {
    throw wrongType(
      where,
      `the model input ${JSON.stringify(input)} is ${dataTypeName(type)}, which Lathe cannot feed`,
    );
  }
  if (isFloatElement(stored)) {
    throw wrongType(
      where,
      `it is ${stored}, and the model input ${JSON.stringify(input)} takes ${dataTypeName(type)}. Store it as integers`,
    );
  }
  const [least, most] = range;
  return (rows) => {
    for (const value of rows) {
      if (value < least || value > most) {
        throw wrongType(
          where,
          `it holds ${value}, which ${dataTypeName(type)} cannot (model input ${JSON.stringify(input)})`,
        );
      }
    }
    return toIntegers(rows, type);
  };
}

function toIntegers(rows: Numbers, type: DataType): TensorArray {
  switch (type) {
    case DataType.INT64:
      return BigInt64Array.from(rows as Float64Array, BigInt);
    case DataType.UINT64:
      return BigUint64Array.from(rows as Float64Array, BigInt);
    case DataType.INT8:
      return Int8Array.from(rows);
    case DataType.INT16:
      return Int16Array.from(rows);
    case DataType.UINT16:
      return Uint16Array.from(rows);
    case DataType.INT32:
      return Int32Array.from(rows);
    case DataType.UINT32:
      return Uint32Array.from(rows);
    default:
      return Uint8Array.from(rows);
  }
}
