import { canonicalJson } from '../cache/canonicalJson';
import type { Recipe, SparsityChoice } from '../recipe/recipe';
import { diffFields, diffLayers, type LayerFields } from './diffLayers';
import { patternText } from './diffLocks';
import type { FileDiff } from './diffTypes';

/** Compares what two recipes mean: a default written out is no change, nor is another order of fields. */
export function diffRecipes(before: Recipe, after: Recipe): Omit<FileDiff, 'before' | 'after'> {
  return {
    kind: 'recipe',
    figures: [],
    fields: diffFields(recipeFields(before), recipeFields(after)),
    ...diffLayers(recipeOverrides(before), recipeOverrides(after)),
  };
}

function recipeFields(recipe: Recipe): LayerFields {
  const { calibration, evaluation, preprocess } = recipe.data;
  const data = (spec: Recipe['data']['calibration']) =>
    spec && { source: spec.source, inputs: spec.inputs, labels: spec.labels, samples: spec.samples };
  return flatten('', {
    model: recipe.model,
    data: {
      calibration: data(calibration),
      evaluation: evaluation && { ...data(evaluation), metric: evaluation.metric },
      preprocess,
    },
    quantization: { ...recipe.quantization, firstAndLast: recipe.quantization.firstAndLast ?? null },
    allocation: recipe.allocation,
    sparsity: {
      ...recipe.sparsity,
      patterns: recipe.sparsity.patterns.map((choice) => choiceText(choice)),
    },
    tuning: recipe.tuning,
    pipeline: recipe.pipeline,
    export: { directory: recipe.export.directory, format: recipe.export.format },
    limits: recipe.limits,
    seed: recipe.seed,
  });
}

/** What the overrides of a recipe are compared by. */
export function recipeOverrides(recipe: Recipe): Map<string, LayerFields> {
  return new Map(
    recipe.layers.map(({ pattern, weights, activations, sparsity }) => [
      pattern,
      [
        ['weights', weights === undefined ? undefined : canonicalJson(weights)],
        ['activations', activations === undefined ? undefined : canonicalJson(activations)],
        ['sparsity', sparsity === undefined ? undefined : choiceText(sparsity)],
      ],
    ]),
  );
}

/** "2:4 transposable"; "dense". */
function choiceText(choice: SparsityChoice | null | undefined): string {
  return choice === undefined || choice === null
    ? 'dense'
    : patternText({ pattern: `${choice.keep}:${choice.group}`, transposable: choice.transposable });
}

/** Leaves with their dotted paths; lists are leaves. */
function flatten(prefix: string, value: unknown): [string, string | undefined][] {
  if (value === undefined) {
    return [];
  }
  const entries: [string, unknown][] | undefined =
    value instanceof Map
      ? [...value].map(([k, v]) => [String(k), v])
      : typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value)
        : undefined;
  return entries === undefined
    ? [[prefix, canonicalJson(value)]]
    : entries.flatMap(([key, v]) => flatten(prefix === '' ? key : `${prefix}.${key}`, v));
}
