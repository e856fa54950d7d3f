import { keepChoices, type Knapsack } from './knapsack';
import { relax, type Relaxation } from './relaxation';
import { repairPicks, totalsOf } from './rounding';

export interface Presolved {
  /** Without the choices that no solution as good as the incumbent can hold. */
  readonly knapsack: Knapsack;
  /** Feasible picks into the reduced knapsack; undefined when none was found (two rows that pull apart). */
  readonly incumbent: Int32Array | undefined;
  /** Lower bound on the value of the reduced knapsack. */
  readonly bound: number;
  readonly multipliers: readonly number[];
}

/**
 * Slack of a float64 bound against whole values: what the sums of products in the bounds may be off by.
 */
export function boundSlack(value: number, multipliers: readonly number[], capacities: readonly number[]): number {
  let magnitude = Math.abs(value);
  multipliers.forEach((multiplier, row) => {
    magnitude += multiplier * capacities[row]!;
  });
  return 1e-12 * magnitude;
}

/**
 * Fixes what the relaxation settles. With multipliers λ, L(λ) = Σ_u min_c (v + λ·w) − λ·capacity bounds every solution from
 * below, and a solution holding choice c of unit u costs at least L(λ) + (v + λ·w)_uc − min_c' (v + λ·w)_uc'. Choices whose
 * bound is above a known solution's value are dropped. Solutions of equal value all stay.
 */
export function presolve(knapsack: Knapsack): Presolved {
  const relaxation = relax(knapsack);
  let incumbent = bestRounding(knapsack, relaxation);
  let reduced = knapsack;
  if (incumbent !== undefined) {
    const value = totalsOf(knapsack, incumbent).value;
    const slack = boundSlack(value, relaxation.multipliers, knapsack.capacities);
    const room = value - dualBound(knapsack, relaxation.multipliers) + slack;
    const units = knapsack.units.map((unit, u) => {
      const costs = pricedValues(unit.values, unit.weights, relaxation.multipliers);
      const least = leastOf(costs);
      return keepChoices(unit, (c) => costs[c]! - least <= room || c === incumbent![u]);
    });
    incumbent = Int32Array.from(incumbent, (pick, u) => units[u]!.source.indexOf(knapsack.units[u]!.source[pick]!));
    reduced = { ...knapsack, units };
  }
  const { knapsack: shifted, value: settled } = subtractLeast(reduced);
  return { knapsack: shifted, incumbent, bound: relaxation.bound - settled, multipliers: relaxation.multipliers };
}

/** Takes each unit's least value and weights out again: what is left differs more in proportion, so solvers see it better. */
function subtractLeast(knapsack: Knapsack): { knapsack: Knapsack; value: number } {
  let value = 0;
  const capacities = [...knapsack.capacities];
  const units = knapsack.units.map((unit) => {
    const least = leastOf(unit.values);
    value += least;
    const weights = unit.weights.map((column, row) => {
      const lightest = leastOf(column);
      capacities[row]! -= lightest;
      return column.map((weight) => weight - lightest);
    });
    return { values: unit.values.map((v) => v - least), weights, source: unit.source };
  });
  return {
    knapsack: { ...knapsack, units, capacities, offset: knapsack.offset + knapsack.quantum * value },
    value,
  };
}

function leastOf(column: Float64Array): number {
  return column.reduce((a, b) => Math.min(a, b), Infinity);
}

/** L(λ): valid for any multipliers ≥ 0. */
export function dualBound(knapsack: Knapsack, multipliers: readonly number[]): number {
  let bound = 0;
  for (const unit of knapsack.units) {
    bound += leastOf(pricedValues(unit.values, unit.weights, multipliers));
  }
  multipliers.forEach((multiplier, row) => {
    bound -= multiplier * knapsack.capacities[row]!;
  });
  return bound;
}

export function pricedValues(
  values: Float64Array,
  weights: readonly Float64Array[],
  multipliers: readonly number[],
): Float64Array {
  return values.map((value, c) => {
    let cost = value;
    for (let row = 0; row < weights.length; row++) {
      cost += multipliers[row]! * weights[row]![c]!;
    }
    return cost;
  });
}

/** The better of two roundings: from the walk's stop (feasible for one row), and from the lightest choices up. */
function bestRounding(knapsack: Knapsack, relaxation: Relaxation): Int32Array | undefined {
  const starts = [relaxation.picks, lightestPicks(knapsack)];
  let best: Int32Array | undefined;
  let bestValue = Infinity;
  for (const start of starts) {
    const picks = repairPicks(knapsack, start);
    if (picks !== undefined) {
      const { value } = totalsOf(knapsack, picks);
      if (value < bestValue) {
        best = picks;
        bestValue = value;
      }
    }
  }
  return best;
}

function lightestPicks(knapsack: Knapsack): Int32Array {
  return Int32Array.from(knapsack.units, (unit) => {
    let best = 0;
    let bestShare = Infinity;
    for (let c = 0; c < unit.values.length; c++) {
      let share = 0;
      unit.weights.forEach((column, row) => {
        share += column[c]! / Math.max(1, knapsack.capacities[row]!);
      });
      if (share < bestShare) {
        bestShare = share;
        best = c;
      }
    }
    return best;
  });
}
