import { findLayers } from '../analysis';
import type { ShapeTable, TensorData } from '../analysis';
import { invariant } from '../base/errors';
import { equalizeSite, equalizingFactors, findChannelSites } from '../methods';
import type { ChannelSample, ChannelSite } from '../methods';
import type { Model } from '../onnx';
import { cacheKey } from './cache/cacheKey';
import type { Dataset } from './data/dataset';
import { floatValues } from './floatTensor';
import { calibrationData, type PreparationOptions } from './smoothing';
import { watchValues } from './watchValues';

/** What was equalised; part of what every later measurement depends on. */
export interface Equalization {
  readonly strength: number;
  /** Width of the inputs that the factors are best for. */
  readonly bits: number;
  /** Hash of the calibration data that the factors were taken from. */
  readonly data: string;
  /** Values whose channels were scaled. */
  readonly values: readonly string[];
}

/** Values kept of each channel. */
const VALUES_PER_CHANNEL = 4096;
/** Values fetched in one run: bounds what a batch holds at a time. */
const VALUES_PER_RUN = 8;

/**
 * Scales the channels of values between convolutions, in place, so that each uses the whole grid of its value at the narrowest
 * width the recipe tries, by the strength it names; the function of the model stays, but where the calibration data never
 * was. Undefined when the recipe asks for nothing or has no calibration data.
 *
 * Throws `data/*` usage errors.
 */
export async function equalizeModel(
  model: Model,
  shapes: ShapeTable,
  options: PreparationOptions,
): Promise<Equalization | undefined> {
  const { recipe, cache, log } = options;
  const strength = recipe.quantization.enabled ? recipe.quantization.equalization : undefined;
  if (strength === undefined || recipe.data.calibration === undefined) {
    return undefined;
  }
  const bits = Math.min(8, ...recipe.quantization.activations.bits);
  const { sites, refused } = findChannelSites(findLayers(model));
  for (const refusal of refused) {
    log(`Channels not equalised: ${refusal.nodes.join(', ')}: ${refusal.reason}.`);
  }
  const dataset = await calibrationData(model, shapes, options);
  try {
    const key = cacheKey({
      ...options.scope,
      what: 'channel factors',
      data: dataset.hash,
      strength,
      bits,
      sites: sites.map(({ values }) => values),
    });
    const factors =
      cache.get<number[][]>(key) ?? (await findFactors(model, shapes, sites, dataset, bits, strength, options));
    cache.put(key, factors);
    for (const [index, { values }] of sites.entries()) {
      // Layers found before are stale once a site that shares them was scaled.
      const fresh = findChannelSites(findLayers(model)).sites.find((site) => site.values[0] === values[0]);
      invariant(fresh !== undefined, `the site ${values[0]} is gone`);
      equalizeSite(fresh, Float64Array.from(factors[index]!));
    }
    const readers = sites.reduce((sum, site) => sum + site.readers.length, 0);
    log(`Channels equalised for ${bits}-bit grids, strength ${strength}: the inputs of ${readers} layers.`);
    return { strength, bits, data: dataset.hash, values: sites.flatMap(({ values }) => values) };
  } finally {
    dataset.close();
  }
}

/** Factors site by site, on the values of a few sites at a time. */
async function findFactors(
  model: Model,
  shapes: ShapeTable,
  sites: readonly ChannelSite[],
  dataset: Dataset,
  bits: number,
  strength: number,
  { factory, signal }: PreparationOptions,
): Promise<number[][]> {
  const watch = { model, shapes, factory, dataset, samples: dataset.samples, signal };
  const found: number[][] = [];
  for (const group of groupsOf(sites)) {
    const samplers = new Map(group.flatMap(watchedValues).map((name) => [name, new ChannelSampler(dataset.samples)]));
    await watchValues(watch, [...samplers.keys()], (name, tensor) => samplers.get(name)!.add(tensor));
    const samples = new Map([...samplers].map(([name, sampler]) => [name, sampler.finish()]));
    found.push(...group.map((site) => [...equalizingFactors(site, samples, bits, strength)]));
  }
  return found;
}

/** Values that are read, and those behind a Clip. */
function watchedValues({ makers, readers }: ChannelSite): string[] {
  return [...new Set([...makers.filter(({ high }) => high < Infinity), ...readers].map(({ value }) => value))];
}

function groupsOf(sites: readonly ChannelSite[]): ChannelSite[][] {
  const groups: ChannelSite[][] = [];
  let watched = Infinity;
  for (const site of sites) {
    const own = watchedValues(site).length;
    if (watched + own > VALUES_PER_RUN) {
      groups.push([]);
      watched = 0;
    }
    groups.at(-1)!.push(site);
    watched += own;
  }
  return groups;
}

/** Takes values of every channel, evenly over all samples, and the largest. */
class ChannelSampler {
  private channels: number[][] = [];
  private largest: number[] = [];

  constructor(private readonly samples: number) {}

  /** Values in [batch, channels, …]; what is not finite counts for nothing. */
  add({ dims, ...tensor }: TensorData): void {
    const values = floatValues({ dims, ...tensor });
    const [batch = 1, channels = 1, ...inner] = dims;
    const positions = inner.reduce((a, b) => a * b, 1);
    const step = Math.max(1, Math.ceil((this.samples * positions) / VALUES_PER_CHANNEL));
    for (let sample = 0, at = 0; sample < batch; sample++) {
      for (let c = 0; c < channels; c++) {
        const own = (this.channels[c] ??= []);
        for (let position = 0; position < positions; position++, at++) {
          const value = values[at]!;
          if (!Number.isFinite(value)) {
            continue;
          }
          if (Math.abs(value) > Math.abs(this.largest[c] ?? 0)) {
            this.largest[c] = value;
          }
          if ((sample * positions + position) % step === 0) {
            own.push(value);
          }
        }
      }
    }
  }

  finish(): ChannelSample[] {
    return this.channels.map((own, c) => Float32Array.from([...own, this.largest[c] ?? 0]));
  }
}
