import { checkPattern, type Scores } from './maskKernel';

/** Groups of a plane that hold more than `keep` non-zeros, in each direction. */
export interface Violations {
  /** Along rows: what the forward product needs. */
  readonly forward: number;
  /** Along columns: what the product with the transpose needs. */
  readonly backward: number;
  readonly forwardGroups: number;
  readonly backwardGroups: number;
}

/** Mask or weights of a plane; what is not zero counts, NaN included. */
export type Cells = Uint8Array | Scores;

/**
 * The TypeScript twin of the counts in WebAssembly: groups of `group` consecutive cells with more than `keep` non-zeros, along rows and
 * along columns of a row-major plane [rows × columns]. Tails count as filled up with zeros.
 *
 * @throws LatheError `kernels/pattern`
 */
export function countViolations(cells: Cells, rows: number, columns: number, keep: number, group: number): Violations {
  checkPattern(keep, group);
  return {
    forward: forwardViolations(cells, rows, columns, keep, group),
    backward: backwardViolations(cells, rows, columns, keep, group),
    forwardGroups: rows * Math.ceil(columns / group),
    backwardGroups: columns * Math.ceil(rows / group),
  };
}

/** Score that a mask keeps, summed in float64 in memory order. */
export function maskScore(scores: Scores, mask: Uint8Array): number {
  let sum = 0;
  for (let n = 0; n < scores.length; n++) {
    if (mask[n] !== 0) {
      sum += scores[n]!;
    }
  }
  return sum;
}

function forwardViolations(cells: Cells, rows: number, columns: number, keep: number, group: number): number {
  let violations = 0;
  for (let i = 0; i < rows; i++) {
    for (let left = 0; left < columns; left += group) {
      const end = i * columns + Math.min(left + group, columns);
      let nonZeros = 0;
      for (let at = i * columns + left; at < end; at++) {
        nonZeros += cells[at] !== 0 ? 1 : 0;
      }
      violations += nonZeros > keep ? 1 : 0;
    }
  }
  return violations;
}

function backwardViolations(cells: Cells, rows: number, columns: number, keep: number, group: number): number {
  const nonZeros = new Int32Array(columns);
  let violations = 0;
  for (let top = 0; top < rows; top += group) {
    nonZeros.fill(0);
    for (let i = top; i < Math.min(top + group, rows); i++) {
      for (let j = 0; j < columns; j++) {
        nonZeros[j]! += cells[i * columns + j] !== 0 ? 1 : 0;
      }
    }
    for (let j = 0; j < columns; j++) {
      violations += nonZeros[j]! > keep ? 1 : 0;
    }
  }
  return violations;
}
