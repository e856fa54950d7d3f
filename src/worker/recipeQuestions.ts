import { dirname, resolve } from 'node:path';
import { parseTree, findNodeAtLocation, getNodeValue } from 'jsonc-parser';
import { describeLayer, layerMacs } from '../analysis';
import { LatheError } from '../base/errors';
import { checkRecipeAgainstModel, checkRecipeFiles } from '../job/recipe/checkRecipe';
import { matchesLayer } from '../job/recipe/layerOverrides';
import { parseRecipe } from '../job/recipe/parseRecipe';
import type { Recipe } from '../job/recipe/recipe';
import type { RecipeDiagnostic } from '../protocol/job';
import type { RecipeLayer, RecipeSummary } from '../protocol/workerProtocol';
import { AllocationSession } from '../job/allocationSession';
import { definedBudget } from './budget';
import type { OpenedModel, OpenModels } from './openModels';

interface RecipeText {
  readonly path: string;
  readonly text: string;
  readonly followExternalData: boolean;
}

/** Diagnostics of a recipe's text, held to its model when that can be read, and what the views show of it. */
export function describeRecipe(
  { path, text, followExternalData }: RecipeText,
  models: OpenModels,
): { diagnostics: readonly RecipeDiagnostic[]; summary?: RecipeSummary } {
  const { recipe, diagnostics, positions } = parseRecipe(text, path);
  if (recipe === undefined) {
    const modelPath = modelPathOf(text, path);
    return { diagnostics, ...(modelPath === undefined ? {} : { summary: emptySummary(modelPath) }) };
  }
  const found: RecipeDiagnostic[] = [...diagnostics, ...checkRecipeFiles(recipe, positions)];
  const opened = tryOpen(recipe, followExternalData, models, (message) => {
    const place = positions(['model']) ?? { offset: 0, length: 0 };
    if (!found.some((diagnostic) => diagnostic.code === 'recipe/missing-file' && diagnostic.offset === place.offset)) {
      found.push({ severity: 'error', code: 'recipe/unreadable-model', message, ...place });
    }
  });
  if (opened !== undefined) {
    found.push(...checkRecipeAgainstModel(recipe, opened.layers, positions));
  }
  found.sort((a, b) => a.offset - b.offset);
  const overrides = recipe.layers.map(({ pattern }) => {
    const key = positions(['layers', pattern], 'key') ?? { offset: 0, length: 0 };
    const value = positions(['layers', pattern]) ?? key;
    return {
      pattern,
      offset: key.offset,
      text: text.slice(key.offset, value.offset + value.length),
      layers: (opened?.layers ?? []).filter((layer) => matchesLayer(pattern, layer)).map((layer) => layer.name),
    };
  });
  return {
    diagnostics: found,
    summary: {
      modelPath: recipe.modelPath,
      budget: definedBudget(recipe.allocation.budget),
      weightBits: recipe.quantization.weights.bits,
      activationBits: recipe.quantization.activations.bits,
      accuracyDrop: recipe.limits.accuracyDrop,
      exportDirectory: recipe.export.absoluteDirectory,
      overrides,
      weightGranularity: recipe.quantization.weights.granularity,
      weightSymmetric: recipe.quantization.weights.symmetric,
    },
  };
}

/** The layers of the recipe's model with their measurements; none when the model cannot be read. */
export function recipeLayers(
  { path, text, followExternalData, pattern }: RecipeText & { readonly pattern?: string },
  models: OpenModels,
): RecipeLayer[] {
  const modelPath = modelPathOf(text, path);
  if (modelPath === undefined) {
    return [];
  }
  const opened = tryOpen({ modelPath }, followExternalData, models, () => undefined);
  if (opened === undefined) {
    return [];
  }
  const analysis = storedAnalysis(path);
  const measured = new Map(analysis?.layers.map((layer) => [layer.name, layer.candidates]));
  return opened.layers
    .filter((layer) => pattern === undefined || matchesLayer(pattern, layer))
    .map((layer) => ({
      name: layer.name,
      shortName: layer.shortName,
      description: describeLayer(layer),
      parameters: layer.parameters,
      macs: layerMacs(layer, opened.shapes),
      ...(layer.quantizeWeights.possible ? {} : { refusal: layer.quantizeWeights.reason }),
      candidates: measured.get(layer.name) ?? [],
      lossUnit: analysis?.lossUnit,
    }));
}

function storedAnalysis(recipePath: string): AllocationSession['analysis'] | undefined {
  try {
    return AllocationSession.open(recipePath).analysis;
  } catch (error) {
    // Not measured, not saved yet, or not valid on disk: the figures are simply not there.
    if (LatheError.is(error)) {
      return undefined;
    }
    throw error;
  }
}

function tryOpen(
  recipe: Pick<Recipe, 'modelPath'>,
  followExternalData: boolean,
  models: OpenModels,
  onFailure: (message: string) => void,
): OpenedModel | undefined {
  try {
    return models.open({ path: recipe.modelPath, followExternalData });
  } catch (error) {
    if (!LatheError.is(error)) {
      throw error;
    }
    onFailure(error.message);
    return undefined;
  }
}

/** The model a recipe names, even where the rest of it is wrong. */
function modelPathOf(text: string, recipePath: string): string | undefined {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const node = root && findNodeAtLocation(root, ['model']);
  const value: unknown = node === undefined ? undefined : getNodeValue(node);
  return typeof value === 'string' && value !== '' ? resolve(dirname(recipePath), value) : undefined;
}

function emptySummary(modelPath: string): RecipeSummary {
  return {
    modelPath,
    budget: {},
    weightBits: [],
    activationBits: [],
    accuracyDrop: undefined,
    exportDirectory: '',
    overrides: [],
    weightGranularity: 'per-channel',
    weightSymmetric: true,
  };
}
