import { invariant } from '../../base/errors';
import type { AllocationProblem, AllocationUnit, PolicyCost } from './allocation';

/**
 * A budget as whole bits. Budgets come from fractions (0.13 × 32 × parameters), so a value a rounding error below a whole
 * number means that number.
 */
export function wholeBudget(budget: number): number {
  return Math.floor(budget + Math.max(1e-9, Math.abs(budget) * 1e-12));
}

/** A loss bound with room for the rounding of the sum: the same rule for engines and verification. */
export function lossAllowance(maxLoss: number, magnitude: number): number {
  return 1e-11 * (Math.abs(maxLoss) + magnitude);
}

/**
 * Cost of a policy: losses added in the order of the units (float64), sizes and bit-operations added exactly.
 * Throws (a bug of the caller) when a pick is no index into its unit's choices.
 */
export function policyCost(units: readonly AllocationUnit[], picks: readonly number[]): PolicyCost {
  invariant(picks.length === units.length, `${picks.length} picks for ${units.length} units`);
  let loss = 0;
  let sizeBits = 0n;
  let bitOperations = 0n;
  for (let u = 0; u < units.length; u++) {
    const pick = picks[u]!;
    const choice = Number.isInteger(pick) ? units[u]!.choices[pick] : undefined;
    invariant(choice !== undefined, `pick ${String(pick)} of unit "${units[u]!.name}" is none of its choices`);
    loss += choice.loss;
    sizeBits += BigInt(choice.sizeBits);
    bitOperations += BigInt(choice.bitOperations);
  }
  return { loss, sizeBits: Number(sizeBits), bitOperations: Number(bitOperations) };
}

/** Recomputes a policy's cost from the unscaled numbers and throws when a pick or a budget is violated. */
export function verifySolution(problem: AllocationProblem, picks: readonly number[]): PolicyCost {
  const cost = policyCost(problem.units, picks);
  const violated = violatedBudget(problem, cost);
  invariant(violated === undefined, `the allocation is over its ${violated} budget`);
  return cost;
}

/** Which budget a cost exceeds, if any. */
export function violatedBudget(
  problem: AllocationProblem,
  cost: PolicyCost,
): 'size' | 'bit-operations' | 'loss' | undefined {
  const { objective } = problem;
  if (objective.minimize === 'loss') {
    if (objective.maxSizeBits !== undefined && cost.sizeBits > wholeBudget(objective.maxSizeBits)) {
      return 'size';
    }
  } else {
    let magnitude = 0;
    for (const unit of problem.units) {
      magnitude += unit.choices.reduce((least, c) => Math.min(least, Math.abs(c.loss)), Infinity);
    }
    if (cost.loss > objective.maxLoss + lossAllowance(objective.maxLoss, magnitude)) {
      return 'loss';
    }
  }
  if (objective.maxBitOperations !== undefined && cost.bitOperations > wholeBudget(objective.maxBitOperations)) {
    return 'bit-operations';
  }
  return undefined;
}
