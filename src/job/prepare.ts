import { dirname, join } from 'node:path';
import { findLayers, inferShapes } from '../analysis';
import type { Layer, RunnerFactory, ShapeTable } from '../analysis';
import { LATHE_VERSION } from '../base/version';
import { modelHash, openModel } from '../onnx';
import type { Model } from '../onnx';
import { foldBatchNorm, foldConstants } from '../passes';
import type { FoldBatchNormResult } from '../passes';
import { createOnnxRuntime } from '../runtime/onnxRuntime';
import { withUniqueNodeNames } from '../runtime/uniqueNodeNames';
import { MeasurementCache } from './cache/measurementCache';
import { checkRecipeAgainstModel, checkRecipeFiles } from './recipe/checkRecipe';
import { recipeInvalid } from './recipe/errors';
import { loadRecipeText } from './recipe/loadRecipe';
import type { Recipe } from './recipe/recipe';
import { smoothModel } from './smoothing';
import type { Smoothing } from './smoothing';
import type { StageTracker } from './stageTracker';

/** A recipe with its model opened, folded and looked through: what every step of a job starts from. */
export interface PreparedJob {
  readonly recipe: Recipe;
  /** The recipe as it is written. */
  readonly recipeText: string;
  /** As it is on disk. */
  readonly original: Model;
  /**
   * A copy with constants and batch norms folded, outliers smoothed where asked for, topologically sorted; with pruned weights
   * once layers are sparse.
   */
  readonly model: Model;
  /** The same copy before any weight was pruned: what layers are fitted to and compared with. */
  readonly dense: Model;
  readonly layers: readonly Layer[];
  readonly shapes: ShapeTable;
  readonly folding: FoldBatchNormResult;
  /** Undefined: activations are as the model has them. */
  readonly smoothing: Smoothing | undefined;
  /** SHA-256 of the model file and its external data. */
  readonly hash: string;
  readonly cache: MeasurementCache;
  readonly factory: RunnerFactory;
}

/** Folder for measurements and the run lock: beside the recipe, git-ignored. */
export function cacheDirectory(recipePath: string): string {
  return join(dirname(recipePath), '.lathe');
}

/**
 * Opens recipe and model, folds, finds layers and shapes.
 *
 * Throws `recipe/*` (usage) with all problems of the recipe, those against the model included; `onnx/*` for an unreadable
 * model; `runtime/load` for one that ONNX Runtime refuses.
 */
export async function prepareJob(recipePath: string, tracker: StageTracker): Promise<PreparedJob> {
  const opened = await tracker.stage('open', 2, (steps) => {
    const { recipe, text, positions } = loadRecipeText(recipePath);
    const missing = checkRecipeFiles(recipe, positions);
    if (missing.length > 0) {
      throw recipeInvalid(recipePath, text, missing);
    }
    const original = openModel(recipe.modelPath);
    steps.advance(recipe.model);
    const problems = checkRecipeAgainstModel(recipe, findLayers(original), positions);
    const errors = problems.filter((problem) => problem.severity === 'error');
    if (errors.length > 0) {
      throw recipeInvalid(recipePath, text, errors);
    }
    for (const problem of problems) {
      tracker.log(problem.message);
    }
    const hash = modelHash(original);
    steps.advance(recipe.model);
    return { recipe, recipeText: text, original, hash };
  });
  const factory = createOnnxRuntime();
  const cache = new MeasurementCache(cacheDirectory(recipePath), { log: (line) => tracker.log(line) });
  const prepared = await tracker.stage('fold', 2, async (steps) => {
    // Repeated node names are legal but not to ONNX Runtime: the exported copy has them only once.
    const model = withUniqueNodeNames(opened.original).clone();
    const constants = foldConstants(model);
    const folding = foldBatchNorm(model);
    model.graph.sortTopologically();
    steps.advance('batch norm');
    for (const refusal of [...constants.refused, ...folding.refused]) {
      tracker.log(`Not folded: ${refusal.nodes.join(', ')}: ${refusal.reason}.`);
    }
    const shapes = await inferShapes(model, factory);
    const smoothing = await smoothModel(model, shapes, {
      recipe: opened.recipe,
      factory,
      cache,
      scope: measurementScope({ ...opened, factory, smoothing: undefined }),
      log: (line) => tracker.log(line),
      signal: tracker.signal,
    });
    // Folding may rename weights; people keep seeing the names the file suggests.
    const shortNames = new Map(findLayers(opened.original).map((layer) => [layer.name, layer.shortName]));
    const layers = findLayers(model).map((layer) => ({
      ...layer,
      shortName: shortNames.get(layer.name) ?? layer.shortName,
    }));
    steps.advance('shapes');
    return { model, dense: model, folding, smoothing, shapes, layers };
  });
  return { ...opened, ...prepared, cache, factory };
}

/** What every measurement of a job depends on. */
export function measurementScope(
  job: Pick<PreparedJob, 'hash' | 'factory' | 'smoothing'>,
): Readonly<Record<string, unknown>> {
  const { smoothing } = job;
  return {
    version: LATHE_VERSION,
    engine: job.factory.engine,
    model: job.hash,
    ...(smoothing === undefined ? {} : { smoothing }),
  };
}
