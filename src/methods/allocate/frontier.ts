import { LatheError, throwIfCancelled } from '../../base/errors';
import type { AllocationUnit, Choice, FrontierPoint, PolicyCost } from './allocation';
import { exactKnapsack, rawKnapsack, validateProblem, type Knapsack } from './knapsack';
import { wholeFrontier } from './paretoMerge';
import { hullSteps } from './relaxation';
import { solveAllocation } from './solveAllocation';
import { policyCost } from './verifySolution';

/**
 * Lower convex hull of (size, loss) over all policies, smallest size first: the vertices of all units' hulls, taken one
 * step at a time by loss saved per bit. Each point is optimal at its own size; between two of them better ones than the
 * lower may exist (see {@link refineFrontier}). One sort: milliseconds for hundreds of layers.
 */
export function frontier(units: readonly AllocationUnit[]): FrontierPoint[] {
  validateProblem({ units, objective: { minimize: 'loss' } });
  const raw = rawKnapsack(units, 'loss', [{ name: 'size', budget: Infinity }]);
  const { start, steps } = hullSteps(raw.units, 0);
  const picks = [...start];
  let { sizeBits } = policyCost(units, picks);
  // Losses of the present picks: summed anew for each point, in the order of the units, so that no rounding builds up.
  const losses = Float64Array.from(units, (unit, u) => unit.choices[picks[u]!]!.loss);
  const point = (): FrontierPoint => {
    let loss = 0;
    for (let u = 0; u < losses.length; u++) {
      loss += losses[u]!;
    }
    return { sizeBits, loss, picks: picks.slice(), kind: 'hull' };
  };
  const points: FrontierPoint[] = [point()];
  for (const step of steps) {
    picks[step.unit] = step.to;
    losses[step.unit] = units[step.unit]!.choices[step.to]!.loss;
    sizeBits += step.weight;
    points.push(point());
  }
  return points;
}

export interface RefineOptions {
  /** Sizes in bits to solve for. Without them the whole frontier is wanted. */
  readonly sizes?: readonly number[];
  readonly maxBitOperations?: number;
  readonly signal?: AbortSignal | undefined;
  /** Seconds in all; what is not done by then is left out. 10 by default. */
  readonly timeLimit?: number;
}

/** States kept for a whole frontier: 100 MB. */
const FRONTIER_STATES = 4_000_000;
/** Sizes solved for when the whole frontier is out of reach. */
const SAMPLED_SIZES = 100;

/**
 * Exact points of the size/loss frontier, smallest size first; no point is dominated by another. Sizes that cannot be
 * reached are left out. Without sizes the whole frontier is returned where it is small enough and bit-operations are not limited;
 * else a hundred sizes spread evenly, and the hull's vertices.
 *
 * @throws CancelledError
 */
export async function refineFrontier(
  units: readonly AllocationUnit[],
  options: RefineOptions = {},
): Promise<FrontierPoint[]> {
  validateProblem({ units, objective: { minimize: 'loss', ...bitOperationLimit(options) } });
  const { signal, timeLimit = 10 } = options;
  throwIfCancelled(signal);
  const deadline = performance.now() + timeLimit * 1000;
  if (options.sizes === undefined && options.maxBitOperations === undefined) {
    const knapsack = wholeKnapsack(units);
    const all = await wholeFrontier(knapsack, {
      stateLimit: FRONTIER_STATES,
      deadline: performance.now() + Math.min(1000, (timeLimit * 1000) / 5),
      signal,
    });
    if (all !== undefined) {
      return undominated(
        all.map((found) => {
          const picks = [...found].map((pick, u) => knapsack.units[u]!.source[pick]!);
          const { sizeBits, loss } = policyCost(units, picks);
          return { sizeBits, loss, picks, kind: 'exact' as const };
        }),
      );
    }
  }
  const whole = options.sizes === undefined && options.maxBitOperations === undefined;
  // The hull's vertices are optimal at their own sizes.
  const points: FrontierPoint[] = whole ? frontier(units).map((point) => ({ ...point, kind: 'exact' })) : [];
  for (const size of options.sizes ?? spreadSizes(units)) {
    throwIfCancelled(signal);
    const left = (deadline - performance.now()) / 1000;
    if (left <= 0) {
      break;
    }
    const point = await solveAt(units, size, left, options);
    if (point !== undefined) {
      points.push(point);
    }
  }
  return undominated(points);
}

