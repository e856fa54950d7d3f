import type { Layer } from '../analysis';
import { quantizeWeight } from '../methods';
import type { GramMatrix, KnownScales, QuantizedWeight } from '../methods';
import { cacheKey } from './cache/cacheKey';
import type { CacheKey } from './cache/cacheKey';
import type { MeasurementCache } from './cache/measurementCache';
import type { RecipeQuantization } from './recipe/recipe';

interface StoredScales extends KnownScales {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** dB. */
  readonly sqnr: number;
}

/**
 * Quantised weights of a job. The search for scales is the expensive part, above all by the output's error, so scales are
 * kept by content and searched once for each layer and width; codes are made again whenever they are wanted, since those of
 * all layers at all widths would take several times the model's size.
 */
export class WeightScales {
  private readonly settings: RecipeQuantization['weights'];

  constructor(
    settings: RecipeQuantization['weights'],
    private readonly cache: MeasurementCache,
    private readonly scope: Readonly<Record<string, unknown>>,
    /** Second moments of a layer's input, where there are any. */
    private readonly gramOf: (layer: Layer) => GramMatrix | undefined = () => undefined,
  ) {
    this.settings = settings;
  }

  /** Whether the scales are known, so that no second moments are needed. */
  has(layer: Layer, bits: number): boolean {
    return this.cache.has(this.key(layer, bits));
  }

  quantize(layer: Layer, bits: number): QuantizedWeight {
    const key = this.key(layer, bits);
    const known = this.cache.get<StoredScales>(key);
    if (known !== undefined) {
      return quantizeWeight(layer, { ...this.settings, bits, known });
    }
    const quantized = quantizeWeight(layer, { ...this.settings, bits, gram: this.gramOf(layer) });
    const { scales, zeroPoints, range, sqnr } = quantized;
    const stored: StoredScales = { scales: Array.from(scales), zeroPoints: Array.from(zeroPoints), range, sqnr };
    this.cache.put(key, stored);
    return quantized;
  }

  /** Signal-to-noise ratio of the weight in dB. */
  sqnr(layer: Layer, bits: number): number {
    return this.cache.get<StoredScales>(this.key(layer, bits))?.sqnr ?? this.quantize(layer, bits).sqnr;
  }

  private key(layer: Layer, bits: number): CacheKey {
    const { granularity, symmetric, range } = this.settings;
    return cacheKey({ ...this.scope, what: 'weight-scales', layer: layer.name, bits, granularity, symmetric, range });
  }
}
