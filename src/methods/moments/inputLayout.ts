import type { Layer } from '../../analysis';
import { convColumnsInto, convTransposeColumnsInto, matrixColumnsInto, type ConvGeometry } from '../../kernels';

/**
 * How the input of a layer falls into columns: a column is what one output element is a dot product with, in the order of
 * `weightAsMatrix`'s rows.
 */
export interface InputLayout {
  /** Elements of one column (n): weight elements of one output channel. */
  readonly size: number;
  /** Sets of output channels that see different columns (convolution groups). */
  readonly groups: number;
  /** Layers that read the same value and have equal keys see the same columns. */
  readonly key: string;
  /** How to read columns out of an input of the given shape; undefined when the shape does not fit the layer. */
  readonly read: (dims: readonly number[]) => InputColumns | undefined;
}

export interface InputColumns {
  readonly samples: number;
  /** Output positions of one sample. */
  readonly positions: number;
  /** The positions are whole samples, or tokens of flattened samples (rows of a matrix). */
  readonly rowsAreSamples: boolean;
  /** Writes the columns at `positions` as [size, count] into `out`, rows `stride` apart. */
  columnsInto(
    data: Float32Array,
    sample: number,
    group: number,
    positions: Int32Array,
    count: number,
    out: Float64Array,
    outOffset: number,
    stride: number,
  ): void;
}

type Triple<T> = readonly [T, T, T];

/**
 * The layout of a layer's input columns; undefined for kinds that have none (embeddings, recurrent layers, batched constants).
 * An `auto_pad` of SAME or an `output_shape` of ConvTranspose shows only when a shape is read.
 */
export function inputLayout(layer: Layer): InputLayout | undefined {
  const { shape } = layer.weight;
  const { node } = layer;
  switch (layer.kind) {
    case 'Conv':
    case 'ConvTranspose': {
      const spatial = shape.length - 2;
      if (spatial < 1 || spatial > 3) {
        return undefined;
      }
      const transposed = layer.kind === 'ConvTranspose';
      const perGroup = transposed ? shape[0]! / layer.groups : shape[1]!;
      const size = perGroup * shape.slice(2).reduce((a, b) => a * b, 1);
      const names = ['strides', 'dilations', 'pads', 'output_padding', 'output_shape'];
      const geometry = names.map((name) => node.ints(name) ?? '');
      const key = [layer.kind, node.string('auto_pad', 'NOTSET'), layer.groups, perGroup, shape.slice(2), ...geometry];
      return { size, groups: layer.groups, key: key.join('/'), read: (dims) => convInput(layer, dims, transposed) };
    }
    case 'Gemm':
    case 'MatMul': {
      if (shape.length !== 2) {
        return undefined;
      }
      const size = shape[layer.weight.inAxis]!;
      const key = `matrix/${size}/${readsRows(layer) ? 'rows' : 'columns'}`;
      return { size, groups: 1, key, read: (dims) => matrixInput(layer, dims) };
    }
    default:
      return undefined;
  }
}

function convInput(layer: Layer, dims: readonly number[], transposed: boolean): InputColumns | undefined {
  const { node } = layer;
  const kernel = layer.weight.shape.slice(2);
  const spatial = kernel.length;
  if (dims.length !== spatial + 2) {
    return undefined;
  }
  const channels = dims[1]!;
  const input = dims.slice(2);
  const strides = node.ints('strides') ?? kernel.map(() => 1);
  const dilations = node.ints('dilations') ?? kernel.map(() => 1);
  const padding = paddingOf(layer, input, kernel, strides, dilations, transposed);
  if (padding === undefined) {
    return undefined;
  }
  const geometry: ConvGeometry = {
    channels,
    groups: layer.groups,
    inputSize: padded(input, 1),
    kernel: padded(kernel, 1),
    strides: padded(strides, 1),
    dilations: padded(dilations, 1),
    padsBegin: padded(padding.begin, 0),
    outputSize: padded(padding.output, 1),
  };
  const volume = channels * input.reduce((a, b) => a * b, 1);
  const columns = transposed ? convTransposeColumnsInto : convColumnsInto;
  return {
    samples: dims[0]!,
    positions: padding.output.reduce((a, b) => a * b, 1),
    rowsAreSamples: false,
    columnsInto: (data, sample, group, positions, count, out, outOffset, stride) => {
      columns(data, sample * volume, geometry, group, positions, count, out, outOffset, stride);
    },
  };
}

