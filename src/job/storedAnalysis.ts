import { statSync } from 'node:fs';
import { LATHE_VERSION } from '../base/version';
import { modelHash, openModel } from '../onnx';
import type { Model } from '../onnx';
import { cacheKey } from './cache/cacheKey';
import type { CacheKey } from './cache/cacheKey';
import type { MeasurementCache } from './cache/measurementCache';
import type { AnalyzeResult } from './jobTypes';
import type { Recipe } from './recipe/recipe';

/**
 * The outcome of a whole analysis, kept under what it was made from, so that a view or an allocation can have it back
 * without opening data or ONNX Runtime. Overrides of single layers are left out of the key: a new pin needs no new measurement as
 * long as its width was tried.
 */
export function storeAnalysis(cache: MeasurementCache, recipe: Recipe, hash: string, result: AnalyzeResult): void {
  cache.put(analysisKey(recipe, hash), result);
}

export function readAnalysis(cache: MeasurementCache, recipe: Recipe, hash: string): AnalyzeResult | undefined {
  return cache.get<AnalyzeResult>(analysisKey(recipe, hash));
}

function analysisKey(recipe: Recipe, hash: string): CacheKey {
  const { calibration, evaluation, preprocess } = recipe.data;
  return cacheKey({
    what: 'analysis',
    version: LATHE_VERSION,
    model: hash,
    quantization: recipe.quantization,
    sparsity: recipe.sparsity,
    // Unlike a pin on a width, another pattern is another weight to measure.
    patterns: recipe.layers.flatMap(({ pattern, sparsity }) => (sparsity === undefined ? [] : [[pattern, sparsity]])),
    preprocess,
    calibration: calibration === undefined ? null : { ...calibration, state: fileState(calibration.path) },
    evaluation: evaluation === undefined ? null : { ...evaluation, state: fileState(evaluation.path) },
  });
}

/** Enough to notice that a file was replaced; the measurements themselves are keyed by content. */
function fileState(path: string): readonly number[] | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? null : [stat.size, stat.mtimeMs];
}

const hashes = new Map<string, { readonly state: string; readonly hash: string }>();

/** {@link modelHash}, remembered as long as the file keeps its size and time of change. */
export function rememberedModelHash(model: Model): string {
  const { path } = model;
  if (path === undefined) {
    return modelHash(model);
  }
  const files = [path, ...model.externalFiles.map((file) => file.path)];
  const state = JSON.stringify(files.map((file) => [file, fileState(file)]));
  const known = hashes.get(path);
  if (known?.state === state) {
    return known.hash;
  }
  const hash = modelHash(model);
  hashes.set(path, { state, hash });
  return hash;
}

export function openedModel(path: string): { readonly model: Model; readonly hash: string } {
  const model = openModel(path);
  return { model, hash: rememberedModelHash(model) };
}
