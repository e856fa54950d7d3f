import type { AllocationEngine, EngineAnswer, EngineOptions } from './engine';
import type { Knapsack } from './knapsack';
import { mergePareto } from './paretoMerge';
import { relax } from './relaxation';
import { repairPicks, totalsOf } from './rounding';

/** 20 bytes a state: 600 MB at most. */
const STATE_LIMIT = 30_000_000;
const BEAM = 1500;

/** Our own exact engine: merging and pruning of undominated partial solutions (see `mergePareto`). */
export const paretoEngine: AllocationEngine = {
  name: 'pareto',
  async solve(knapsack: Knapsack, options: EngineOptions): Promise<EngineAnswer> {
    const deadline = performance.now() + options.timeLimit * 1000;
    const { multipliers, bound, picks: rounded } = relax(knapsack);
    const common = { deadline, signal: options.signal, multipliers, stateLimit: STATE_LIMIT };
    let incumbent = options.incumbent ?? repairPicks(knapsack, rounded);
    if (knapsack.rows.length > 1) {
      // Two rows leave a wider gap; a good solution first cuts the exact pass down by far more than it costs.
      incumbent = (await mergePareto(knapsack, { ...common, incumbent, beam: BEAM })).picks ?? incumbent;
    }
    const result = await mergePareto(knapsack, { ...common, incumbent });
    if (result.complete) {
      return {
        picks: result.picks,
        proven: true,
        bound: result.picks === undefined ? Infinity : totalsOf(knapsack, result.picks).value,
      };
    }
    return {
      picks: result.picks,
      proven: false,
      bound,
      stopped: 'time-limit',
      note: 'stopped before the search was complete',
    };
  },
};
