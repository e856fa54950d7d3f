import solver, { type SolveResult } from 'javascript-lp-solver';
import { throwIfCancelled } from '../../base/errors';
import { solverScales, type AllocationEngine, type EngineAnswer, type EngineOptions } from './engine';
import type { Knapsack } from './knapsack';

/** How far from 0 or 1 a variable may be: results are rounded to 8 decimals. */
const INTEGRALITY = 1e-6;

/**
 * javascript-lp-solver: branch and cut in plain JavaScript. Synchronous; a signal is looked at before it starts, its own
 * time limit stops it. When that happens it says `feasible: true` and returns what it has, often fractional, so the clock
 * and the values decide here whether an answer is one.
 */
export const javascriptLpSolverEngine: AllocationEngine = {
  name: 'javascript-lp-solver',
  solve(knapsack: Knapsack, options: EngineOptions): Promise<EngineAnswer> {
    return Promise.resolve().then(() => {
      throwIfCancelled(options.signal);
      return solveNow(knapsack, options.timeLimit);
    });
  },
};

function solveNow(knapsack: Knapsack, timeLimit: number): EngineAnswer {
  const scales = solverScales(knapsack);
  const constraints: Record<string, { equal?: number; max?: number }> = {};
  const variables: Record<string, Record<string, number>> = {};
  const ints: Record<string, 1> = {};
  knapsack.capacities.forEach((capacity, row) => {
    constraints[`r${row}`] = { max: capacity * scales.rows[row]! };
  });
  knapsack.units.forEach((unit, u) => {
    if (unit.values.length < 2) {
      return;
    }
    constraints[`u${u}`] = { equal: 1 };
    for (let c = 0; c < unit.values.length; c++) {
      // No upper bounds of 1: the one-hot row implies them and each would be a row of the tableau.
      const variable: Record<string, number> = { cost: unit.values[c]! * scales.value, [`u${u}`]: 1 };
      unit.weights.forEach((column, row) => {
        variable[`r${row}`] = column[c]! * scales.rows[row]!;
      });
      variables[`x${u}_${c}`] = variable;
      ints[`x${u}_${c}`] = 1;
    }
  });
  const timeout = Math.max(1, Math.round(timeLimit * 1000));
  const begun = Date.now();
  const model = { optimize: 'cost', opType: 'min' as const, constraints, variables, ints, options: { timeout } };
  const result = solver.Solve(model) as SolveResult;
  const inTime = Date.now() - begun < timeout;
  if (!result.feasible) {
    // Not taken as a proof: wrong answers of this kind are known.
    return inTime
      ? { picks: undefined, proven: false, bound: -Infinity, stopped: 'failed', note: 'it found no feasible solution' }
      : { picks: undefined, proven: false, bound: -Infinity, stopped: 'time-limit' };
  }
  const picks = new Int32Array(knapsack.units.length);
  for (let u = 0; u < knapsack.units.length; u++) {
    const { length } = knapsack.units[u]!.values;
    if (length < 2) {
      continue;
    }
    let chosen = -1;
    for (let c = 0; c < length; c++) {
      const value = Number(result[`x${u}_${c}`] ?? 0);
      if (Math.abs(value - 1) <= INTEGRALITY && chosen < 0) {
        chosen = c;
      } else if (!(Math.abs(value) <= INTEGRALITY)) {
        return {
          picks: undefined,
          proven: false,
          bound: -Infinity,
          stopped: inTime ? 'inexact' : 'time-limit',
          note: 'the answer was fractional',
        };
      }
    }
    if (chosen < 0) {
      return {
        picks: undefined,
        proven: false,
        bound: -Infinity,
        stopped: 'inexact',
        note: 'a unit was left without a choice',
      };
    }
    picks[u] = chosen;
  }
  return inTime
    ? { picks, proven: true, bound: -Infinity }
    : { picks, proven: false, bound: -Infinity, stopped: 'time-limit' };
}
