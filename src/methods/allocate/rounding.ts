import type { Knapsack } from './knapsack';

/** Totals of a set of picks. */
export interface Totals {
  value: number;
  readonly weights: number[];
}

export function totalsOf(knapsack: Knapsack, picks: ArrayLike<number>): Totals {
  const totals: Totals = { value: 0, weights: knapsack.rows.map(() => 0) };
  knapsack.units.forEach((unit, u) => {
    const pick = picks[u]!;
    totals.value += unit.values[pick]!;
    unit.weights.forEach((column, row) => {
      totals.weights[row]! += column[pick]!;
    });
  });
  return totals;
}

export function isWithin(knapsack: Knapsack, weights: readonly number[]): boolean {
  return knapsack.capacities.every((capacity, row) => weights[row]! <= capacity);
}

/**
 * Turns picks into a feasible and locally best set: single-unit changes that reduce the excess at the least value per
 * weight until all rows are met, then changes that save value within what is left, the largest saving first.
 * Returns undefined when no single change reduces the excess any more.
 */
export function repairPicks(knapsack: Knapsack, start: ArrayLike<number>): Int32Array | undefined {
  const picks = Int32Array.from(start);
  const totals = totalsOf(knapsack, picks);
  while (!isWithin(knapsack, totals.weights)) {
    const change = cheapestReduction(knapsack, picks, totals);
    if (change === undefined) {
      return undefined;
    }
    apply(knapsack, picks, totals, change);
  }
  for (;;) {
    const change = largestSaving(knapsack, picks, totals);
    if (change === undefined) {
      return picks;
    }
    apply(knapsack, picks, totals, change);
  }
}

interface Change {
  readonly unit: number;
  readonly to: number;
}

function apply(knapsack: Knapsack, picks: Int32Array, totals: Totals, change: Change): void {
  const unit = knapsack.units[change.unit]!;
  const from = picks[change.unit]!;
  totals.value += unit.values[change.to]! - unit.values[from]!;
  unit.weights.forEach((column, row) => {
    totals.weights[row]! += column[change.to]! - column[from]!;
  });
  picks[change.unit] = change.to;
}

/** Sum over rows of what is above the capacity, each as a share of the capacity. */
function excess(knapsack: Knapsack, weights: readonly number[], unit?: number, from?: number, to?: number): number {
  let sum = 0;
  for (let row = 0; row < knapsack.rows.length; row++) {
    let used = weights[row]!;
    if (unit !== undefined) {
      const column = knapsack.units[unit]!.weights[row]!;
      used += column[to!]! - column[from!]!;
    }
    sum += Math.max(0, used - knapsack.capacities[row]!) / Math.max(1, knapsack.capacities[row]!);
  }
  return sum;
}

function cheapestReduction(knapsack: Knapsack, picks: Int32Array, totals: Totals): Change | undefined {
  const now = excess(knapsack, totals.weights);
  let best: Change | undefined;
  let bestRatio = Infinity;
  knapsack.units.forEach((unit, u) => {
    const from = picks[u]!;
    for (let to = 0; to < unit.values.length; to++) {
      const reduction = now - excess(knapsack, totals.weights, u, from, to);
      if (reduction > 0) {
        const ratio = (unit.values[to]! - unit.values[from]!) / reduction;
        if (ratio < bestRatio) {
          bestRatio = ratio;
          best = { unit: u, to };
        }
      }
    }
  });
  return best;
}

function largestSaving(knapsack: Knapsack, picks: Int32Array, totals: Totals): Change | undefined {
  let best: Change | undefined;
  let most = 0;
  knapsack.units.forEach((unit, u) => {
    const from = picks[u]!;
    for (let to = 0; to < unit.values.length; to++) {
      const saving = unit.values[from]! - unit.values[to]!;
      if (saving > most && excess(knapsack, totals.weights, u, from, to) === 0) {
        most = saving;
        best = { unit: u, to };
      }
    }
  });
  return best;
}
