import { Tensor } from '../../src/onnx';

/** Elements first, first + step, … : the same on every machine, unlike draws that pass through a logarithm. */
export function ramp(name: string, dims: readonly number[], first = 0.5, step = 0.25): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return Tensor.fromFloat32(name, dims, Float32Array.from({ length: count }, (_, i) => first + step * i));
}

/** Parameters of a batch norm over `channels`, named `name`.scale and so on. */
export function normParameters(name: string, channels: number): Tensor[] {
  return [
    ramp(`${name}.scale`, [channels], 1, 0.5),
    ramp(`${name}.bias`, [channels], -0.5, 0.25),
    ramp(`${name}.mean`, [channels], 0, 0.125),
    ramp(`${name}.var`, [channels], 1, 1),
  ];
}
