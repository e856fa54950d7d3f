import { toBfloat16Into, toFloat16Into } from '../kernels';
import { DataType, Tensor } from '../onnx';

const LARGEST: Readonly<Partial<Record<DataType, number>>> = {
  [DataType.FLOAT16]: 65504,
  [DataType.BFLOAT16]: 3.3895313892515355e38,
  [DataType.FLOAT]: 3.4028234663852886e38,
  [DataType.DOUBLE]: Number.MAX_VALUE,
};

export function isFloatType(type: DataType): boolean {
  return LARGEST[type] !== undefined;
}

/** True when a finite value would turn infinite in the type. */
export function overflows(type: DataType, values: Float64Array): boolean {
  const largest = LARGEST[type] ?? 0;
  // Values within half a step above the largest round down to it; treating them as overflow errs on the safe side.
  return values.some((v) => Math.abs(v) > largest && Number.isFinite(v));
}

/** Rounds float64 values once into a tensor of a floating type. */
export function floatTensor(name: string, type: DataType, dims: readonly number[], values: Float64Array): Tensor {
  switch (type) {
    case DataType.DOUBLE:
      return Tensor.fromBytes(name, type, dims, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    case DataType.FLOAT16: {
      const bits = new Uint16Array(values.length);
      toFloat16Into(values, 0, values.length, bits, 0);
      return Tensor.fromBytes(name, type, dims, new Uint8Array(bits.buffer));
    }
    case DataType.BFLOAT16: {
      const bits = new Uint16Array(values.length);
      toBfloat16Into(values, 0, values.length, bits, 0);
      return Tensor.fromBytes(name, type, dims, new Uint8Array(bits.buffer));
    }
    case DataType.FLOAT:
      return Tensor.fromFloat32(name, dims, Float32Array.from(values));
    default:
      throw new Error(`Internal error: ${type} is no floating type`);
  }
}
