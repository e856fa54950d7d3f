import type { InputColumns, InputLayout } from './inputLayout';

/** Bytes of one block over all groups, for the kernels here and for products made elsewhere, which cost a call. */
const BLOCK_BYTES = { here: 4_194_304, elsewhere: 8_388_608 };
const WIDEST = { here: 512, elsewhere: 1024 };
const NARROWEST = 64;

/** Columns of all groups side by side, waiting to be multiplied: [groups, size, width], float64. */
export class ColumnBlock {
  readonly width: number;
  readonly data: Float64Array;
  private filled = 0;

  constructor(
    private readonly layout: InputLayout,
    multiplied: 'here' | 'elsewhere',
  ) {
    const { size, groups } = layout;
    this.width = blockWidth(layout, multiplied);
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

  /** The columns of a group as one matrix [size, width], zero where there are none. */
  matrixOf(group: number): Float64Array {
    const begin = this.offsetOf(group);
    return this.data.subarray(begin, begin + this.layout.size * this.width);
  }

  /** Writes zeros in the places left. */
  clearRoom(): void {
    for (let row = this.filled; row < this.data.length; row += this.width) {
      this.data.fill(0, row, row + this.room);
    }
  }

  clear(): void {
    this.filled = 0;
  }
}

/** Bytes of the widest block of a layout. */
export function columnBlockBytes(layout: InputLayout): number {
  return 8 * layout.groups * layout.size * blockWidth(layout, 'elsewhere');
}

function blockWidth({ size, groups }: InputLayout, multiplied: 'here' | 'elsewhere'): number {
  const fitting = Math.floor(BLOCK_BYTES[multiplied] / (8 * size * groups));
  return Math.min(Math.max(fitting, NARROWEST), WIDEST[multiplied]);
}
