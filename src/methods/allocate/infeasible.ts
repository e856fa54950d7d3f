import { throwIfCancelled, type LatheError } from '../../base/errors';
import type { AllocationProblem, AllocationUnit } from './allocation';
import { infeasible, type PinRelief, type UnreachableBudget } from './errors';
import { amountOf, budgetRows, exactKnapsack, rawKnapsack, type BudgetRow, type RowName } from './knapsack';
import { paretoEngine } from './pareto';

/** Seconds for one of the questions an explanation asks; each has one row and takes milliseconds. */
const EXPLAIN_LIMIT = 10;

/**
 * Why a problem has no solution. For each budget: the smallest amount that can be reached while the other budget is kept,
 * the same without pins and exclusions, and the pins by what loosening each alone would save.
 */
export async function explainInfeasible(
  problem: AllocationProblem,
  signal: AbortSignal | undefined,
): Promise<LatheError> {
  const rows = budgetRows(problem.objective);
  const { units } = problem;
  const free = units.map(withoutPin);
  const pinned = units.some((unit) => unit.unpinned !== undefined);
  const answers: UnreachableBudget[] = [];
  for (const row of rows) {
    const other = rows.find((r) => r !== row);
    const smallest = await smallestAmount(units, row.name, other, signal);
    const smallestWithoutPins = pinned ? await smallestAmount(free, row.name, other, signal) : undefined;
    throwIfCancelled(signal);
    answers.push({
      what: row.name,
      requested: row.budget,
      smallest,
      ...(smallestWithoutPins === undefined ? {} : { smallestWithoutPins }),
      pins: reliefs(units, row.name),
    });
  }
  const unreachable = answers.filter((answer) => answer.smallest > answer.requested);
  // Two budgets a rounding error apart from being met together: name both.
  const budgets = unreachable.length > 0 ? unreachable : answers;
  return infeasible(budgets, {
    loss: sum(units, (unit) => least(unit.choices, 'loss')),
    sizeBits: sum(units, (unit) => least(unit.choices, 'size')),
    bitOperations: sum(units, (unit) => least(unit.choices, 'bitOperations')),
  });
}

/**
 * What loosening each pin alone would save, largest first. Each unit counts for itself: exact where this is the only budget,
 * else the most that the pin can cost.
 */
function reliefs(units: readonly AllocationUnit[], name: RowName): PinRelief[] {
  return units
    .flatMap((unit) => {
      if (unit.unpinned === undefined) {
        return [];
      }
      const saves = least(unit.choices, name) - least(unit.unpinned, name);
      return saves > 0 ? [{ unit: unit.name, pin: unit.pin ?? 'pinned', saves }] : [];
    })
    .sort((a, b) => b.saves - a.saves);
}

/** Least total of one quantity, under the budget of another where that can be met at all. */
async function smallestAmount(
  units: readonly AllocationUnit[],
  name: RowName,
  other: BudgetRow | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  const floor = sum(units, (unit) => least(unit.choices, name));
  const raw = other === undefined ? undefined : rawKnapsack(units, name, [other]);
  if (raw === undefined || raw.capacities[0]! < 0) {
    return floor;
  }
  const knapsack = exactKnapsack(raw, units, Infinity);
  const { picks } = await paretoEngine.solve(knapsack, { timeLimit: EXPLAIN_LIMIT, signal });
  if (picks === undefined) {
    return floor;
  }
  return sum(units, (unit, u) => amountOf[name](unit.choices[knapsack.units[u]!.source[picks[u]!]!]!));
}

function withoutPin(unit: AllocationUnit): AllocationUnit {
  return unit.unpinned === undefined ? unit : { name: unit.name, members: unit.members, choices: unit.unpinned };
}

function least(choices: AllocationUnit['choices'], name: RowName): number {
  return choices.reduce((low, choice) => Math.min(low, amountOf[name](choice)), Infinity);
}

function sum(units: readonly AllocationUnit[], amount: (unit: AllocationUnit, index: number) => number): number {
  return units.reduce((total, unit, index) => total + amount(unit, index), 0);
}
