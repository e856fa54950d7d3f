import { matrixLayout, reductionLength, type Layer, type MatrixLayout } from '../../analysis';

/**
 * One (out × in) plane of a weight: a row group (convolution group, or batch of a stacked MatMul operand) at one kernel
 * position. N:M groups run along its rows (forward product) and, for transposable masks, also along its columns (backward
 * product); neither crosses into another plane.
 *
 * Element (o, i) is element `offset + o · rowStride + i · columnStride` of the weight in the order of `weightAsMatrix`.
 */
export interface WeightPlane {
  readonly group: number;
  /** Index of the kernel position, row-major over the kernel's axes; 0 for matrices. */
  readonly position: number;
  /** Output channels. */
  readonly rows: number;
  /** Input channels: what is summed over. */
  readonly columns: number;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

export interface WeightPlanes {
  readonly layout: MatrixLayout;
  /** Kernel positions: 1 for matrices. */
  readonly positions: number;
  /** Group by group, positions innermost. */
  readonly planes: readonly WeightPlane[];
}

/**
 * Cuts a layer's weight into planes, whatever its operator: Conv [Cout, Cin/g, …kernel], ConvTranspose
 * [Cin, Cout/g, …kernel], Gemm with and without transB, MatMul with its constant on either side, stacked or not. Reads no
 * weights. Throws `analysis/no-weight-values` for packed formats.
 */
export function weightPlanes(layer: Layer): WeightPlanes {
  const layout = matrixLayout(layer);
  const columns = reductionLength(layer);
  const positions = columns === 0 ? 1 : layout.columns / columns;
  const rows = layout.rows / layout.rowGroups;
  const planes: WeightPlane[] = [];
  for (let group = 0; group < layout.rowGroups; group++) {
    for (let position = 0; position < positions; position++) {
      planes.push({
        group,
        position,
        rows,
        columns,
        offset: group * rows * layout.columns + position,
        rowStride: layout.columns,
        columnStride: positions,
      });
    }
  }
  return { layout, positions, planes };
}

/** Whether a plane is one run of memory, row after row, so that it needs no copy. */
export function isContiguous(plane: WeightPlane): boolean {
  return plane.columnStride === 1 && plane.rowStride === plane.columns;
}

/** Copies a plane out of an array in matrix order. `into` holds at least rows · columns elements. */
export function gatherPlane<T extends Float32Array | Float64Array | Uint8Array>(
  matrix: T,
  plane: WeightPlane,
  into: T,
): void {
  const { rows, columns, offset, rowStride, columnStride } = plane;
  for (let o = 0, to = 0; o < rows; o++) {
    for (let i = 0, at = offset + o * rowStride; i < columns; i++, at += columnStride) {
      into[to++] = matrix[at]!;
    }
  }
}

/** Copies a plane back to where {@link gatherPlane} took it from. */
export function scatterPlane<T extends Float32Array | Float64Array | Uint8Array>(
  from: T,
  plane: WeightPlane,
  matrix: T,
): void {
  const { rows, columns, offset, rowStride, columnStride } = plane;
  for (let o = 0, at = 0; o < rows; o++) {
    for (let i = 0, to = offset + o * rowStride; i < columns; i++, to += columnStride) {
      matrix[to] = from[at++]!;
    }
  }
}
