export type {
  AllocationProblem,
  AllocationSolution,
  AllocationUnit,
  Choice,
  ChoicePattern,
  EngineAttempt,
  EngineName,
  FrontierPoint,
  Objective,
  PolicyCost,
} from './allocation';
export { buildUnits, type AllocationLayer, type Candidate, type UnitOptions } from './buildUnits';
export type { AllocateErrorCode, PinRelief, UnreachableBudget } from './errors';
export { frontier, refineFrontier, uniformPoints, type RefineOptions, type UniformPoint } from './frontier';
export { patternBits, patternName, samePattern } from './patternBits';
export { neighbours, type Neighbour } from './neighbours';
export { relaxationBound, solveAllocation, type SolveOptions } from './solveAllocation';
export { policyCost, verifySolution, violatedBudget } from './verifySolution';