/** Leading dimensions of size `fill` up to three. */
function padded(values: readonly number[], fill: number): Triple<number> {
  const [a, b, c] = [...Array<number>(3 - values.length).fill(fill), ...values];
  return [a!, b!, c!];
}

/** Padding in front and output size along each spatial axis (ONNX Conv and ConvTranspose). */
function paddingOf(
  layer: Layer,
  input: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
  transposed: boolean,
): { readonly begin: readonly number[]; readonly output: readonly number[] } | undefined {
  const { node } = layer;
  const automatic = node.string('auto_pad', 'NOTSET');
  const pads = node.ints('pads') ?? Array<number>(2 * kernel.length).fill(0);
  const extra = node.ints('output_padding') ?? kernel.map(() => 0);
  const wantedOutput = node.ints('output_shape');
  const begin: number[] = [];
  const output: number[] = [];
  for (let i = 0; i < kernel.length; i++) {
    const reach = dilations[i]! * (kernel[i]! - 1) + 1;
    const stride = strides[i]!;
    if (transposed) {
      if (automatic.startsWith('SAME') || wantedOutput !== undefined) {
        return undefined;
      }
      const before = automatic === 'VALID' ? 0 : pads[i]!;
      const after = automatic === 'VALID' ? 0 : pads[i + kernel.length]!;
      begin.push(before);
      output.push(stride * (input[i]! - 1) + extra[i]! + reach - before - after);
    } else if (automatic.startsWith('SAME')) {
      const size = Math.ceil(input[i]! / stride);
      const total = Math.max(0, (size - 1) * stride + reach - input[i]!);
      begin.push(automatic === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2));
      output.push(size);
    } else {
      const before = automatic === 'VALID' ? 0 : pads[i]!;
      const after = automatic === 'VALID' ? 0 : pads[i + kernel.length]!;
      begin.push(before);
      output.push(Math.floor((input[i]! + before + after - reach) / stride) + 1);
    }
  }
  return output.every((size) => size > 0) ? { begin, output } : undefined;
}

function matrixInput(layer: Layer, dims: readonly number[]): InputColumns | undefined {
  const k = layer.weight.shape[layer.weight.inAxis]!;
  const rank = dims.length;
  if (rank === 1 || readsRows(layer)) {
    if (dims[rank - 1] !== k) {
      return undefined;
    }
    const rows = dims.slice(0, -1).reduce((a, b) => a * b, 1);
    // Rows of the leading axis are samples; those behind it (tokens) are positions.
    const samples = rank > 2 ? dims[0]! : 1;
    const perSample = samples === 0 ? 0 : rows / samples;
    return {
      samples,
      positions: perSample,
      rowsAreSamples: rank <= 2,
      columnsInto: (data, sample, _group, positions, count, out, outOffset, stride) => {
        matrixColumnsInto(data, sample * perSample * k, k, 1, k, positions, count, out, outOffset, stride);
      },
    };
  }
  if (dims[rank - 2] !== k) {
    return undefined;
  }
  const n = dims[rank - 1]!;
  return {
    samples: dims.slice(0, -2).reduce((a, b) => a * b, 1),
    positions: n,
    rowsAreSamples: rank <= 2,
    columnsInto: (data, sample, _group, positions, count, out, outOffset, stride) => {
      matrixColumnsInto(data, sample * k * n, k, n, 1, positions, count, out, outOffset, stride);
    },
  };
}

/** The data operand is [..., K] when it stands on the left and [..., K, N] on the right; a transposing Gemm swaps that. */
function readsRows(layer: Layer): boolean {
  const left = layer.weight.inputIndex === 0;
  const flipped = layer.kind === 'Gemm' && layer.node.int(left ? 'transB' : 'transA', 0) !== 0;
  return left === flipped;
}
