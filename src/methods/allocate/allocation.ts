/** The bit-allocation problem and its answer: a multiple-choice knapsack with one or more budgets. */

/** One thing a layer (or a group of tied layers) may become. */
export interface Choice {
  readonly weightBits: number;
  /** 32 means the input stays float. */
  readonly activationBits: number;
  /** Predicted loss added to the network by this choice, in the unit of the measurement (nats by default). */
  readonly loss: number;
  /** Storage of the layer's weights at this choice, in bits (nominal: elements × bits). */
  readonly sizeBits: number;
  /** MACs × weightBits × activationBits. */
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
}

export type Objective =
  | { readonly minimize: 'loss'; readonly maxSizeBits?: number; readonly maxBitOperations?: number }
  | { readonly minimize: 'size'; readonly maxLoss: number; readonly maxBitOperations?: number };

export interface AllocationProblem {
  readonly units: readonly AllocationUnit[];
  readonly objective: Objective;
}

export type EngineName = 'javascript-lp-solver' | 'highs' | 'pareto';

export interface AllocationSolution {
  /** Index into `choices` for each unit, in the order of `units`. */
  readonly picks: readonly number[];
  readonly loss: number;
  readonly sizeBits: number;
  readonly bitOperations: number;
  readonly engine: EngineName;
  /** True when the engine proved optimality. */
  readonly proven: boolean;
  /** Lower bound on the objective (loss, or size in bits): the engine's, or the LP relaxation's. */
  readonly bound: number;
  readonly seconds: number;
}

export interface FrontierPoint {
  readonly sizeBits: number;
  readonly loss: number;
  readonly picks: readonly number[];
  /** `hull`: lower convex hull, at once. `exact`: solved to optimality. */
  readonly kind: 'hull' | 'exact';
}
