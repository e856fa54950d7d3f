import { seededNormal } from '../../../src/base/random';
import { DataType, Tensor, type NodeSpec, type ValueSpec } from '../../../src/onnx';

export function floatsOf(name: string, dims: readonly number[], seed = 1): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return Tensor.fromFloat32(name, dims, Float32Array.from({ length: count }, seededNormal(seed)));
}

export function int64s(name: string, values: readonly number[]): Tensor {
  return Tensor.fromIntegers(name, DataType.INT64, [values.length], values);
}

export function input(name: string, shape: readonly (number | string)[], type: DataType = DataType.FLOAT): ValueSpec {
  return { name, type, shape };
}

export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: NodeSpec['attributes'] = {},
  name = `${opType}_${outputs[0] ?? ''}`,
): NodeSpec {
  return { opType, name, inputs, outputs, attributes };
}
