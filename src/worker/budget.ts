import type { RecipeBudget } from '../job/recipe/recipe';
import type { Budget } from '../protocol/webviewProtocol';

/** The recipe's budget as JSON: what is not set is absent. */
export function definedBudget(budget: RecipeBudget): Budget {
  return {
    ...(budget.size === undefined ? {} : { size: budget.size }),
    ...(budget.bops === undefined ? {} : { bops: budget.bops }),
    ...(budget.loss === undefined ? {} : { loss: budget.loss }),
  };
}

export function recipeBudget(budget: Budget): RecipeBudget {
  return { size: budget.size, bops: budget.bops, loss: budget.loss };
}
