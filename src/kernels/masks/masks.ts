/** The kernels that others call: WebAssembly where it loads, else the TypeScript twins, which give the same masks. */
import { countViolations as countViolationsTwin, type Cells, type Violations } from './compliance';
import type { Scores, TransposableOptions } from './maskKernel';
import type { MaskMethod } from './maskModule';
import { checkPattern4 } from './patternMask4';
import { maskTwins } from './twins';
import { maskInWasm, violationsInWasm } from './wasmMasks';

/**
 * Row-wise N:M mask: the `keep` largest of every group along a row; a tail of fewer cells keeps min(cells, keep).
 * Equal scores go to the smaller column. A {@link MaskKernel}.
 */
export function rowWiseMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  maskPlane('rowWise', scores, rows, columns, keep, group, mask);
}

/**
 * Transposable N:M mask of the largest score: at most `keep` cells in every row and every column of each tile of
 * group × group, so that the masked weight and its transpose both follow the pattern. Exact in every tile, up to the
 * rounding of float64 sums. Equal sums are settled the same way every time. A {@link MaskKernel}.
 */
export function transposableMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
  options: TransposableOptions = {},
): void {
  maskPlane(options.exactly === true ? 'exactly' : 'atMost', scores, rows, columns, keep, group, mask);
}

/**
 * Transposable mask by one greedy sweep: cells in descending order are kept while their row and their column have room.
 * Keeps at least half of the best score, and often stops a few cells short of `keep` in some rows and columns. Equal
 * scores go to the smaller row-major index within the tile. A {@link MaskKernel}.
 */
export function greedyMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  maskPlane('greedy', scores, rows, columns, keep, group, mask);
}

/**
 * Cells that both the row-wise and the column-wise mask of their tile keep: the prune-side greedy of Hubara et al.
 * (arXiv 2102.08124), sparser than the pattern asks. A {@link MaskKernel}.
 */
export function intersectionMask(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  maskPlane('intersection', scores, rows, columns, keep, group, mask);
}

/**
 * Transposable 2:4 mask by trying all 90 masks of each full 4 × 4 tile with exactly two cells per row and column. A
 * {@link MaskKernel} for keep = 2, group = 4 only.
 */
export function patternMask4(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  maskPlane('patterns', scores, rows, columns, keep, group, mask);
}

/** One of the kernels above by name, on one plane and on this thread. */
export function maskPlane(
  method: MaskMethod,
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  if (method === 'patterns') {
    checkPattern4(keep, group);
  }
  if (!maskInWasm(method, scores, rows, columns, keep, group, mask)) {
    maskTwins[method](scores, rows, columns, keep, group, mask);
  }
}

/**
 * Counts groups of `group` consecutive cells with more than `keep` non-zeros, along rows (forward) and along columns
 * (backward) of a row-major plane [rows × columns] of mask cells or weights. NaN is a non-zero; tails count as filled up
 * with zeros.
 *
 * @throws LatheError `kernels/pattern`
 */
export function countViolations(cells: Cells, rows: number, columns: number, keep: number, group: number): Violations {
  return violationsInWasm(cells, rows, columns, keep, group) ?? countViolationsTwin(cells, rows, columns, keep, group);
}

/** Share of the groups along rows with at most `keep` non-zeros; 1 for an empty plane. */
export function forwardCompliance(cells: Cells, rows: number, columns: number, keep: number, group: number): number {
  const { forward, forwardGroups } = countViolations(cells, rows, columns, keep, group);
  return forwardGroups === 0 ? 1 : 1 - forward / forwardGroups;
}

/** Share of the groups along columns with at most `keep` non-zeros; 1 for an empty plane. */
export function backwardCompliance(cells: Cells, rows: number, columns: number, keep: number, group: number): number {
  const { backward, backwardGroups } = countViolations(cells, rows, columns, keep, group);
  return backwardGroups === 0 ? 1 : 1 - backward / backwardGroups;
}
