import type { AllocationProblem, AllocationUnit, Choice, Objective } from './allocation';
import { badBudget, badLoss, badSize } from './errors';
import { lossAllowance, wholeBudget } from './verifySolution';

export type RowName = 'size' | 'bitOperations' | 'loss';

/** The choices of one unit as columns: `values[c]` is minimised, `weights[row][c]` counts against `capacities[row]`. */
export interface KnapsackUnit {
  readonly values: Float64Array;
  readonly weights: readonly Float64Array[];
  /** Index into the `choices` of the allocation unit. */
  readonly source: Int32Array;
}

/**
 * The form all engines work on: minimise Σ value subject to Σ weight ≤ capacity per row, one choice per unit.
 *
 * Each unit's least value and weights are subtracted, so that all numbers are ≥ 0 and 0 occurs in each column.
 * After {@link exactKnapsack} all numbers are whole and their sums below 2^53: order of summation does not matter,
 * equality means equality, and every engine is checked in the same arithmetic.
 */
export interface Knapsack {
  readonly units: readonly KnapsackUnit[];
  /** What the values are. */
  readonly objective: RowName;
  readonly rows: readonly RowName[];
  readonly capacities: readonly number[];
  /** Objective = offset + quantum × value. */
  readonly offset: number;
  readonly quantum: number;
}

/** Rejects what cannot be summed, naming the layer. */
export function validateProblem(problem: AllocationProblem): void {
  for (const unit of problem.units) {
    for (const choice of unit.choices) {
      if (!Number.isFinite(choice.loss)) {
        throw badLoss(unit.name, choice.weightBits, choice.activationBits, choice.loss);
      }
      for (const what of ['sizeBits', 'bitOperations'] as const) {
        if (!Number.isInteger(choice[what]) || choice[what] < 0) {
          throw badSize(unit.name, what, choice[what]);
        }
      }
    }
  }
  const { objective } = problem;
  const budgets =
    objective.minimize === 'loss'
      ? ([['size', objective.maxSizeBits] as const, ['bit-operations', objective.maxBitOperations] as const] as const)
      : ([['bit-operations', objective.maxBitOperations] as const] as const);
  for (const [what, budget] of budgets) {
    if (budget !== undefined && !(budget >= 0)) {
      throw badBudget(what, budget);
    }
  }
  if (objective.minimize === 'size' && (Number.isNaN(objective.maxLoss) || objective.maxLoss === -Infinity)) {
    throw badBudget('loss', objective.maxLoss);
  }
}

/** A quantity that must not exceed a budget. */
export interface BudgetRow {
  readonly name: RowName;
  readonly budget: number;
}

/** The budgets of an objective, in the order in which ties are broken; infinite ones are none. */
export function budgetRows(objective: Objective, round: (bits: number) => number = wholeBudget): BudgetRow[] {
  const rows: BudgetRow[] = [];
  if (objective.minimize === 'size') {
    rows.push({ name: 'loss', budget: objective.maxLoss });
  } else if (objective.maxSizeBits !== undefined) {
    rows.push({ name: 'size', budget: round(objective.maxSizeBits) });
  }
  if (objective.maxBitOperations !== undefined) {
    rows.push({ name: 'bitOperations', budget: round(objective.maxBitOperations) });
  }
  return rows.filter((row) => row.budget !== Infinity);
}

/** The units as columns, unscaled. A negative capacity means that the row cannot be met at all. */
export function rawKnapsack(
  units: readonly AllocationUnit[],
  objective: RowName,
  rows: readonly BudgetRow[],
): Knapsack {
  let offset = 0;
  const capacities = rows.map((row) => row.budget);
  const magnitudes = rows.map(() => 0);
  const columns = units.map((unit): KnapsackUnit => {
    const values = Float64Array.from(unit.choices, amountOf[objective]);
    offset += shiftToZero(values);
    const weights = rows.map((row, r) => {
      const column = Float64Array.from(unit.choices, amountOf[row.name]);
      const least = shiftToZero(column);
      capacities[r]! -= least;
      magnitudes[r]! += Math.abs(least);
      return column;
    });
    return { values, weights, source: Int32Array.from(unit.choices, (_, c) => c) };
  });
  rows.forEach((row, r) => {
    if (row.name === 'loss') {
      // Half of what verification allows: the other half is for rounding to whole numbers.
      capacities[r]! += lossAllowance(row.budget, magnitudes[r]!) / 2;
    }
  });
  return { units: columns, objective, rows: rows.map((row) => row.name), capacities, offset, quantum: 1 };
}

export const amountOf: Readonly<Record<RowName, (choice: Choice) => number>> = {
  size: (choice) => choice.sizeBits,
  bitOperations: (choice) => choice.bitOperations,
  loss: (choice) => choice.loss,
};

/**
 * Makes all numbers whole. Sizes and bit-operations lose their greatest common divisor (they stay exact; only above 2^51
 * are they rounded, against the budget). Losses become multiples of a power of two, `scale · 2^-51`: their sum over 300
 * layers is off by at most 2·10^-13 of `scale`.
 *
 * Choices that exceed a capacity by themselves, or are dominated, go, and so do rows that cannot bind (unless `keepRows`).
 *
 * @param largestValue an upper bound on the optimal value, in the units of `raw` (Infinity if none is known): choices
 * worth more go too, so that one absurd loss does not coarsen all the others.
 */
