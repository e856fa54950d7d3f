import type { Layer, RunnerFactory, ShapeTable, TensorData } from '../analysis';
import { invariant, throwIfCancelled } from '../base/errors';
import { ActivationObserver, gramAccumulator } from '../methods';
import type { ActivationRangeOptions, GramAccumulator, GramMatrix, GridWithRange } from '../methods';
import type { Model } from '../onnx';
import { cacheKey } from './cache/cacheKey';
import type { MeasurementCache } from './cache/measurementCache';
import type { Dataset } from './data/dataset';
import { floatValues, isFloatType } from './floatTensor';
import type { RecipeQuantization } from './recipe/recipe';
import type { StageSteps } from './stageTracker';
import { runGroups, watchValues } from './watchValues';

/** What was seen of one layer's input. */
export interface InputRange {
  readonly min: number;
  readonly max: number;
  /** Share of exact zeros, 0…1. */
  readonly zeros: number;
  /** Counts of what is not zero, over equal bins from min to max. */
  readonly histogram: readonly number[];
  readonly grids: ReadonlyMap<number, GridWithRange>;
  /** Second moments of the input columns, where the weight range asks for them. */
  readonly gram: GramMatrix | undefined;
}

export interface RangeRequest {
  readonly layer: Layer;
  /** Input widths; 32 needs no range. */
  readonly bits: readonly number[];
  /** Whether the second moments of the input columns are wanted too: they cost a matrix and are not kept. */
  readonly gram: boolean;
}

export interface RangeOptions {
  readonly model: Model;
  readonly shapes: ShapeTable;
  /** Layers with the input widths wanted for them; 32 needs no range. */
  readonly wanted: readonly RangeRequest[];
  readonly dataset: Dataset;
  readonly samples: number;
  readonly quantization: RecipeQuantization;
  readonly factory: RunnerFactory;
  readonly cache: MeasurementCache;
  readonly cacheScope: Readonly<Record<string, unknown>>;
  readonly steps: StageSteps;
  readonly signal: AbortSignal | undefined;
}

/** As it lies in the cache. */
interface StoredRange {
  readonly min: number;
  readonly max: number;
  readonly zeros: number;
  readonly histogram: readonly number[];
  readonly grids: Readonly<Record<string, GridWithRange>>;
}

/** Bins of the picture of an input that is kept with its range. */
const HISTOGRAM_BINS = 64;

/**
 * Runs the float network over the calibration samples and turns what every layer reads into a grid for each width.
 * Layers that read the same value share one observation. Layers that read indices (embeddings) get no range.
 */
export async function measureRanges(options: RangeOptions): Promise<Map<string, InputRange>> {
  const { samples, signal, steps } = options;
  const results = new Map<string, InputRange>();
  const pending = new Map<string, RangeRequest[]>();
  for (const wanted of options.wanted) {
    const type = options.shapes.get(inputName(wanted.layer))?.elementType;
    if (type !== undefined && !isFloatType(type)) {
      steps.advance(wanted.layer.shortName);
      continue;
    }
    const stored = wanted.gram ? undefined : options.cache.get<StoredRange>(rangeKey(options, wanted));
    if (stored !== undefined) {
      results.set(wanted.layer.name, fromStored(stored));
      steps.resume(wanted.layer.shortName);
      continue;
    }
    const name = inputName(wanted.layer);
    pending.set(name, [...(pending.get(name) ?? []), wanted]);
  }
  for (const group of runGroups([...pending.keys()])) {
    const watchers = new Map(group.map((name) => [name, new InputWatcher(pending.get(name)!, samples)]));
    await watchValues(options, group, (name, tensor, count) => watchers.get(name)!.observe(tensor, count));
    for (const watcher of watchers.values()) {
      for (const request of watcher.wanted) {
        const { layer, bits } = request;
        const range = watcher.range(layer, bits, options.quantization.activations);
        results.set(layer.name, range);
        options.cache.put(rangeKey(options, request), toStored(range));
        steps.advance(layer.shortName);
      }
    }
    throwIfCancelled(signal);
  }
  return results;
}

/**
 * Input columns taken into a Gram matrix for each of its rows. The matrix costs columns × rows² / 2; on the bundled ResNet-20
 * thirty a row, at other positions in every sample, give the same loss of the compressed network as two to seven times as many.
 */
const COLUMNS_PER_WEIGHT = 30;

/** Watches one value on behalf of all layers that read it. */
class InputWatcher {
  private readonly observer = new ActivationObserver();
  private readonly grams: ReadonlyMap<string, GramAccumulator | undefined>;

  constructor(
    readonly wanted: readonly RangeRequest[],
    samples: number,
  ) {
    const layers = wanted.filter(({ gram }) => gram).map(({ layer }) => layer);
    this.grams = new Map(
      layers.map((layer) => {
        const columns = COLUMNS_PER_WEIGHT * (layer.parameters / layer.weight.shape[layer.weight.outAxis]!);
        return [layer.name, gramAccumulator(layer, { positionsPerSample: Math.max(1, Math.ceil(columns / samples)) })];
      }),
    );
  }

  observe(tensor: TensorData, samples: number): void {
    const values = floatValues(tensor);
    this.observer.observe(values, samples);
    for (const gram of this.grams.values()) {
      gram?.add(values, tensor.dims);
    }
  }

  range(layer: Layer, bits: readonly number[], activations: RecipeQuantization['activations']): InputRange {
    const grids = new Map<number, GridWithRange>();
    for (const width of bits) {
      if (width < 32) {
        grids.set(width, this.observer.range(width, rangeOptions(activations)));
      }
    }
    const { min, max, zeros } = this.observer;
    const histogram = this.observer.histogram(HISTOGRAM_BINS);
    return { min, max, zeros, histogram, grids, gram: this.grams.get(layer.name)?.finish() };
  }
}

/** How a recipe wants ranges of activations chosen. */
export function rangeOptions(activations: RecipeQuantization['activations']): ActivationRangeOptions {
  const { range: method, symmetric, percentile, power } = activations;
  return { method, symmetric, percentile, power };
}

function inputName(layer: Layer): string {
  const value = layer.node.inputs[layer.dataInputIndex];
  invariant(value !== undefined, `layer ${layer.name} has no data input`);
  return value.name;
}

function rangeKey(options: RangeOptions, wanted: RangeRequest) {
  const { range, symmetric, percentile, power, granularity } = options.quantization.activations;
  return cacheKey({
    ...options.cacheScope,
    what: 'range',
    layer: wanted.layer.name,
    bits: wanted.bits,
    histogram: HISTOGRAM_BINS,
    settings: {
      range,
      symmetric,
      percentile: range === 'percentile' ? percentile : undefined,
      ...(range === 'lp' ? { power } : {}),
      granularity,
    },
    samples: options.samples,
  });
}

function toStored({ min, max, zeros, histogram, grids }: InputRange): StoredRange {
  return { min, max, zeros, histogram, grids: Object.fromEntries(grids) };
}

function fromStored({ min, max, zeros, histogram, grids }: StoredRange): InputRange {
  const entries = Object.entries(grids).map(([bits, grid]) => [Number(bits), grid] as const);
  return { min, max, zeros, histogram, grids: new Map(entries), gram: undefined };
}
