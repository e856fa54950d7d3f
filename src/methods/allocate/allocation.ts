/** The bit-allocation problem and its answer: a multiple-choice knapsack with one or more budgets. */

/** At most `keep` non-zeros in every `group` consecutive weights along the reduction axis, and with `transposable` along the other too. */
export interface ChoicePattern {
  readonly keep: number;
  readonly group: number;
  readonly transposable: boolean;
}

/** One thing a layer (or a group of tied layers) may become. */
export interface Choice {
  readonly weightBits: number;
  /** 32 means the input stays float. */
  readonly activationBits: number;
  /** Predicted loss added to the network by this choice, in the unit of the measurement (nats by default). */
  readonly loss: number;
  /** Absent: the weight stays dense. */
  readonly pattern?: ChoicePattern | undefined;
  /** Storage of the layer's weights at this choice, in bits (nominal: elements × bits; see `patternBits` for a pattern). */
  readonly sizeBits: number;
  /** MACs × weightBits × activationBits, times the share of weights a pattern keeps. */
  readonly bitOperations: number;
}

export interface AllocationUnit {
  /** Name of the layer, or of the first of a group of tied layers. */
  readonly name: string;
  /** All layers decided by this unit. */
  readonly members: readonly string[];
  /** Never empty. A pinned or excluded unit has one choice. */
  readonly choices: readonly Choice[];
  /** Why the choices are fewer than the recipe's widths: named when a budget cannot be reached. */
  readonly pin?: string;
  /** What the choices would be without the pin: lets an unreachable budget be explained. */
  readonly unpinned?: readonly Choice[];
  /** Largest amount by which a loss was raised so that more bits never cost more (see `makeMonotone`); absent when none was. */
  readonly raisedBy?: number;
}

export type Objective =
  | { readonly minimize: 'loss'; readonly maxSizeBits?: number; readonly maxBitOperations?: number }
  | { readonly minimize: 'size'; readonly maxLoss: number; readonly maxBitOperations?: number };

export interface AllocationProblem {
  readonly units: readonly AllocationUnit[];
  readonly objective: Objective;
}

export type EngineName = 'javascript-lp-solver' | 'highs' | 'pareto';

/** What a whole policy costs. */
export interface PolicyCost {
  readonly loss: number;
  readonly sizeBits: number;
  readonly bitOperations: number;
}

/** One engine's try at a problem, in the order tried. */
export interface EngineAttempt {
  readonly engine: EngineName;
  /**
   * `proven`: finished, optimal. `unproven`: an answer within the budgets without proof. `time-limit`: nothing usable in
   * time. `inexact`: the answer was fractional, over a budget, or beaten by another engine. `failed`: the engine broke.
   */
  readonly outcome: 'proven' | 'unproven' | 'time-limit' | 'inexact' | 'failed';
  readonly seconds: number;
  /** One sentence where the outcome needs one. */
  readonly note?: string;
}

export interface AllocationSolution extends PolicyCost {
  /** Index into `choices` for each unit, in the order of `units`. */
  readonly picks: readonly number[];
  readonly engine: EngineName;
  /** True when optimality was proved. */
  readonly proven: boolean;
  /** Lower bound on the objective (loss, or size in bits): the engine's, or the LP relaxation's. */
  readonly bound: number;
  readonly seconds: number;
  /** All engines tried, so that a takeover can be reported. Empty when nothing had to be decided. */
  readonly attempts: readonly EngineAttempt[];
}

export interface FrontierPoint {
  readonly sizeBits: number;
  readonly loss: number;
  readonly picks: readonly number[];
  /** `hull`: lower convex hull, at once (such a point is optimal at its size). `exact`: solved to optimality. */
  readonly kind: 'hull' | 'exact';
}
