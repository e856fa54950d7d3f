import { descendCodes, descendPairs, descendRatio, dotProduct } from '../../kernels';
import type { GridSearch } from './gridSearch';
import { leastError, roundOnGrids, type RowSet, type SetSolution, type StepGrid } from './rowSet';

export interface GramEffort {
  /** Largest number of sweeps. */
  readonly sweeps: number;
  /** Thresholds tried, relative to the one with the least weighted error. */
  readonly thresholds: readonly number[];
  /** How many of the best thresholds are descended from. */
  readonly restarts: number;
  /** How many others each code is paired with, to move where it cannot move alone. */
  readonly partners: number;
}

/** Less is tried where a row is long: a walk over G then costs more than it finds. */
export function effortFor(size: number, sweeps: number): GramEffort {
  if (size > 1536) {
    return { sweeps: Math.min(sweeps, 6), thresholds: [1.1, 1, 0.92, 0.84], restarts: 1, partners: 8 };
  }
  return {
    sweeps,
    thresholds: [1.15, 1.06, 1, 0.95, 0.9, 0.85, 0.8, 0.72],
    restarts: 3,
    partners: 8,
  };
}

/** GPTQ alone: the best of a few thresholds. */
export function solveGptq(set: RowSet, search: GridSearch, effort: GramEffort): SetSolution {
  return leastError(roundOnGrids(set, gridsOf(search, effort)));
}

/**
 * Codes and scale of a set of rows with the least output error we know to find: GPTQ rounding at several thresholds; from
 * the best of them coordinate descent on codes and scale together, then on pairs of codes, until nothing moves. The scale
 * is at its least-squares value s = c vᵀ / v G vᵀ throughout. Every step lowers the error.
 */
export function solveGram(set: RowSet, search: GridSearch, effort: GramEffort): SetSolution {
  const rounded = [...roundOnGrids(set, gridsOf(search, effort))].sort((a, b) => a.error - b.error);
  const descended = rounded.slice(0, effort.restarts).map((start) => descend(set, start, effort));
  return leastError(descended);
}

/** Grids at the thresholds that are tried. */
export function gridsOf(search: GridSearch, effort: GramEffort): readonly StepGrid[] {
  const middle = search.leastWeightedError();
  return effort.thresholds.map((factor) => search.at(middle * factor));
}

/**
 * Descends in place. `error` is û G ûᵀ − 2 c ûᵀ summed over the rows, at the float32 scale.
 *
 * @param known v G of the start where it is known already; changed
 */
export function descend(
  set: RowSet,
  start: SetSolution,
  effort: Pick<GramEffort, 'sweeps' | 'partners'>,
  known?: Float64Array,
): SetSolution & { readonly error: number } {
  const { size, count, problems, c, mask } = set;
  const { steps } = start;
  const { low, high } = start.grid;
  const products = known ?? new Float64Array(count * size);
  const sums = new Float64Array(2);
  for (let row = 0; row < count && known === undefined; row++) {
    const at = row * size;
    problems[row]!.products(steps, at, products, at);
  }
  const refresh = (): void => {
    sums[0] = dotProduct(c, 0, steps, 0, count * size);
    sums[1] = dotProduct(products, 0, steps, 0, count * size);
  };
  refresh();
  let { scale } = start.grid;
  const refit = (): void => {
    const fitted = sums[0]! / sums[1]!;
    // A row whose codes point away from its target keeps its scale.
    if (fitted > 0 && fitted < Infinity) {
      scale = fitted;
    }
  };
  if (!(sums[0]! > 0)) {
    // Nothing to take the ratio of yet: codes first.
    for (let row = 0; row < count; row++) {
      const at = row * size;
      descendCodes(steps, at, size, scale, low, high, problems[row]!.gram, size, c, at, products, at, mask, at);
    }
    refresh();
  }
  for (let sweep = 0; sweep < effort.sweeps; sweep++) {
    let moves = 0;
    if (sums[0]! > 0 && sums[1]! > 0) {
      for (let row = 0; row < count; row++) {
        const at = row * size;
        moves += descendRatio(steps, at, size, low, high, problems[row]!.gram, c, at, products, at, mask, at, sums);
      }
      refit();
    }
    if (moves === 0 && effort.partners > 0) {
      for (let row = 0; row < count; row++) {
        const at = row * size;
        moves += descendPairs(
          steps,
          at,
          size,
          scale,
          low,
          high,
          problems[row]!.gram,
          c,
          at,
          products,
          at,
          mask,
          at,
          problems[row]!.partners(effort.partners),
          effort.partners,
        );
      }
      refresh();
      refit();
    }
    if (moves === 0) {
      break;
    }
  }
  refresh();
  refit();
  scale = usable(scale);
  return { grid: { ...start.grid, scale }, steps, error: scale * scale * sums[1]! - 2 * scale * sums[0]! };
}

/** The nearest float32 that is a usable scale. */
export function usable(scale: number): number {
  return Math.max(Math.fround(scale), 2 ** -126);
}
