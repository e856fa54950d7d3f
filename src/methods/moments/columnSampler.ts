import type { Layer } from '../../analysis';
import { PositionChoice } from './columnChoice';
import { inputLayout, type InputColumns, type InputLayout } from './inputLayout';

/** Columns of a layer's input as they are, for scans that no matrix of moments can serve (ranges of the input). */
export interface SampledColumns {
  readonly size: number;
  readonly count: number;
  /** One array per row group, row-major [size, count]. */
  readonly groups: readonly Float32Array[];
}

export interface ColumnSamplerOptions {
  /** Columns to keep at most. */
  readonly columns: number;
  /** Samples that will be added: the columns are spread over all of them. */
  readonly samples: number;
}

/** Collects columns from batches of a layer's input. Memory: groups · size · columns floats. */
export class ColumnSampler {
  private readonly positions: PositionChoice;
  private readonly data: Float32Array[];
  private count = 0;
  private samples = 0;

  constructor(
    private readonly layout: InputLayout,
    private readonly options: ColumnSamplerOptions,
  ) {
    const { columns, samples } = options;
    this.positions = new PositionChoice(Math.max(1, Math.floor(columns / Math.max(samples, 1))));
    this.data = Array.from({ length: layout.groups }, () => new Float32Array(layout.size * columns));
  }

  /** Adds one batch of the layer's input; parameters as in `MomentsAccumulator.add`. */
  add(values: Float32Array, dims: readonly number[], samples?: number): boolean {
    const columns = this.layout.read(dims);
    if (columns === undefined) {
      return false;
    }
    if (!columns.rowsAreSamples) {
      for (let sample = 0; sample < columns.samples; sample++) {
        this.take(columns, values, sample, 0, columns.positions);
      }
      return true;
    }
    const rows = columns.positions;
    const parts = samples !== undefined && samples > 0 && rows % samples === 0 ? samples : rows;
    for (let part = 0; part < parts; part++) {
      this.take(columns, values, 0, (part * rows) / parts, rows / parts);
    }
    return true;
  }

  /** What was collected; undefined before the first column. */
  finish(): SampledColumns | undefined {
    const { size } = this.layout;
    const { columns } = this.options;
    const { count } = this;
    if (count === 0) {
      return undefined;
    }
    if (count === columns) {
      return { size, count, groups: this.data };
    }
    const groups = this.data.map((full) => {
      const data = new Float32Array(size * count);
      for (let row = 0; row < size; row++) {
        data.set(full.subarray(row * columns, row * columns + count), row * count);
      }
      return data;
    });
    return { size, count, groups };
  }

  private take(columns: InputColumns, values: Float32Array, sample: number, first: number, total: number): void {
    if (this.skips()) {
      this.samples++;
      return;
    }
    const { size } = this.layout;
    const chosen = this.positions.of(this.samples++, total).map((position) => first + position);
    const count = Math.min(chosen.length, this.options.columns - this.count);
    const wide = new Float64Array(size * count);
    this.data.forEach((out, group) => {
      columns.columnsInto(values, sample, group, chosen, count, wide, 0, count);
      for (let row = 0; row < size; row++) {
        out.set(wide.subarray(row * count, (row + 1) * count), row * this.options.columns + this.count);
      }
    });
    this.count += count;
  }

  /** With more samples than columns only some are used, evenly spread. */
  private skips(): boolean {
    const { columns, samples } = this.options;
    return this.count >= columns || (samples > columns && Math.floor((this.samples * columns) / samples) < this.count);
  }
}

/** A sampler for a layer; undefined when its input does not fall into columns. */
export function columnSampler(layer: Layer, options: ColumnSamplerOptions): ColumnSampler | undefined {
  const layout = inputLayout(layer);
  return layout === undefined || layout.size === 0 ? undefined : new ColumnSampler(layout, options);
}
