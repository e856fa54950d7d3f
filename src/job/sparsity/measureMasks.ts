import { NM_PATTERNS, findLayers } from '../../analysis';
import type { NmPattern } from '../../analysis';
import { LatheError } from '../../base/errors';
import { measureSparsity } from '../../methods';
import type { PatternMeasure } from '../../methods';
import { cacheKey } from '../cache/cacheKey';
import { measurementScope } from '../prepare';
import type { PreparedJob } from '../prepare';
import type { Recipe } from '../recipe/recipe';
import type { StageSteps } from '../stageTracker';

/** What N:M masks would do to one layer's folded, dense weight. */
export type LayerMasks =
  | { readonly name: string; readonly zeros: number; readonly patterns: readonly PatternMeasure[] }
  /** Why nothing could be measured: a packed weight, NaN. */
  | { readonly name: string; readonly failure: string };

/**
 * Measures every layer against the usual patterns and those of the recipe: magnitude that masks keep, compliance along both
 * axes, non-zeros to drop, mask diversity. Weights are those after batch-norm folding, as masks will see them; no data is
 * needed. Layers measured by an earlier run come from the cache.
 */
export function measureMasks(job: PreparedJob, steps: StageSteps): readonly LayerMasks[] {
  const patterns = patternsToMeasure(job.recipe);
  const shortNames = new Map(job.layers.map((layer) => [layer.name, layer.shortName]));
  return findLayers(job.dense).map((layer): LayerMasks => {
    const { name } = layer;
    const shortName = shortNames.get(name) ?? name;
    const key = cacheKey({
      ...measurementScope(job),
      what: 'masks',
      layer: name,
      patterns,
      permuted: job.recipe.sparsity.permute ? job.recipe.sparsity : null,
    });
    const known = job.cache.get<LayerMasks>(key);
    if (known !== undefined) {
      steps.resume(shortName);
      return known;
    }
    let measured: LayerMasks;
    try {
      const { zeros, patterns: measures } = measureSparsity(layer, patterns);
      measured = { name, zeros, patterns: measures };
    } catch (error) {
      if (!(error instanceof LatheError)) {
        throw error;
      }
      measured = { name, failure: error.message };
    }
    job.cache.put(key, measured);
    steps.advance(shortName);
    return measured;
  });
}

/** Patterns the recipe names, first those for all layers, without repeats. */
export function recipePatterns({ sparsity, layers }: Pick<Recipe, 'sparsity' | 'layers'>): readonly NmPattern[] {
  const named = [...sparsity.patterns, ...layers.map((override) => override.sparsity)];
  return distinct(named.flatMap((pattern) => (pattern ? [{ keep: pattern.keep, group: pattern.group }] : [])));
}

function patternsToMeasure(recipe: Recipe): readonly NmPattern[] {
  return distinct([...recipePatterns(recipe), ...NM_PATTERNS]);
}

function distinct(patterns: readonly NmPattern[]): readonly NmPattern[] {
  return patterns.filter(
    ({ keep, group }, at) => patterns.findIndex((other) => other.keep === keep && other.group === group) === at,
  );
}
