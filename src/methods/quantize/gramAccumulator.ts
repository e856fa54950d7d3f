import type { Layer } from '../../analysis';
import {
  accumulateGram,
  convColumnsInto,
  convTransposeColumnsInto,
  evenPositions,
  matrixColumnsInto,
  scaleMatrix,
  type ConvGeometry,
} from '../../kernels';

/**
 * G = X Xᵀ / N of a layer's input columns, one matrix per group: how errors of single weights add up in the layer's output.
 * Rows and columns follow the weight elements of one output channel in stored order.
 */
export interface GramMatrix {
  /** Weight elements of one output channel. */
  readonly size: number;
  /** One row-major size × size matrix per group; only the upper triangle (row ≤ column) is filled. */
  readonly matrices: readonly Float64Array[];
  /** Columns seen per group (N). */
  readonly columns: number;
}

export interface GramOptions {
  /** Output positions taken from each sample, evenly spread. @default 64 */
  readonly positionsPerSample?: number;
}

/** Columns handed to the kernel at a time: the block of a 577-row layer is then 2.4 MB. */
const BLOCK_COLUMNS = 512;
/** A prime, so that no regular step over an image falls into step with it. */
const POSITION_SHIFT = 7919;
/** Largest matrix built: 4096² float64 = 134 MB. */
const LARGEST = 4096;

type Pair<T> = readonly [T, T, T];

/**
 * Builds the Gram matrix of one layer from batches of its input. Undefined from {@link gramAccumulator} when the layer has
 * no such form (embeddings, batched constants, more than 4096 weights per output channel, a dynamic layout).
 */
export class GramAccumulator {
  private readonly matrices: Float64Array[];
  private columns = 0;
  private samples = 0;

  constructor(
    private readonly size: number,
    private readonly groups: number,
    private readonly source: ColumnSource,
    private readonly positionsPerSample: number,
  ) {
    this.matrices = Array.from({ length: groups }, () => new Float64Array(size * size));
  }

  /** Adds one batch of the layer's input, row-major in `dims`. Cost: groups · columns · size² / 2 multiply-adds. */
  add(data: Float32Array, dims: readonly number[]): void {
    const { size, groups } = this;
    const layout = this.source(dims);
    if (layout === undefined) {
      return;
    }
    const wanted = layout.rowsAreSamples ? layout.positions : Math.min(layout.positions, this.positionsPerSample);
    const positions = new Int32Array(wanted);
    const count = evenPositions(layout.positions, wanted, positions);
    const shifted = new Int32Array(count);
    // Few columns at a time would leave the kernel's inner loop short: samples are put side by side.
    const together = Math.max(1, Math.min(layout.samples, Math.floor(BLOCK_COLUMNS / Math.max(count, 1))));
    const block = new Float64Array(size * count * together);
    for (let first = 0; first < layout.samples; first += together) {
      const samples = Math.min(together, layout.samples - first);
      const width = samples * count;
      for (let group = 0; group < groups; group++) {
        for (let i = 0; i < samples; i++) {
          // Other positions in each sample, or a few would stand for the whole image.
          const shift = ((this.samples + first + i) * POSITION_SHIFT) % layout.positions;
          for (let p = 0; p < count; p++) {
            shifted[p] = (positions[p]! + shift) % layout.positions;
          }
          layout.columnsInto(data, first + i, group, shifted, count, block, i * count, width);
        }
        accumulateGram(block, 0, size, width, width, this.matrices[group]!, size);
      }
      this.columns += width;
    }
    this.samples += layout.samples;
  }

  /** The mean over all columns so far; undefined before the first. Gives the buffers away: call once. */
  finish(): GramMatrix | undefined {
    if (this.columns === 0) {
      return undefined;
    }
    for (const matrix of this.matrices) {
      scaleMatrix(matrix, this.size, this.size, this.size, 1 / this.columns);
    }
    return { size: this.size, matrices: this.matrices, columns: this.columns };
  }
}

/** How to read columns out of an input of the given shape; undefined when the shape does not fit the layer. */
type ColumnSource = (dims: readonly number[]) => ColumnLayout | undefined;

interface ColumnLayout {
  readonly samples: number;
  /** Output positions of one sample. */
  readonly positions: number;
  /** The positions are whole samples (rows of a matrix): all are taken. */
  readonly rowsAreSamples: boolean;
  columnsInto(
    data: Float32Array,
    sample: number,
    group: number,
    positions: Int32Array,
    count: number,
    out: Float64Array,
    outOffset: number,
    /** Distance between rows of `out`. */
    stride: number,
  ): void;
}

export function gramAccumulator(layer: Layer, options: GramOptions = {}): GramAccumulator | undefined {
  const source = columnSource(layer);
  if (source === undefined || source.size > LARGEST || source.size === 0) {
    return undefined;
  }
  return new GramAccumulator(source.size, source.groups, source.read, options.positionsPerSample ?? 64);
}

function columnSource(
  layer: Layer,
): { readonly size: number; readonly groups: number; readonly read: ColumnSource } | undefined {
  const { shape } = layer.weight;
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
      return { size, groups: layer.groups, read: (dims) => convLayout(layer, dims, transposed) };
    }
    case 'Gemm':
    case 'MatMul': {
      if (shape.length !== 2) {
        return undefined;
      }
      return { size: shape[layer.weight.inAxis]!, groups: 1, read: (dims) => matrixLayout(layer, dims) };
    }
    default:
      return undefined;
  }
}

function convLayout(layer: Layer, dims: readonly number[], transposed: boolean): ColumnLayout | undefined {
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
function padded(values: readonly number[], fill: number): Pair<number> {
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

function matrixLayout(layer: Layer, dims: readonly number[]): ColumnLayout | undefined {
  const k = layer.weight.shape[layer.weight.inAxis]!;
  const left = layer.weight.inputIndex === 0;
  const flipped = layer.kind === 'Gemm' && layer.node.int(left ? 'transB' : 'transA', 0) !== 0;
  const rank = dims.length;
  // The data operand is [..., K] when it stands on the left and [..., K, N] on the right; a transposing Gemm swaps that.
  const kLast = left === flipped;
  if (rank === 1 || kLast) {
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
