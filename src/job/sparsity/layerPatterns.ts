import { nmEligibility } from '../../analysis';
import type { Layer } from '../../analysis';
import { choosePattern } from '../../methods';
import { overrideFor } from '../recipe/layerOverrides';
import type { Recipe, SparsityChoice } from '../recipe/recipe';

/** What the recipe wants of one layer: the patterns it may get. */
export interface LayerPatterns {
  /** Never empty; undefined among them is "dense". One entry: nothing to decide. */
  readonly patterns: readonly (SparsityChoice | undefined)[];
  /** Why the layer is dense, or why it has its pattern, where the recipe's own list did not decide. */
  readonly reason: string | undefined;
}

const DENSE: readonly (SparsityChoice | undefined)[] = [undefined];

/**
 * Patterns for a layer: the recipe's, its overrides (last match wins), the rule for first and last, what the layer's shape
 * allows.
 *
 * @param zeros share of exact zeros in the layer's weight, for "auto"
 */
export function layerPatterns(
  recipe: Recipe,
  layer: Layer,
  edges: ReadonlySet<string>,
  zeros: () => number,
): LayerPatterns {
  const override = overrideFor(recipe, layer);
  const { sparsity } = recipe;
  if (override?.sparsity === null) {
    return { patterns: DENSE, reason: `dense by "${override.pattern}"` };
  }
  if (override?.sparsity !== undefined) {
    return eligiblePatterns(layer, [override.sparsity], `set by "${override.pattern}"`);
  }
  if (sparsity.patterns.length === 0 && sparsity.auto === undefined) {
    return { patterns: DENSE, reason: undefined };
  }
  if (!sparsity.firstAndLast && edges.has(layer.name)) {
    return { patterns: DENSE, reason: 'first or last layer: dense' };
  }
  if (sparsity.auto === undefined) {
    return eligiblePatterns(layer, sparsity.patterns, undefined);
  }
  const { group, transposable } = sparsity.auto;
  const share = zeros();
  const chosen = choosePattern(share, group);
  return chosen.keep >= group
    ? { patterns: DENSE, reason: `${(100 * share).toFixed(1)} % zeros: too few for a pattern of ${group}` }
    : eligiblePatterns(layer, [{ ...chosen, transposable }], `chosen from ${(100 * share).toFixed(1)} % zeros`);
}

/** What a layer's shape makes of a wish for patterns: those it can take, or dense with the reason. */
export function eligiblePatterns(
  layer: Layer,
  patterns: readonly (SparsityChoice | undefined)[],
  reason: string | undefined,
): LayerPatterns {
  const refusals: string[] = [];
  const possible = patterns.filter((pattern) => {
    if (pattern === undefined) {
      return true;
    }
    const verdict = nmEligibility(layer, pattern.keep, pattern.group);
    if (!verdict.possible) {
      refusals.push(verdict.reason);
    }
    return verdict.possible;
  });
  return possible.length > 0 && (possible.length > 1 || possible[0] !== undefined || refusals.length === 0)
    ? { patterns: possible, reason }
    : { patterns: DENSE, reason: refusals[0] ?? reason };
}

/** "dense", "2:4" or "4:8T": what keys and tables say. */
export function patternKey(pattern: SparsityChoice | undefined): string {
  return pattern === undefined ? 'dense' : `${pattern.keep}:${pattern.group}${pattern.transposable ? 'T' : ''}`;
}
