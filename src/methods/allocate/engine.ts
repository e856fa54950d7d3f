import type { EngineName } from './allocation';
import type { Knapsack } from './knapsack';

/** What an engine says. Nothing of it is believed before it has been recomputed. */
export interface EngineAnswer {
  /** Choice per unit of the knapsack; undefined when none was found. */
  readonly picks: ArrayLike<number> | undefined;
  /** The engine finished and claims optimality (or, without picks, infeasibility). */
  readonly proven: boolean;
  /** Lower bound on the value, -Infinity when the engine gives none. */
  readonly bound: number;
  readonly stopped?: 'time-limit' | 'inexact' | 'failed';
  readonly note?: string;
}

export interface EngineOptions {
  /** Seconds. */
  readonly timeLimit: number;
  /** Synchronous engines look at it only before they start. */
  readonly signal?: AbortSignal | undefined;
  /** A feasible solution to start from, if known. */
  readonly incumbent?: Int32Array | undefined;
}

/** A solver of whole-number knapsacks (see `exactKnapsack`). Solves the same problem to the same value as any other. */
export interface AllocationEngine {
  readonly name: EngineName;
  solve(knapsack: Knapsack, options: EngineOptions): Promise<EngineAnswer>;
}

/**
 * Powers of two that bring values to at most 1000 and each row's capacity to at most 1000: solvers with fixed tolerances
 * misjudge bytes in the billions and losses of a millionth alike. Powers of two keep every number exact.
 */
export function solverScales(knapsack: Knapsack): { value: number; rows: number[] } {
  let most = 0;
  for (const unit of knapsack.units) {
    for (const value of unit.values) {
      most = Math.max(most, value);
    }
  }
  const scale = (magnitude: number): number => (magnitude > 0 ? 2 ** Math.floor(Math.log2(1000 / magnitude)) : 1);
  return { value: scale(most), rows: knapsack.capacities.map(scale) };
}
