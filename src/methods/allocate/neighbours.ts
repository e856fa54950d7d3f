import type { AllocationProblem, PolicyCost } from './allocation';
import { rawKnapsack, budgetRows } from './knapsack';
import { relax } from './relaxation';
import { isWithin, totalsOf } from './rounding';
import { policyCost, violatedBudget } from './verifySolution';

export interface Neighbour extends PolicyCost {
  readonly picks: readonly number[];
  /** Indices of the units that differ. */
  readonly changed: readonly number[];
}

/** Single changes considered for pairs: the most promising ones by priced value. */
const PAIRED_CHANGES = 600;

/**
 * The best other policies within the budgets that differ from `picks` in one unit or two, best objective first (then fewer
 * bits, then unit order). Losses add up only approximately, so these are worth measuring beside the chosen policy.
 */
export function neighbours(problem: AllocationProblem, picks: readonly number[], count = 3): Neighbour[] {
  const raw = rawKnapsack(problem.units, problem.objective.minimize, budgetRows(problem.objective));
  const { multipliers } = relax(raw);
  const start = totalsOf(raw, picks);
  interface Change {
    readonly unit: number;
    readonly to: number;
    readonly value: number;
    readonly weights: readonly number[];
    readonly priced: number;
  }
  const changes: Change[] = [];
  raw.units.forEach((unit, u) => {
    const from = picks[u]!;
    for (let to = 0; to < unit.values.length; to++) {
      if (to !== from) {
        const value = unit.values[to]! - unit.values[from]!;
        const weights = unit.weights.map((column) => column[to]! - column[from]!);
        const priced = weights.reduce((sum, w, row) => sum + multipliers[row]! * w, value);
        changes.push({ unit: u, to, value, weights, priced });
      }
    }
  });
  changes.sort((a, b) => a.priced - b.priced || a.unit - b.unit || a.to - b.to);
  const moves: { value: number; weight: number; changes: readonly Change[] }[] = [];
  const consider = (...move: readonly Change[]): void => {
    const weights = start.weights.map((w, row) => move.reduce((sum, change) => sum + change.weights[row]!, w));
    if (isWithin(raw, weights)) {
      const value = move.reduce((sum, change) => sum + change.value, 0);
      moves.push({ value, weight: weights.reduce((sum, w) => sum + w, 0), changes: move });
      if (moves.length >= 4096) {
        keepBest(moves, count);
      }
    }
  };
  for (const change of changes) {
    consider(change);
  }
  const paired = changes.slice(0, PAIRED_CHANGES);
  for (let i = 0; i < paired.length; i++) {
    for (let j = 0; j < i; j++) {
      if (paired[i]!.unit !== paired[j]!.unit) {
        consider(paired[j]!, paired[i]!);
      }
    }
  }
  keepBest(moves, count);
  return moves
    .map(({ changes: move }) => {
      const other = [...picks];
      for (const change of move) {
        other[change.unit] = change.to;
      }
      const changed = move.map((change) => change.unit).sort((a, b) => a - b);
      return { picks: other, changed, ...policyCost(problem.units, other) };
    })
    .filter((neighbour) => violatedBudget(problem, neighbour) === undefined);
}

function keepBest(moves: { value: number; weight: number }[], count: number): void {
  moves.sort((a, b) => a.value - b.value || a.weight - b.weight);
  moves.length = Math.min(moves.length, count);
}
