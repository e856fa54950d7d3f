import { nearestPlaneInto, LANES } from '../../kernels';
import type { GroupProblem } from './groupProblem';

/** Scale, zero point and the ends of a grid as code − zero point. */
export interface StepGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly low: number;
  readonly high: number;
}

/** Codes found for a set of rows, as code − zero point (`steps`, rows × n), and the grid they are on. */
export interface SetSolution {
  readonly grid: StepGrid;
  readonly steps: Float64Array;
}

/** The rows that share one scale, with their least-squares terms. Rows lie one after another, n elements each. */
export interface RowSet {
  readonly size: number;
  readonly count: number;
  readonly problems: readonly GroupProblem[];
  /** Where codes would be without a grid. */
  readonly centre: Float64Array;
  /** c of `GroupProblem`. */
  readonly c: Float64Array;
  /** 1 = kept. */
  readonly mask: Uint8Array | undefined;
}

/** Rounds a set on several grids by GPTQ. Solutions are in the order of the grids, with Σ e G eᵀ over the rows. */
export function roundOnGrids(
  set: RowSet,
  grids: readonly StepGrid[],
): readonly (SetSolution & { readonly error: number })[] {
  const { size, count, problems, centre, mask } = set;
  const scales = new Float64Array(LANES);
  const lows = new Float64Array(LANES);
  const highs = new Float64Array(LANES);
  const lanes = new Float64Array(LANES * size);
  const scratch = new Float64Array(LANES * size);
  const errors = new Float64Array(LANES);
  const out: (SetSolution & { error: number })[] = grids.map((grid) => ({
    grid,
    steps: new Float64Array(count * size),
    error: 0,
  }));
  for (let first = 0; first < grids.length; first += LANES) {
    for (let lane = 0; lane < LANES; lane++) {
      const grid = grids[Math.min(first + lane, grids.length - 1)]!;
      scales[lane] = grid.scale;
      lows[lane] = grid.low;
      highs[lane] = grid.high;
    }
    for (let row = 0; row < count; row++) {
      const { order, factor } = problems[row]!.factorised();
      const at = row * size;
      nearestPlaneInto(centre, at, size, order, factor, scales, lows, highs, mask, at, lanes, errors, scratch);
      for (let lane = 0; lane < LANES && first + lane < grids.length; lane++) {
        const solution = out[first + lane]!;
        solution.steps.set(lanes.subarray(lane * size, lane * size + size), at);
        solution.error += errors[lane]!;
      }
    }
  }
  return out;
}

/** The solution with the least error; the first among equals. */
export function leastError<T extends { readonly error: number }>(solutions: readonly T[]): T {
  return solutions.reduce((best, next) => (next.error < best.error ? next : best));
}
