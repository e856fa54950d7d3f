import { existsSync } from 'node:fs';
import type { Verdict } from '../../analysis';
import { nearestName } from '../../base/nearestName';
import { matchesLayer, type LayerNames } from './layerOverrides';
import type { RecipePositions } from './parseRecipe';
import type { Recipe } from './recipe';
import { formatRecipePath, type RecipeDiagnostic, type RecipePath } from './recipeDiagnostic';

/** What the check needs to know of a layer; `Layer` of the analysis fits. */
export interface RecipeLayer extends LayerNames {
  readonly quantizeWeights: Verdict;
  readonly quantizeActivations: Verdict;
}

/**
 * Holds a recipe to the layers of its model: patterns that match nothing (with the nearest layer name), and widths asked
 * of layers that cannot have them (with the reason). A refused layer named exactly is an error, one met by a glob only a
 * note, since "/block/*" rightly spans layers of all kinds.
 */
export function checkRecipeAgainstModel(
  recipe: Recipe,
  layers: readonly RecipeLayer[],
  positions: RecipePositions,
): RecipeDiagnostic[] {
  const diagnostics: RecipeDiagnostic[] = [];
  for (const override of recipe.layers) {
    const path: RecipePath = ['layers', override.pattern];
    const key = positions(path, 'key') ?? { offset: 0, length: 0 };
    const matched = layers.filter((layer) => matchesLayer(override.pattern, layer));
    if (matched.length === 0) {
      diagnostics.push({
        severity: 'error',
        code: 'recipe/unknown-layer',
        message: unknownLayer(override.pattern, layers),
        ...key,
        ...fixWith(nearestLayer(override.pattern, layers)),
      });
      continue;
    }
    const exact = matched.length === 1 && !/[*?]/.test(override.pattern);
    for (const field of ['weights', 'activations'] as const) {
      if (override[field] === undefined || override[field] === null) {
        continue;
      }
      const refused = matched.flatMap((layer) => {
        const verdict = field === 'weights' ? layer.quantizeWeights : layer.quantizeActivations;
        return verdict.possible ? [] : [{ layer, reason: verdict.reason }];
      });
      const first = refused[0];
      if (first !== undefined && (exact || refused.length === matched.length)) {
        const others = refused.length > 1 ? ` (and ${refused.length - 1} more)` : '';
        diagnostics.push({
          severity: exact ? 'error' : 'warning',
          code: 'recipe/refused-layer',
          message: `${formatRecipePath([...path, field])}: the ${field === 'weights' ? 'weights' : 'input'} of ${first.layer.name}${others} cannot be quantised: ${first.reason}.`,
          ...(positions([...path, field]) ?? key),
        });
      }
    }
  }
  return diagnostics;
}

function unknownLayer(pattern: string, layers: readonly RecipeLayer[]): string {
  const isGlob = /[*?]/.test(pattern);
  const what = isGlob
    ? `No layer of the model matches ${JSON.stringify(pattern)}`
    : `The model has no layer ${JSON.stringify(pattern)}`;
  const nearest = nearestLayer(pattern, layers);
  if (nearest !== undefined) {
    return `${what}. The nearest is ${JSON.stringify(nearest)}.`;
  }
  const some = layers.slice(0, 3).map((l) => JSON.stringify(l.name));
  return layers.length === 0
    ? `${what}: it has no layers that Lathe knows.`
    : `${what}. Its ${layers.length} layers are ${some.join(', ')}${layers.length > 3 ? ', …' : ''}; \`lathe inspect\` lists them.`;
}

function nearestLayer(pattern: string, layers: readonly RecipeLayer[]): string | undefined {
  const asked = pattern.replace(/[*?]/g, '');
  return (
    nearestName(
      asked,
      layers.map((l) => l.name),
    ) ??
    nearestName(
      asked,
      layers.map((l) => l.shortName),
    )
  );
}

function fixWith(name: string | undefined): Pick<RecipeDiagnostic, 'fix'> {
  return name === undefined ? {} : { fix: { text: JSON.stringify(name) } };
}

/** Files that the recipe names and that are not there. */
export function checkRecipeFiles(recipe: Recipe, positions: RecipePositions): RecipeDiagnostic[] {
  const wanted: { path: RecipePath; written: string; file: string }[] = [
    { path: ['model'], written: recipe.model, file: recipe.modelPath },
  ];
  for (const section of ['calibration', 'evaluation'] as const) {
    const spec = recipe.data[section];
    if (spec !== undefined) {
      wanted.push({ path: ['data', section, 'source'], written: spec.source, file: spec.path });
    }
  }
  return wanted
    .filter(({ file }) => !existsSync(file))
    .map(({ path, written, file }) => ({
      severity: 'error',
      code: 'recipe/missing-file',
      message: `${formatRecipePath(path)}: ${JSON.stringify(written)} is not there (${file}).`,
      ...(positions(path) ?? { offset: 0, length: 0 }),
    }));
}
