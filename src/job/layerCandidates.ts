import { matrixToWeight, weightAsMatrix } from '../analysis';
import type { Layer, RunnerFactory } from '../analysis';
import { dequantizeWeight, quantizeWeight } from '../methods';
import type { GramMatrix, GridWithRange, KnownScales, OutputErrors, QuantizedWeight } from '../methods';
import { cacheKey } from './cache/cacheKey';
import type { CacheKey } from './cache/cacheKey';
import type { MeasurementCache } from './cache/measurementCache';
import { fitLayer, fitsOnColumns, WITH_INPUTS } from './fitLayer';
import type { FitData, FittedLayer } from './fitLayer';
import { FLOAT_BITS } from './layerWidths';
import type { RecipeOptimizer, RecipeQuantization, SparsityChoice } from './recipe/recipe';
import type { CandidateLayer, WidthPair } from './sensitivity';
import { patternKey } from './sparsity/layerPatterns';
import type { PrunedWeight } from './sparsity/prunedWeight';

/** Inputs at this width or more are taken as they are when weights are fitted, and keep the grid of the calibration. */
export const FINE_INPUT_BITS = 8;

/** A layer at one width (and pattern), as it would be exported. */
export interface LayerCandidate {
  readonly weight: QuantizedWeight;
  /** One per output channel; undefined: as it is. */
  readonly bias: Float32Array | undefined;
  /** Grid of the input that was learned with the weights; undefined: that of the calibration. */
  readonly input: GridWithRange | undefined;
  /** Output error before and after, on samples the fit has not seen; undefined without any. */
  readonly errors: OutputErrors | undefined;
}

interface StoredCandidate extends KnownScales {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** dB. */
  readonly sqnr: number;
  /** Absent: the weights rounded to nearest, made again when wanted. */
  readonly codes?: Int8Array | Uint8Array;
  readonly bias?: Float32Array | undefined;
  readonly input?: GridWithRange | undefined;
  readonly errors?: OutputErrors | undefined;
}

export interface LayerCandidateOptions {
  readonly weights: RecipeQuantization['weights'];
  readonly activations: RecipeQuantization['activations'];
  readonly optimizer: RecipeOptimizer;
  readonly factory: RunnerFactory;
  readonly cache: MeasurementCache;
  /** What all candidates depend on: model, data, version. */
  readonly scope: Readonly<Record<string, unknown>>;
  /** Second moments of a layer's input for the search for scales, where there are any. */
  readonly gramOf?: (layer: Layer) => GramMatrix | undefined;
  /** The weight of a layer under a pattern that was tried. */
  readonly prunedOf?: (layer: Layer, pattern: SparsityChoice) => PrunedWeight | undefined;
  /** The mask of a layer that was pruned for good. */
  readonly maskOf?: (layer: Layer) => Uint8Array | undefined;
}

/**
 * Layers at the widths and patterns that are tried. Finding a candidate is the expensive part, so what was found is kept by
 * content: scales alone where codes follow from them by rounding, codes and biases where they were optimised.
 */
export class LayerCandidates {
  constructor(private readonly options: LayerCandidateOptions) {}

  /** Whether candidates are optimised on moments of the input, rather than rounded to nearest. */
  get optimizes(): boolean {
    return this.options.optimizer.method !== 'rtn';
  }

  /** Whether a candidate is known, so that nothing of the input is needed to have it. */
  has(layer: Layer, bits: number, pattern?: SparsityChoice, activationBits?: number): boolean {
    return bits >= FLOAT_BITS || this.options.cache.has(this.key(layer, bits, pattern, activationBits));
  }

  /**
   * Width of the input that a candidate is fitted to; undefined: the input as it is. Where the input is narrow its rounding
   * and clipping shift the output enough for the fit to make up for; at 8 bits they are lost in those of the weights. AdaQuant
   * learns the grid of every input, whatever its width.
   */
  fittedInput(activationBits: number | undefined): number | undefined {
    const end = fitsOnColumns(this.options) ? FLOAT_BITS : FINE_INPUT_BITS;
    return this.optimizes && activationBits !== undefined && activationBits < end ? activationBits : undefined;
  }

  /**
   * Optimises a candidate on what is known of the layer's input, seen through its quantiser where it is fitted to one, and
   * keeps it with the grid that was learned.
   *
   * @param grid of the input at `activationBits`, as calibration gave it
   */
  async optimize(
    layer: Layer,
    bits: number,
    pattern: SparsityChoice | undefined,
    data: FitData,
    activationBits?: number,
    grid?: GridWithRange,
    signal?: AbortSignal,
  ): Promise<void> {
    const pruned = pattern === undefined ? undefined : this.options.prunedOf?.(layer, pattern);
    const fitted = await fitLayer(
      layer,
      this.options,
      data,
      {
        weightBits: bits,
        activationBits: activationBits ?? FLOAT_BITS,
        grid,
        weight: pruned?.weight,
        mask: pruned?.mask ?? this.options.maskOf?.(layer),
      },
      this.options.factory,
      signal,
    );
    this.keep(this.key(layer, bits, pattern, activationBits), fitted, grid);
  }

