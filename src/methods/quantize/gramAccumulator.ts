import type { Layer } from '../../analysis';
import { accumulateGram, evenPositions, scaleMatrix } from '../../kernels';
import { inputLayout, type InputLayout } from '../moments/inputLayout';

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

/**
 * Builds the Gram matrix of one layer from batches of its input. Undefined from {@link gramAccumulator} when the layer has
 * no such form (embeddings, batched constants, more than 4096 weights per output channel, a dynamic layout).
 */
export class GramAccumulator {
  private readonly matrices: Float64Array[];
  private columns = 0;
  private samples = 0;

  constructor(
    private readonly input: InputLayout,
    private readonly positionsPerSample: number,
  ) {
    const { size, groups } = input;
    this.matrices = Array.from({ length: groups }, () => new Float64Array(size * size));
  }

  /** Adds one batch of the layer's input, row-major in `dims`. Cost: groups · columns · size² / 2 multiply-adds. */
  add(data: Float32Array, dims: readonly number[]): void {
    const { size, groups } = this.input;
    const layout = this.input.read(dims);
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
    const { size } = this.input;
    for (const matrix of this.matrices) {
      scaleMatrix(matrix, size, size, size, 1 / this.columns);
    }
    return { size, matrices: this.matrices, columns: this.columns };
  }
}

export function gramAccumulator(layer: Layer, options: GramOptions = {}): GramAccumulator | undefined {
  const input = inputLayout(layer);
  if (input === undefined || input.size > LARGEST || input.size === 0) {
    return undefined;
  }
  return new GramAccumulator(input, options.positionsPerSample ?? 64);
}
