import { findLayers } from '../analysis';
import type { RunnerFactory, ShapeTable } from '../analysis';
import { invariant } from '../base/errors';
import { findSmoothingSites, smoothingFactors, smoothSite } from '../methods';
import type { SmoothingSite } from '../methods';
import type { Model } from '../onnx';
import { cacheKey } from './cache/cacheKey';
import type { MeasurementCache } from './cache/measurementCache';
import type { Dataset } from './data/dataset';
import { openDataset } from './data/openDataset';
import { floatValues } from './floatTensor';
import type { Recipe } from './recipe/recipe';
import { modelInputs, runGroups, watchValues } from './watchValues';

export interface SmoothingOptions {
  readonly recipe: Recipe;
  readonly factory: RunnerFactory;
  readonly cache: MeasurementCache;
  /** What measurements of the model depend on. */
  readonly scope: Readonly<Record<string, unknown>>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** What was smoothed; part of what every later measurement depends on. */
export interface Smoothing {
  readonly strength: number;
  /** Hash of the calibration data the maxima were taken from. */
  readonly data: string;
  /** Values whose channels were divided. */
  readonly sites: readonly string[];
}

/**
 * Moves outliers of activations into weights, in place, by the strength the recipe names (SmoothQuant, Xiao et al., ICML
 * 2023); the function of the model stays. Undefined when the recipe asks for nothing or has no calibration data.
 *
 * Throws `data/*` usage errors.
 */
export async function smoothModel(
  model: Model,
  shapes: ShapeTable,
  options: SmoothingOptions,
): Promise<Smoothing | undefined> {
  const { recipe, cache, log, signal } = options;
  const strength = recipe.quantization.enabled ? recipe.quantization.smoothQuant : undefined;
  const spec = recipe.data.calibration;
  if (strength === undefined || spec === undefined) {
    return undefined;
  }
  const { sites, refused } = findSmoothingSites(findLayers(model));
  for (const refusal of refused) {
    log(`Not smoothed: ${refusal.nodes.join(', ')}: ${refusal.reason}.`);
  }
  const wanted = { inputs: modelInputs(model, shapes), labels: false, classes: undefined };
  const dataset = await openDataset(spec, wanted, recipe.data.preprocess, {
    scratchDirectory: cache.directory,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const key = cacheKey({
      ...options.scope,
      what: 'channel maxima',
      data: dataset.hash,
      values: sites.map(({ value }) => value),
    });
    let maxima = cache.get<number[][]>(key);
    if (maxima === undefined) {
      maxima = await channelMaxima(model, shapes, sites, dataset, options);
      cache.put(key, maxima);
    }
    const factors = sites.map((site, index) => smoothingFactors(site, maxima[index]!, strength));
    for (const [index, { value }] of sites.entries()) {
      // Layers found before are stale once a site that shares them was smoothed.
      const fresh = findSmoothingSites(findLayers(model)).sites.find((site) => site.value === value);
      invariant(fresh !== undefined, `the site ${value} is gone`);
      smoothSite(fresh, factors[index]!);
    }
    log(`SmoothQuant, strength ${strength}: the inputs of ${sites.reduce((n, s) => n + s.readers.length, 0)} layers.`);
    return { strength, data: dataset.hash, sites: sites.map(({ value }) => value) };
  } finally {
    dataset.close();
  }
}

/** max|x| of every channel of each value over the calibration samples. */
async function channelMaxima(
  model: Model,
  shapes: ShapeTable,
  sites: readonly SmoothingSite[],
  dataset: Dataset,
  { factory, signal }: SmoothingOptions,
): Promise<number[][]> {
  const maxima = new Map(sites.map(({ value, channels }) => [value, new Array<number>(channels).fill(0)]));
  const watch = { model, shapes, factory, dataset, samples: dataset.samples, signal };
  for (const group of runGroups([...maxima.keys()])) {
    await watchValues(watch, group, (name, tensor) => raiseMaxima(maxima.get(name)!, floatValues(tensor)));
  }
  return [...maxima.values()];
}

/** Values of a tensor whose last axis are the channels; what is not finite counts for nothing. */
function raiseMaxima(maxima: number[], values: Float32Array): void {
  for (let at = 0, channel = 0; at < values.length; at++, channel = channel + 1 === maxima.length ? 0 : channel + 1) {
    const size = Math.abs(values[at]!);
    if (size > maxima[channel]! && size < Infinity) {
      maxima[channel] = size;
    }
  }
}
