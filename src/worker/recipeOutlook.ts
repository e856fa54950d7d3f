import { existsSync, readFileSync } from 'node:fs';
import { LatheError } from '../base/errors';
import { staleReasons } from '../job/jobs';
import { lockPathOf } from '../job/lock/lockFile';
import { parseRecipe, type RecipePositions } from '../job/recipe/parseRecipe';
import type { Recipe } from '../job/recipe/recipe';
import type { RecipeDiagnostic } from '../protocol/job';
import type { AllocationViews } from './allocationViews';
import { staleInRecipe } from './staleLock';

/**
 * Diagnostics that need more than the recipe's text: a stale lock (a warning on each thing that made it so) and a budget that no
 * allocation reaches (an error on the budget, with the smallest that can be reached).
 */
export async function recipeOutlook(
  recipePath: string,
  allocations: AllocationViews,
  signal: AbortSignal,
): Promise<RecipeDiagnostic[]> {
  const { recipe, positions } = parseRecipe(readFileSync(recipePath, 'utf8').replace(/^\uFEFF/, ''), recipePath);
  if (recipe === undefined) {
    return [];
  }
  const found: RecipeDiagnostic[] = [];
  try {
    if (existsSync(lockPathOf(recipePath))) {
      found.push(...staleInRecipe((await staleReasons(recipePath, { signal })) ?? [], positions));
    }
    await allocations.solve(recipePath, undefined, [], 'hull', signal);
  } catch (error) {
    if (LatheError.is(error, 'allocate/infeasible')) {
      const place = positions(['allocation', 'budget']) ?? positions(['allocation']) ?? { offset: 0, length: 0 };
      const fix = smallestBudget(error, recipe, positions);
      found.push({ severity: 'error', code: 'recipe/unreachable-budget', message: error.message, ...place, ...fix });
    } else if (!LatheError.is(error)) {
      throw error;
    }
    // Any other failure (not measured, data elsewhere) is told where it is met.
  }
  return found;
}

/** The smallest budget that can be reached, rounded up, where the recipe writes its own. */
function smallestBudget(error: LatheError, recipe: Recipe, positions: RecipePositions): Pick<RecipeDiagnostic, 'fix'> {
  const smallest = error.details.smallestBudget as { readonly size?: number; readonly bops?: number } | undefined;
  for (const name of ['size', 'bops'] as const) {
    const reachable = smallest?.[name];
    const place = positions(['allocation', 'budget', name]);
    const asked = recipe.allocation.budget[name];
    if (reachable !== undefined && place !== undefined && asked !== undefined && asked < reachable) {
      return { fix: { text: String(Math.ceil(reachable * 1e4) / 1e4), ...place } };
    }
  }
  return {};
}
