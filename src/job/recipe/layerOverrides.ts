import type { LayerOverride, Recipe } from './recipe';

/** Names by which a recipe may mean a layer. */
export interface LayerNames {
  readonly name: string;
  readonly shortName: string;
}

/** Whether a pattern of the recipe means this layer, by its full or its short name. `*` also crosses slashes and dots. */
export function matchesLayer(pattern: string, layer: LayerNames): boolean {
  return matchesGlob(pattern, layer.name) || matchesGlob(pattern, layer.shortName);
}

/**
 * Glob with `*` and `?` only. Written out instead of a regular expression: the pattern comes from a file, and "*a*a*a*…"
 * against a long name would take a backtracking engine exponential time; this takes |pattern| · |name| at worst.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star !== -1) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') {
    p++;
  }
  return p === pattern.length;
}

/** What the recipe's overrides say about one layer: the last match wins, field by field. */
export function overrideFor(recipe: Pick<Recipe, 'layers'>, layer: LayerNames): LayerOverride | undefined {
  let found: LayerOverride | undefined;
  for (const override of recipe.layers) {
    if (matchesLayer(override.pattern, layer)) {
      found = {
        pattern: override.pattern,
        weights: override.weights === undefined ? found?.weights : override.weights,
        activations: override.activations === undefined ? found?.activations : override.activations,
        sparsity: override.sparsity === undefined ? found?.sparsity : override.sparsity,
      };
    }
  }
  return found;
}
