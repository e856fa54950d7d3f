import type { Layer, NmPattern } from '../analysis';
import { nmEligibility, transposableEligibility } from '../analysis';
import { greedyMask, intersectionMask, rowWiseMask, transposableMask, type MaskKernel } from '../kernels';
import { checkPattern, gatherPlane, weightPlanes, type WeightPlane } from '../methods';

/** A window of one plane of a weight, in output × input channels. */
export interface BlockWindow {
  /** Convolution group, or matrix of a stack. */
  readonly rowGroup: number;
  /** Kernel position, flattened in memory order. */
  readonly position: number;
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

const kernels: Readonly<Record<BlockMaskMethod, MaskKernel>> = {
  rows: rowWiseMask,
  exact: transposableMask,
  greedy: greedyMask,
  intersection: intersectionMask,
};

export type BlockMaskMethod = 'rows' | 'exact' | 'greedy' | 'intersection';

export interface WeightBlock extends BlockWindow {
  /** Row-major [rows × columns]. */
  readonly values: Float32Array;
  /** The part of the layer's magnitude masks that lies in the window, 1 = kept; without those it is not eligible for. */
  readonly masks: Readonly<Partial<Record<BlockMaskMethod, Uint8Array>>>;
}

/**
 * A window with the masks that the whole layer would have there. Groups and tiles are masked independently, so it is
 * enough to mask those that reach into the window. The window is moved and cut to lie inside the plane; indices of group
 * and position likewise.
 *
 * @param weights finite, in the order of `weightAsMatrix`
 * @throws LatheError `sparsity/pattern`, `analysis/no-weight-values` (packed formats)
 */
export function maskBlock(layer: Layer, weights: Float32Array, window: BlockWindow, pattern: NmPattern): WeightBlock {
  checkPattern(pattern);
  const { planes, positions } = weightPlanes(layer);
  const rowGroup = clamp(window.rowGroup, planes.length / positions);
  const position = clamp(window.position, positions);
  const plane = planes[rowGroup * positions + position]!;
  const place = {
    rowGroup,
    position,
    row: clamp(window.row, plane.rows),
    column: clamp(window.column, plane.columns),
  };
  const rows = Math.min(window.rows, plane.rows - place.row);
  const columns = Math.min(window.columns, plane.columns - place.column);
  const cut = { ...place, rows, columns };
  const reach = reachOf(cut, plane, pattern.group);
  const scores = gather(weights, plane, reach).map(Math.abs);
  const { keep, group } = pattern;
  const rowWise = nmEligibility(layer, keep, group).possible;
  const transposable = transposableEligibility(layer, keep, group).possible;
  const found = (method: BlockMaskMethod): Uint8Array => {
    const mask = new Uint8Array(scores.length);
    kernels[method](scores, reach.rows, reach.columns, keep, group, mask);
    return crop(mask, reach, cut);
  };
  return {
    ...cut,
    values: gather(weights, plane, cut),
    masks: {
      ...(rowWise && { rows: found('rows') }),
      ...(transposable && { exact: found('exact'), greedy: found('greedy'), intersection: found('intersection') }),
    },
  };
}

type Rectangle = Pick<BlockWindow, 'row' | 'column' | 'rows' | 'columns'>;

/** The window and what its groups and tiles hold besides. */
function reachOf(cut: Rectangle, plane: WeightPlane, group: number): Rectangle {
  const row = cut.row - (cut.row % group);
  const column = cut.column - (cut.column % group);
  const bottom = Math.min(plane.rows, Math.ceil((cut.row + cut.rows) / group) * group);
  const right = Math.min(plane.columns, Math.ceil((cut.column + cut.columns) / group) * group);
  return { row, column, rows: bottom - row, columns: right - column };
}

function gather(weights: Float32Array, plane: WeightPlane, part: Rectangle): Float32Array {
  const { rowStride, columnStride } = plane;
  const offset = plane.offset + part.row * rowStride + part.column * columnStride;
  const values = new Float32Array(part.rows * part.columns);
  gatherPlane(weights, { ...plane, rows: part.rows, columns: part.columns, offset }, values);
  return values;
}

function crop(mask: Uint8Array, from: Rectangle, to: Rectangle): Uint8Array {
  const out = new Uint8Array(to.rows * to.columns);
  for (let row = 0; row < to.rows; row++) {
    const start = (to.row - from.row + row) * from.columns + to.column - from.column;
    out.set(mask.subarray(start, start + to.columns), row * to.columns);
  }
  return out;
}

function clamp(index: number, count: number): number {
  return Math.max(0, Math.min(index, count - 1));
}