  quantize(layer: Layer, bits: number, pattern?: SparsityChoice, activationBits?: number): LayerCandidate {
    const key = this.key(layer, bits, pattern, activationBits);
    const known = this.options.cache.get<StoredCandidate>(key);
    if (known?.codes !== undefined) {
      const { bias, input, errors } = known;
      return { weight: this.restore(layer, bits, known, known.codes), bias, input, errors };
    }
    const pruned = pattern === undefined ? undefined : this.options.prunedOf?.(layer, pattern);
    const source = pruned?.layer ?? layer;
    const weight = quantizeWeight(source, {
      ...this.options.weights,
      bits,
      known,
      gram: known === undefined ? this.options.gramOf?.(layer) : undefined,
    });
    if (known === undefined) {
      const { scales, zeroPoints, range, sqnr } = weight;
      const stored: StoredCandidate = { scales: Array.from(scales), zeroPoints: Array.from(zeroPoints), range, sqnr };
      this.options.cache.put(key, stored);
    }
    return { weight: { ...weight, layer: layer.name }, bias: pruned?.bias, input: undefined, errors: undefined };
  }

  /** Parameters of a candidate in float, as the sensitivity scan feeds them. */
  parametersOf(layer: Layer, { weightBits, activationBits, pattern }: WidthPair): CandidateLayer {
    if (weightBits < FLOAT_BITS) {
      const { weight, bias, input } = this.quantize(layer, weightBits, pattern, activationBits);
      return { weight: dequantizeWeight(weight), bias, input };
    }
    const pruned = pattern === undefined ? undefined : this.options.prunedOf?.(layer, pattern);
    const matrix = weightAsMatrix(layer);
    return { weight: matrixToWeight(matrix, pruned?.weight ?? matrix.data), bias: pruned?.bias };
  }

  /** Signal-to-noise ratio of the weight in dB. */
  sqnr(layer: Layer, bits: number, pattern?: SparsityChoice, activationBits?: number): number {
    return (
      this.options.cache.get<StoredCandidate>(this.key(layer, bits, pattern, activationBits))?.sqnr ??
      this.quantize(layer, bits, pattern, activationBits).weight.sqnr
    );
  }

  /** Output errors as they were measured when the candidate was optimised; undefined where it was only rounded. */
  errorsOf(layer: Layer, bits: number, pattern?: SparsityChoice, activationBits?: number): OutputErrors | undefined {
    return this.options.cache.get<StoredCandidate>(this.key(layer, bits, pattern, activationBits))?.errors;
  }

  /** The grid of the input that was learned with a candidate; undefined: that of the calibration. */
  inputOf(layer: Layer, { weightBits, activationBits, pattern }: WidthPair): GridWithRange | undefined {
    return weightBits < FLOAT_BITS
      ? this.options.cache.get<StoredCandidate>(this.key(layer, weightBits, pattern, activationBits))?.input
      : undefined;
  }

  private keep(key: CacheKey, { found, grid }: FittedLayer, given: GridWithRange | undefined): void {
    const { scales, zeroPoints, range, sqnr, codes, qmin } = found.weight;
    const stored: StoredCandidate = {
      scales: Array.from(scales),
      zeroPoints: Array.from(zeroPoints),
      range,
      sqnr,
      codes: qmin < 0 ? Int8Array.from(codes) : Uint8Array.from(codes),
      bias: found.bias,
      input: grid === given ? undefined : grid,
      errors: found.errors.heldOut ?? found.errors.fit,
    };
    this.options.cache.put(key, stored);
  }

  private restore(layer: Layer, bits: number, known: StoredCandidate, codes: ArrayLike<number>): QuantizedWeight {
    const plain = quantizeWeight(layer, { ...this.options.weights, bits, range: 'min-max', known });
    return { ...plain, codes: Int32Array.from(codes), range: known.range, sqnr: known.sqnr };
  }

  private key(
    layer: Layer,
    bits: number,
    pattern: SparsityChoice | undefined,
    activationBits: number | undefined,
  ): CacheKey {
    const input = this.fittedInput(activationBits);
    const { activations } = this.options;
    const { granularity, symmetric, range, percentile, power, blockSize } = this.options.weights;
    const { method, iterations } = this.options.optimizer;
    return cacheKey({
      ...this.options.scope,
      what: 'candidate',
      layer: layer.name,
      bits,
      granularity,
      symmetric,
      range: method === 'rtn' ? range : null,
      ...(method === 'rtn' && range === 'percentile' ? { percentile } : {}),
      ...(method === 'rtn' && range === 'lp' ? { power } : {}),
      method,
      iterations: method === 'adaquant' ? iterations : null,
      ...(blockSize === undefined ? {} : { blockSize }),
      ...(fitsOnColumns(this.options) ? { fitted: WITH_INPUTS } : {}),
      ...(pattern === undefined ? {} : { pattern: patternKey(pattern) }),
      ...(input === undefined ? {} : { input, activations: { ...activations, bits: null } }),
    });
  }
}
