import type { Highs, Model } from 'highs';
import { throwIfCancelled } from '../../base/errors';
import { solverScales, type AllocationEngine, type EngineAnswer, type EngineOptions } from './engine';
import type { Knapsack } from './knapsack';

const INTEGRALITY = 1e-6;

let loaded: Promise<Highs> | undefined;

/** Loads the WebAssembly build when first needed. */
function loadHighs(): Promise<Highs> {
  loaded ??= import('highs').then((module) => module.default());
  return loaded;
}

/**
 * HiGHS (Huangfu and Hall, "Parallelizing the dual revised simplex method", 2018), the WebAssembly build: a branch-and-cut
 * solver that also reports its bound. Synchronous once loaded; a signal is looked at before it starts. The model goes in
 * as numbers, not as LP text, so nothing is rounded on the way. After an error the module is loaded afresh: an aborted
 * WebAssembly instance cannot be trusted.
 */
export const highsEngine: AllocationEngine = {
  name: 'highs',
  async solve(knapsack: Knapsack, options: EngineOptions): Promise<EngineAnswer> {
    throwIfCancelled(options.signal);
    const exitCode = process.exitCode;
    try {
      const highs = await loadHighs();
      throwIfCancelled(options.signal);
      const model = highs.createModel();
      try {
        return run(highs, model, knapsack, options);
      } finally {
        model.dispose();
      }
    } catch (error) {
      throwIfCancelled(options.signal);
      loaded = undefined;
      // An abort inside the module sets the exit code of the whole process.
      process.exitCode = exitCode;
      const note = error instanceof Error ? error.message : String(error);
      return { picks: undefined, proven: false, bound: -Infinity, stopped: 'failed', note };
    }
  },
};

interface Column {
  readonly unit: number;
  readonly choice: number;
}

function run(highs: Highs, model: Model, knapsack: Knapsack, options: EngineOptions): EngineAnswer {
  const scales = solverScales(knapsack);
  const rowCount = knapsack.capacities.length;
  const columns: Column[] = [];
  const open: number[] = [];
  knapsack.units.forEach((unit, u) => {
    if (unit.values.length > 1) {
      open.push(u);
      for (let c = 0; c < unit.values.length; c++) {
        columns.push({ unit: u, choice: c });
      }
    }
  });
  const starts: number[] = [0];
  const indices: number[] = [];
  const values: number[] = [];
  const rowOfUnit = new Map(open.map((u, i) => [u, rowCount + i]));
  for (const { unit, choice } of columns) {
    knapsack.units[unit]!.weights.forEach((column, row) => {
      if (column[choice] !== 0) {
        indices.push(row);
        values.push(column[choice]! * scales.rows[row]!);
      }
    });
    indices.push(rowOfUnit.get(unit)!);
    values.push(1);
    starts.push(indices.length);
  }
  const numRows = rowCount + open.length;
  model.options.set({
    output_flag: false,
    time_limit: options.timeLimit,
    mip_rel_gap: 0,
    // Objectives are scaled to a thousand: this is 12 digits.
    mip_abs_gap: 1e-9,
    primal_feasibility_tolerance: 1e-9,
    dual_feasibility_tolerance: 1e-9,
    mip_feasibility_tolerance: 1e-9,
    // The default drops entries below 1e-9, which are real differences here.
    small_matrix_value: 1e-12,
    random_seed: 0,
  });
  model.passModel({
    numCols: columns.length,
    numRows,
    colCost: columns.map(({ unit, choice }) => knapsack.units[unit]!.values[choice]! * scales.value),
    colLower: columns.map(() => 0),
    colUpper: columns.map(() => 1),
    rowLower: [...knapsack.capacities.map(() => -highs.infinity), ...open.map(() => 1)],
    rowUpper: [
      // Weights are whole: half a unit above the capacity separates what fits from what does not, whatever the tolerance.
      ...knapsack.capacities.map((capacity, row) => (capacity + 0.5) * scales.rows[row]!),
      ...open.map(() => 1),
    ],
    matrix: { format: 'csc', numRows, numCols: columns.length, starts, indices, values },
    integrality: columns.map(() => highs.constants.variableType.integer),
  });
  const { modelStatus } = model.run();
  const status = highs.constants.modelStatus;
  if (modelStatus === status.infeasible) {
    return { picks: undefined, proven: true, bound: Infinity };
  }
  if (modelStatus !== status.optimal && modelStatus !== status.timeLimit) {
    return {
      picks: undefined,
      proven: false,
      bound: -Infinity,
      stopped: 'failed',
      note: `model status ${modelStatus}`,
    };
  }
  const finished = modelStatus === status.optimal;
  const dual = Number(model.info.get('mip_dual_bound'));
  const bound = Number.isFinite(dual) ? dual / scales.value : -Infinity;
  const stopped = finished ? {} : ({ stopped: 'time-limit' } as const);
  if (model.info.get('primal_solution_status') !== highs.constants.solutionStatus.feasible) {
    return { picks: undefined, proven: false, bound, ...stopped };
  }
  const { colValue } = model.getSolution();
  const picks = new Int32Array(knapsack.units.length).fill(-1);
  for (let u = 0; u < picks.length; u++) {
    if (!rowOfUnit.has(u)) {
      picks[u] = 0;
    }
  }
  for (let i = 0; i < columns.length; i++) {
    const { unit, choice } = columns[i]!;
    if (Math.abs(colValue[i]! - 1) <= INTEGRALITY && picks[unit]! < 0) {
      picks[unit] = choice;
    } else if (!(Math.abs(colValue[i]!) <= INTEGRALITY)) {
      return { picks: undefined, proven: false, bound, stopped: 'inexact', note: 'the answer was fractional' };
    }
  }
  if (picks.includes(-1)) {
    return { picks: undefined, proven: false, bound, stopped: 'inexact', note: 'a unit was left without a choice' };
  }
  return { picks, proven: finished, bound, ...stopped };
}
