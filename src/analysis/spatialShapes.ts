import type { Dimension, Node } from '../onnx';
import type { NodeFacts } from './shapeRules';

type Shape = readonly Dimension[];

/** [N, Cout, spatial…] of a convolution. */
export function convOutput(node: Node, input: Shape | undefined, weight: Shape | undefined): Shape | undefined {
  const kernel = node.ints('kernel_shape') ?? weight?.slice(2);
  if (input === undefined || kernel === undefined) {
    return undefined;
  }
  return [input[0], weight?.[0], ...windows(node, input.slice(2), kernel, false)];
}

/** [N, C, spatial…] of a pooling. */
export function poolOutput(node: Node, input: Shape | undefined): Shape | undefined {
  const kernel = node.ints('kernel_shape');
  if (input === undefined || kernel === undefined) {
    return undefined;
  }
  return [input[0], input[1], ...windows(node, input.slice(2), kernel, node.int('ceil_mode', 0) !== 0)];
}

function windows(node: Node, sizes: Shape, kernel: Shape, ceil: boolean): Dimension[] {
  const strides = node.ints('strides');
  const dilations = node.ints('dilations');
  const pads = node.ints('pads');
  const auto = node.string('auto_pad', 'NOTSET');
  return sizes.map((size, i) => {
    const window = kernel[i];
    const stride = strides?.[i] ?? 1;
    if (typeof size !== 'number' || typeof window !== 'number') {
      return undefined;
    }
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      return Math.ceil(size / stride);
    }
    const extent = (window - 1) * (dilations?.[i] ?? 1) + 1;
    const before = pads?.[i] ?? 0;
    const padded = auto === 'VALID' ? size : size + before + (pads?.[i + sizes.length] ?? 0);
    const steps = (padded - extent) / stride;
    let count = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that would begin in the padding behind the input is dropped.
    if (ceil && (count - 1) * stride >= size + before) {
      count--;
    }
    return Math.max(0, count);
  });
}

/** [N, Cout, spatial…] of a ConvTranspose. */
export function transposeConvOutput(
  node: Node,
  input: Shape | undefined,
  weight: Shape | undefined,
): Shape | undefined {
  const kernel = node.ints('kernel_shape') ?? weight?.slice(2);
  if (input === undefined || kernel === undefined) {
    return undefined;
  }
  const perGroup = weight?.[1];
  const channels = typeof perGroup === 'number' ? perGroup * node.int('group', 1) : undefined;
  const strides = node.ints('strides');
  const dilations = node.ints('dilations');
  const pads = node.ints('pads');
  const stated = node.ints('output_shape');
  const extra = node.ints('output_padding');
  const auto = node.string('auto_pad', 'NOTSET');
  const sizes = input.slice(2);
  const spatial = sizes.map((size, i) => {
    if (stated !== undefined) {
      return stated[stated.length - sizes.length + i];
    }
    const window = kernel[i];
    const stride = strides?.[i] ?? 1;
    if (typeof size !== 'number' || typeof window !== 'number') {
      return undefined;
    }
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      return size * stride;
    }
    const cut = auto === 'VALID' ? 0 : (pads?.[i] ?? 0) + (pads?.[i + sizes.length] ?? 0);
    return stride * (size - 1) + (extra?.[i] ?? 0) + (window - 1) * (dilations?.[i] ?? 1) + 1 - cut;
  });
  return [input[0], channels, ...spatial];
}

/** Resize and Upsample by constant scales or to constant sizes. */
export function resizedOutput(facts: NodeFacts, scalesInput: number): Shape | undefined {
  const input = facts.shape(0);
  const sizes = facts.node.opType === 'Resize' ? facts.contents(3) : undefined;
  const axes = facts.node.ints('axes') ?? input?.map((_, i) => i);
  const stated = facts.node.attributes.get('scales');
  const scales = stated?.type === 'FLOATS' ? stated.value : facts.floats(scalesInput);
  if (input === undefined || axes === undefined) {
    return undefined;
  }
  const plain = facts.node.string('keep_aspect_ratio_policy', 'stretch') === 'stretch';
  const dims: Dimension[] = [...input];
  axes.forEach((axis, i) => {
    const at = axis < 0 ? axis + input.length : axis;
    const size = input[at];
    const scale = scales?.[i];
    if (sizes !== undefined && sizes.length > 0) {
      dims[at] = plain ? (sizes[i] === size ? size : sizes[i]) : undefined;
    } else if (scale === 1) {
      dims[at] = size;
    } else {
      dims[at] = typeof size === 'number' && scale !== undefined ? Math.floor(size * scale) : undefined;
    }
  });
  return dims;
}
