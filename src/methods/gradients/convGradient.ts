import type { Node, Value } from '../../onnx';
import type { GradientWriter } from './gradientWriter';

/**
 * Gradient of a convolution with constant weights with respect to what it reads. With a stride of 1 it is a convolution with
 * the kernels turned round and channels swapped, for which the runtime has its fast paths; else a transposed convolution.
 * Undefined for what exporters do not write: padding by name, shapes that are not known.
 */
export function convInputGradient(node: Node, gradient: Value, g: GradientWriter): Value | undefined {
  const [input, weights] = node.inputs;
  const tensor = weights?.constant();
  const spatial = input && g.shapeOf(input)?.slice(2);
  const given = node.outputs[0] && g.shapeOf(node.outputs[0])?.slice(2);
  if (
    tensor === undefined ||
    spatial === undefined ||
    given === undefined ||
    node.string('auto_pad', 'NOTSET') !== 'NOTSET'
  ) {
    return undefined;
  }
  const kernel = tensor.dims.slice(2);
  const ones = kernel.map(() => 1);
  const strides = node.ints('strides') ?? ones;
  const dilations = node.ints('dilations') ?? ones;
  const pads = node.ints('pads') ?? [...ones, ...ones].map(() => 0);
  const group = node.int('group', 1);
  const reach = kernel.map((size, axis) => dilations[axis]! * (size - 1));
  const back = pads.map((pad, i) => reach[i % kernel.length]! - pad);
  if (strides.every((stride) => stride === 1) && back.every((pad) => pad >= 0)) {
    const [outputs, inputs] = [tensor.dims[0]!, tensor.dims[1]! * group];
    const turned = turnedKernels(tensor.toFloat32(), outputs, inputs, group, kernel);
    const constant = g.constant(`${weights!.name}_turned`, [inputs, outputs / group, ...kernel], turned);
    return g.op('Conv', [gradient, constant], { dilations, group, pads: back, strides });
  }
  const output_padding = spatial.map((size, axis) => {
    const covered = (Number(given[axis]) - 1) * strides[axis]! + reach[axis]! + 1;
    return Number(size) + pads[axis]! + pads[axis + kernel.length]! - covered;
  });
  if (!output_padding.every((size, axis) => size >= 0 && size < strides[axis]!)) {
    return undefined;
  }
  return g.op('ConvTranspose', [gradient, weights], { dilations, group, pads, strides, output_padding });
}

/** The same of a transposed convolution: its own weights, convolved with. */
export function transposedConvInputGradient(node: Node, gradient: Value, g: GradientWriter): Value | undefined {
  const weights = node.inputs[1];
  if (
    weights?.constant() === undefined ||
    node.string('auto_pad', 'NOTSET') !== 'NOTSET' ||
    node.ints('output_shape')
  ) {
    return undefined;
  }
  const kept = ['dilations', 'pads', 'strides'].flatMap((name) => {
    const values = node.ints(name);
    return values === undefined ? [] : [[name, values] as const];
  });
  return g.op('Conv', [gradient, weights], { ...Object.fromEntries(kept), group: node.int('group', 1) });
}

/** [outputs, inputs / group, …kernel] to [inputs, outputs / group, …kernel], every kernel back to front. */
function turnedKernels(
  weights: Float32Array,
  outputs: number,
  inputs: number,
  group: number,
  kernel: readonly number[],
): Float32Array {
  const size = kernel.reduce((a, b) => a * b, 1);
  const [rows, columns] = [outputs / group, inputs / group];
  const turned = new Float32Array(weights.length);
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor(o / rows) * columns;
    for (let i = 0; i < columns; i++) {
      const from = (o * columns + i) * size;
      const to = ((first + i) * rows + (o % rows)) * size;
      for (let k = 0; k < size; k++) {
        turned[to + k] = weights[from + size - 1 - k]!;
      }
    }
  }
  return turned;
}
