import { invariant } from '../../base/errors';
import { patternOutOfRange } from './errors';

/** Non-negative scores of a plane; masks keep what has the larger score. */
export type Scores = Float32Array | Float64Array;

/**
 * Writes the mask (1 = kept, 0 = pruned) of a row-major plane `scores` [rows × columns] of non-negative finite numbers.
 * At most `keep` cells are kept in each `group` consecutive cells of a row; transposable kernels hold columns to the same.
 * Groups and tiles start at the first row and column; a shorter tail is a smaller group, not one filled up with zeros.
 * `scores` and `mask` may be longer than the plane.
 *
 * @throws LatheError `kernels/pattern` unless 1 ≤ keep ≤ group ≤ 32.
 */
export type MaskKernel = (
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
) => void;

/** Which of the two transposable problems is solved. */
export interface TransposableOptions {
  /**
   * `true`: full tiles keep exactly `keep` cells in each row and column, as published solvers do. By default at most
   * `keep`, which hardware needs, and which can keep more. Tails are always "at most".
   */
  readonly exactly?: boolean;
}

/** Largest group: rows and columns of a tile are sets in one 32-bit word. */
export const MAX_GROUP = 32;

/** @throws LatheError `kernels/pattern` */
export function checkPattern(keep: number, group: number): void {
  if (!Number.isInteger(group) || group < 1 || group > MAX_GROUP) {
    throw patternOutOfRange(keep, group, `groups hold 1 to ${MAX_GROUP} weights`);
  }
  if (!Number.isInteger(keep) || keep < 1 || keep > group) {
    throw patternOutOfRange(keep, group, 'between one weight and the whole group can be kept');
  }
}

/** {@link checkPattern}, and that both arrays hold the plane. */
export function checkPlane(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  checkPattern(keep, group);
  invariant(
    rows >= 0 && columns >= 0 && scores.length >= rows * columns && mask.length >= rows * columns,
    `a plane of ${rows} × ${columns} needs as many scores (${scores.length}) and mask cells (${mask.length})`,
  );
}
