import type { InputColumns, InputLayout } from './inputLayout';

/** Bytes of one block over all groups; wide enough that the kernel's inner loop is long. */
const BLOCK_BYTES = 4_194_304;
const WIDEST = 512;
const NARROWEST = 64;

/** Columns of all groups side by side, waiting to be multiplied: [groups, size, width], float64. */
export class ColumnBlock {
  readonly width: number;
  readonly data: Float64Array;
  private filled = 0;

  constructor(private readonly layout: InputLayout) {
    const { size, groups } = layout;
    const fitting = Math.floor(BLOCK_BYTES / (8 * size * groups));
    this.width = Math.min(Math.max(fitting, NARROWEST), WIDEST);
    this.data = new Float64Array(groups * size * this.width);
  }

  /** Columns in the block. */
  get count(): number {
    return this.filled;
  }

  /** Places left. */
  get room(): number {
    return this.width - this.filled;
  }

  /** Where the columns of a group begin in `data`; rows are `width` apart. */
  offsetOf(group: number): number {
    return group * this.layout.size * this.width;
  }

  /** Takes columns at the given positions of one sample; there must be room for them. */
  take(columns: InputColumns, data: Float32Array, sample: number, positions: Int32Array): void {
    for (let group = 0; group < this.layout.groups; group++) {
      const at = this.offsetOf(group) + this.filled;
      columns.columnsInto(data, sample, group, positions, positions.length, this.data, at, this.width);
    }
    this.filled += positions.length;
  }

  clear(): void {
    this.filled = 0;
  }
}
