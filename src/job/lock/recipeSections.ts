import { cacheKey } from '../cache/cacheKey';
import type { Recipe } from '../recipe/recipe';
import type { Lock } from './lockSchema';

/**
 * Hashes of the sections of a recipe that decide what a lock holds. Paths, limits, export and evaluation are not among
 * them; what the calibration data is, its own hash says.
 */
export function recipeSections(recipe: Recipe): Lock['recipe'] {
  return {
    quantization: cacheKey({ ...recipe.quantization }),
    allocation: cacheKey({ ...recipe.allocation }),
    layers: cacheKey({ layers: recipe.layers }),
    preprocess: cacheKey({ ...recipe.data.preprocess }),
    seed: recipe.seed,
  };
}
