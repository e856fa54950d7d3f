import { cacheKey } from '../cache/cacheKey';
import type { Recipe } from '../recipe/recipe';
import type { Lock } from './lockSchema';

/**
 * Hashes of the sections of a recipe that decide what a lock holds. Paths, limits, export and evaluation are not among
 * them; what the calibration data is, its own hash says.
 */
export function recipeSections(recipe: Recipe): Lock['recipe'] {
  return {
    quantization: cacheKey({ ...recipe.quantization, tuning: { ...recipe.tuning } }),
    allocation: cacheKey({ ...recipe.allocation }),
    ...(usesSparsity(recipe) ? { sparsity: cacheKey({ ...recipe.sparsity }) } : {}),
    layers: cacheKey({ layers: recipe.layers }),
    preprocess: cacheKey({ ...recipe.data.preprocess }),
    seed: recipe.seed,
  };
}

function usesSparsity(recipe: Recipe): boolean {
  return recipe.sparsity.patterns.length > 0 || recipe.sparsity.auto !== undefined;
}