async function solveAt(
  units: readonly AllocationUnit[],
  size: number,
  timeLimit: number,
  options: RefineOptions,
): Promise<FrontierPoint | undefined> {
  const objective = { minimize: 'loss', maxSizeBits: size, ...bitOperationLimit(options) } as const;
  try {
    const solution = await solveAllocation(
      { units, objective },
      { engine: 'pareto', timeLimit, signal: options.signal },
    );
    const { sizeBits, loss, picks, proven } = solution;
    return proven ? { sizeBits, loss, picks, kind: 'exact' } : undefined;
  } catch (error) {
    if (LatheError.is(error, 'allocate/infeasible')) {
      return undefined;
    }
    throw error;
  }
}

function bitOperationLimit(options: RefineOptions): { maxBitOperations?: number } {
  return options.maxBitOperations === undefined ? {} : { maxBitOperations: options.maxBitOperations };
}

function wholeKnapsack(units: readonly AllocationUnit[]): Knapsack {
  // A budget nobody can exceed, but finite: the row must stay.
  const most = units.reduce((sum, unit) => sum + Math.max(...unit.choices.map((c) => c.sizeBits)), 0);
  const raw = rawKnapsack(units, 'loss', [{ name: 'size', budget: most }]);
  return exactKnapsack(raw, units, Infinity, { keepRows: true });
}

function spreadSizes(units: readonly AllocationUnit[]): number[] {
  const hull = frontier(units);
  const low = hull[0]!.sizeBits;
  const high = hull[hull.length - 1]!.sizeBits;
  const step = (high - low) / (SAMPLED_SIZES - 1);
  const samples = Array.from({ length: SAMPLED_SIZES }, (_, i) => i);
  // In strides of 8, so that what is done when time runs out covers the whole range.
  return samples.sort((a, b) => (a % 8) - (b % 8) || a - b).map((i) => Math.floor(low + step * i));
}

function undominated(points: readonly FrontierPoint[]): FrontierPoint[] {
  const sorted = [...points].sort((a, b) => a.sizeBits - b.sizeBits || a.loss - b.loss);
  const kept: FrontierPoint[] = [];
  for (const point of sorted) {
    if (kept.length === 0 || point.loss < kept[kept.length - 1]!.loss) {
      kept.push(point);
    }
  }
  return kept;
}

export interface UniformPoint extends PolicyCost {
  readonly weightBits: number;
  readonly activationBits: number;
  readonly picks: readonly number[];
}

/**
 * What one width everywhere would cost, for comparison: every unit at (w, a) where it may choose, pinned and excluded units
 * as they are, dense where the choice is. Pairs that some free unit does not offer are left out. Widest first.
 */
export function uniformPoints(units: readonly AllocationUnit[]): UniformPoint[] {
  const free = units.filter((unit) => unit.choices.length > 1);
  const points: UniformPoint[] = [];
  const seen = new Set<string>();
  for (const { weightBits, activationBits } of free[0]?.choices ?? []) {
    const picks = units.map((unit) => {
      if (unit.choices.length === 1) {
        return 0;
      }
      const fits = (c: Choice): boolean => c.weightBits === weightBits && c.activationBits === activationBits;
      // Dense where a unit may be, else its first pattern.
      const dense = unit.choices.findIndex((c) => fits(c) && c.pattern === undefined);
      return dense === -1 ? unit.choices.findIndex(fits) : dense;
    });
    const key = `${weightBits}/${activationBits}`;
    if (!picks.includes(-1) && !seen.has(key)) {
      seen.add(key);
      points.push({ weightBits, activationBits, picks, ...policyCost(units, picks) });
    }
  }
  return points.sort((a, b) => b.weightBits - a.weightBits || b.activationBits - a.activationBits);
}
