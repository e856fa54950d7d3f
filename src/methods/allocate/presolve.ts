import { exchangePicks } from './exchange';
import { keepChoices, type Knapsack } from './knapsack';
import { mergePareto } from './paretoMerge';
import { boundSlack, dualBound, leastOf, pricedValues } from './pricing';
import { relax } from './relaxation';
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
 * Fixes what the relaxation settles. With multipliers λ, L(λ) = Σ_u min_c (v + λ·w) − λ·capacity bounds every solution from
 * below, and a solution holding choice c of unit u costs at least L(λ) + (v + λ·w)_uc − min_c' (v + λ·w)_uc'. Choices whose
 * bound is above a known solution's value are dropped. Solutions of equal value all stay.
 *
 * The known solution decides how much goes: it comes from rounding the relaxation and exchanges, then, with `beam`, from a beam search on
 * what is left. Our own merge finds such solutions on its way, so it does without unless there are two rows.
 */
export async function presolve(
  knapsack: Knapsack,
  options: { readonly beam: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Presolved> {
  const { bound, multipliers, picks } = relax(knapsack);
  const start = bestRounding(knapsack, picks);
  const rounded = reduce(knapsack, multipliers, start && exchangePicks(knapsack, start, multipliers));
  if (!options.beam) {
    return shift(rounded.knapsack, rounded.incumbent, bound, multipliers);
  }
  const found = await mergePareto(rounded.knapsack, {
    deadline: Infinity,
    stateLimit: Infinity,
    beam: BEAM,
    signal: options.signal,
    incumbent: rounded.incumbent,
    multipliers,
  });
  const reduced = reduce(rounded.knapsack, multipliers, found.picks ?? rounded.incumbent);
  return shift(reduced.knapsack, reduced.incumbent, bound, multipliers);
}

function shift(
  knapsack: Knapsack,
  incumbent: Int32Array | undefined,
  bound: number,
  multipliers: readonly number[],
): Presolved {
  const shifted = subtractLeast(knapsack);
  return { knapsack: shifted.knapsack, incumbent, bound: bound - shifted.value, multipliers };
}

/** Partial solutions kept per unit when looking for a good solution: a few milliseconds for hundreds of units. */
const BEAM = 400;

function reduce(
  knapsack: Knapsack,
  multipliers: readonly number[],
  incumbent: Int32Array | undefined,
): { knapsack: Knapsack; incumbent: Int32Array | undefined } {
  if (incumbent === undefined) {
    return { knapsack, incumbent };
  }
  const { value } = totalsOf(knapsack, incumbent);
  const slack = boundSlack(value, multipliers, knapsack.capacities);
  const room = value - dualBound(knapsack, multipliers) + slack;
  const units = knapsack.units.map((unit, u) => {
    const costs = pricedValues(unit.values, unit.weights, multipliers);
    const least = leastOf(costs);
    return keepChoices(unit, (c) => costs[c]! - least <= room || c === incumbent[u]);
  });
  return {
    knapsack: { ...knapsack, units },
    incumbent: incumbent.map((pick, u) => units[u]!.source.indexOf(knapsack.units[u]!.source[pick]!)),
  };
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

/** The better of two roundings: from the walk's stop (feasible for one row), and from the lightest choices up. */
function bestRounding(knapsack: Knapsack, relaxed: Int32Array): Int32Array | undefined {
  const starts = [relaxed, lightestPicks(knapsack)];
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