export function exactKnapsack(
  raw: Knapsack,
  units: readonly AllocationUnit[],
  largestValue: number,
  options: { readonly keepRows?: boolean } = {},
): Knapsack {
  const fitting = raw.units.map((unit) => keepChoices(unit, (c) => fits(unit, c, raw.capacities, largestValue)));
  const binding = [...raw.rows.keys()].filter(
    (r) => options.keepRows === true || sumOf(fitting, (u) => u.weights[r]!) > raw.capacities[r]!,
  );
  const rows = binding.map((r) => raw.rows[r]!);
  const valueScale = wholeScale(
    raw.objective,
    fitting.map((u) => u.values),
    Math.min(
      largestValue,
      sumOf(fitting, (u) => u.values),
    ),
  );
  const rowScales = binding.map((r) =>
    wholeScale(
      raw.rows[r]!,
      fitting.map((u) => u.weights[r]!),
      raw.capacities[r]!,
    ),
  );
  const columns = fitting.map((unit, u) =>
    dropDominated(
      {
        values: unit.values.map(valueScale.toWhole),
        weights: binding.map((r, k) => unit.weights[r]!.map(rowScales[k]!.toWhole)),
        source: unit.source,
      },
      units[u]!,
    ),
  );
  return {
    units: columns,
    objective: raw.objective,
    rows,
    capacities: binding.map((r, k) => Math.floor(raw.capacities[r]! / rowScales[k]!.quantum)),
    offset: raw.offset,
    quantum: valueScale.quantum,
  };
}

/** Keeps the choices for which `keep` holds. */
export function keepChoices(unit: KnapsackUnit, keep: (choice: number) => boolean): KnapsackUnit {
  const kept: number[] = [];
  for (let c = 0; c < unit.values.length; c++) {
    if (keep(c)) {
      kept.push(c);
    }
  }
  return kept.length === unit.values.length ? unit : pickChoices(unit, kept);
}

function pickChoices(unit: KnapsackUnit, kept: readonly number[]): KnapsackUnit {
  return {
    values: Float64Array.from(kept, (c) => unit.values[c]!),
    weights: unit.weights.map((column) => Float64Array.from(kept, (c) => column[c]!)),
    source: Int32Array.from(kept, (c) => unit.source[c]!),
  };
}

function fits(unit: KnapsackUnit, choice: number, capacities: readonly number[], largestValue: number): boolean {
  return (
    unit.values[choice]! <= largestValue && unit.weights.every((column, row) => column[choice]! <= capacities[row]!)
  );
}

/**
 * Drops choices for which another one is no worse in value and in every row. Of equals the one with fewer bits stays
 * (size, then bit-operations, then weight bits, then the earlier). What is left is ordered by weight, lightest first.
 */
function dropDominated(unit: KnapsackUnit, allocationUnit: AllocationUnit): KnapsackUnit {
  const choiceOf = (c: number): Choice => allocationUnit.choices[unit.source[c]!]!;
  const order = [...unit.values.keys()].sort((a, b) => {
    for (const column of unit.weights) {
      if (column[a] !== column[b]) {
        return column[a]! - column[b]!;
      }
    }
    return (
      unit.values[a]! - unit.values[b]! ||
      choiceOf(a).sizeBits - choiceOf(b).sizeBits ||
      choiceOf(a).bitOperations - choiceOf(b).bitOperations ||
      choiceOf(a).weightBits - choiceOf(b).weightBits ||
      a - b
    );
  });
  const kept: number[] = [];
  for (const c of order) {
    const dominated = kept.some(
      (k) => unit.values[k]! <= unit.values[c]! && unit.weights.every((column) => column[k]! <= column[c]!),
    );
    if (!dominated) {
      kept.push(c);
    }
  }
  return pickChoices(unit, kept);
}

function shiftToZero(column: Float64Array): number {
  let least = Infinity;
  for (const value of column) {
    least = Math.min(least, value);
  }
  for (let i = 0; i < column.length; i++) {
    column[i]! -= least;
  }
  return least;
}

function sumOf(units: readonly KnapsackUnit[], column: (unit: KnapsackUnit) => Float64Array): number {
  let sum = 0;
  for (const unit of units) {
    let most = 0;
    for (const value of column(unit)) {
      most = Math.max(most, value);
    }
    sum += most;
  }
  return sum;
}

interface WholeScale {
  readonly quantum: number;
  readonly toWhole: (value: number) => number;
}

function wholeScale(row: RowName, columns: readonly Float64Array[], magnitude: number): WholeScale {
  if (!(magnitude > 0)) {
    return { quantum: 1, toWhole: row === 'loss' ? (value) => Math.ceil(value) : (value) => value };
  }
  if (row === 'loss') {
    // Not below the smallest normal number: quanta of subnormal losses would not be powers of two.
    const quantum = 2 ** Math.max(Math.ceil(Math.log2(magnitude)) - 51, -1022);
    return { quantum, toWhole: (value) => Math.round(value / quantum) };
  }
  let divisor = 0;
  for (const column of columns) {
    for (const value of column) {
      divisor = commonDivisor(divisor, value);
    }
  }
  divisor = Math.max(divisor, 1);
  while (magnitude / divisor > 2 ** 51) {
    divisor *= 2;
  }
  return { quantum: divisor, toWhole: (value) => Math.ceil(value / divisor) };
}

function commonDivisor(a: number, b: number): number {
  while (b !== 0) {
    [a, b] = [b, a % b];
  }
  return a;
}
