import { findLayers } from '../analysis';
import type { RunnerFactory, ShapeTable } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import { findSmoothingSites, smoothingFactors, smoothSite } from '../methods';
import type { SmoothingSite } from '../methods';
import { extractModel } from '../onnx';
import type { Model } from '../onnx';
import { createRunner } from '../runtime/createRunner';
import { cacheKey } from './cache/cacheKey';
import type { MeasurementCache } from './cache/measurementCache';
import { openDataset } from './data/openDataset';
import { floatValues } from './floatTensor';
import type { Recipe } from './recipe/recipe';
import { sampleBatches } from './sampleBatches';

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

/** Values fetched in one run: bounds what a batch holds at a time. */
const VALUES_PER_RUN = 8;

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
  const inputs = model.graph.trueInputs.map(({ name }) => {
    const type = shapes.get(name);
    return { name, type: type?.elementType, shape: type?.shape };
  });
  const dataset = await openDataset(spec, { inputs, labels: false, classes: undefined }, recipe.data.preprocess, {
    scratchDirectory: cache.directory,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    for (let first = 0; first < sites.length; first += VALUES_PER_RUN) {
      const group = sites.slice(first, first + VALUES_PER_RUN);
      const key = cacheKey({
        ...options.scope,
        what: 'channel maxima',
        data: dataset.hash,
        values: group.map(({ value }) => value),
        // Sites are smoothed in order, and one may lie in front of the next.
        before: first === 0 ? null : strength,
      });
      const maxima = cache.get<number[][]>(key) ?? (await channelMaxima(model, shapes, group, dataset, options));
      cache.put(key, maxima);
      const factors = group.map((site, index) => smoothingFactors(site, maxima[index]!, strength));
      for (const [index, site] of group.entries()) {
        // Layers found before are stale once a site that shares them was smoothed.
        const fresh = findSmoothingSites(findLayers(model)).sites.find(({ value }) => value === site.value);
        invariant(fresh !== undefined, `the site ${site.value} is gone`);
        smoothSite(fresh, factors[index]!);
      }
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
  dataset: Awaited<ReturnType<typeof openDataset>>,
  { factory, signal }: SmoothingOptions,
): Promise<number[][]> {
  const names = sites.map(({ value }) => value);
  const runner = await createRunner(
    factory,
    extractModel(model, {
      inputs: model.graph.trueInputs.map(({ name }) => ({ name, type: shapes.get(name)! })),
      outputs: names,
    }),
  );
  const maxima = sites.map(({ channels }) => new Array<number>(channels).fill(0));
  try {
    for (const { start, count } of sampleBatches(dataset, dataset.samples)) {
      const feeds = [...dataset.batch(start, count)].filter(([name]) => runner.inputs.some((i) => i.name === name));
      const values = await runner.run(new Map(feeds), names);
      for (const [index, name] of names.entries()) {
        const own = maxima[index]!;
        const data = floatValues(values.get(name)!);
        for (let at = 0, channel = 0; at < data.length; at++, channel = channel + 1 === own.length ? 0 : channel + 1) {
          const size = Math.abs(data[at]!);
          // Not where NaN.
          if (size > own[channel]! && size < Infinity) {
            own[channel] = size;
          }
        }
      }
      throwIfCancelled(signal);
    }
    return maxima;
  } finally {
    await runner.release();
  }
}
