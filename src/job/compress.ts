import { findLayers, matrixLayout, matrixToWeight, weightAsMatrix } from '../analysis';
import type { InferenceRunner, Layer } from '../analysis';
import { throwIfCancelled } from '../base/errors';
import {
  biasBeta,
  biasRefusal,
  dequantizeWeight,
  insertQdq,
  roundedBias,
  setLayerBias,
  setLayerWeight,
  tuneOutputBias,
} from '../methods';
import type { GridWithRange, LayerPolicy, QdqResult, QuantizedWeight } from '../methods';
import type { QuantGrid } from '../kernels';
import { modelHash } from '../onnx';
import type { Model } from '../onnx';
import type { Analysis } from './analyze';
import { isScalable, moveChannels, restoreLayer } from './compressedLayer';
import type { CompressedLayer } from './compressedLayer';
import { cacheKey } from './cache/cacheKey';
import type { CacheKey } from './cache/cacheKey';
import type { AllocateResult, AllocatedLayer } from './jobTypes';
import type { LayerChange } from './layerMomentsChanges';
import { FINE_INPUT_BITS } from './layerCandidates';
import { walkSequential } from './layerMomentsSequential';
import type { SequentialLayer } from './layerMomentsSequential';
import { distil } from './distillation';
import type { DistillationResult } from './distillation';
import { searchInputGrids } from './inputGridSearch';
import { dataInputName } from './layerMomentsSource';
import type { ColumnWish } from './layerMomentsSource';
import { fitsOnColumns, WITH_INPUTS } from './fitLayer';
import { sequentialColumns, SequentialFit } from './sequentialFit';
import { FLOAT_BITS } from './layerWidths';
import { measurementScope } from './prepare';
import type { PreparedJob } from './prepare';
import { measureRanges } from './ranges';
import { sampleBatches } from './sampleBatches';
import { pruneNetwork } from './sparsity/prune';
import type { PrunedWeight } from './sparsity/prunedWeight';
import type { StageTracker } from './stageTracker';
import { createRunner } from '../runtime/createRunner';
import { floatValues } from './floatTensor';
import { gridsBetween } from './valuesBetween';
import { lossOfModel } from './lossBetween';

export interface QuantizedModel {
  readonly model: Model;
  readonly result: QdqResult;
  readonly weights: ReadonlyMap<string, QuantizedWeight>;
  readonly layers: ReadonlyMap<string, CompressedLayer>;
  readonly pruned: ReadonlyMap<string, PrunedWeight>;
}

/** A network as it was after a step: looked at to see what the step bought. */
export interface CompressionStep {
  readonly name:
    | 'pruned'
    | 'rounded'
    | 'optimised'
    | 'values between layers quantised'
    | 'statistics tuned'
    | 'input ranges tuned'
    | 'distilled'
    | 'bias tuned';
  readonly network: QuantizedModel;
  /** False: the step raised the loss on the calibration samples, and what follows goes on from before it. */
  readonly kept: boolean;
}

/**
 * From decisions to a network: prunes under the chosen patterns, finds codes, restores statistics, tunes biases, each step only
 * where the recipe asks for it. A tuning step that raises the loss on the calibration samples is undone: restored statistics
 * help where rounding shifted them, and cost where a fit in sequence had already made up for it. Nothing is written.
 */
export async function compress(
  job: PreparedJob,
  analysis: Analysis,
  allocate: AllocateResult,
  tracker: StageTracker,
): Promise<readonly CompressionStep[]> {
  const results: CompressionStep[] = [];
  const { quantization, tuning } = job.recipe;
  const network = await tracker.stage('quantize', allocate.layers.length, async (steps) => {
    const sparse = await sparseJob(analysis, allocate, tracker);
    const grids = await inputGrids(sparse.job, analysis, allocate, sparse.isNew, tracker);
    const draft = new Draft(sparse.job, analysis, allocate, grids, sparse.pruned, tracker);
    await draft.findCodes((name) => steps.advance(name));
    const name = !quantization.enabled ? 'pruned' : quantization.optimizer.method === 'rtn' ? 'rounded' : 'optimised';
    results.push({ name, network: draft.build(), kept: true });
    if (quantization.enabled && quantization.activations.betweenLayers !== undefined) {
      if (await draft.quantizeBetween()) {
        results.push({ name: 'values between layers quantised', network: draft.build(), kept: true });
      }
    }
    return draft;
  });
  if (!tuning.batchNorm && !tuning.bias && !tuning.inputRanges && !tuning.distillation) {
    tracker.skip('tune', 'the recipe asks for no tuning');
    return results;
  }
  await tracker.stage('tune', allocate.layers.length, async (steps) => {
    const { calibration } = analysis;
    const lossOf = ({ network: { model } }: CompressionStep) =>
      lossOfModel(job, analysis, model, tracker.signal, calibration.samples);
    let loss = await lossOf(results.at(-1)!);
    const attempt = async (name: CompressionStep['name'], change: () => Promise<boolean>): Promise<void> => {
      const before = network.snapshot();
      if (!(await change())) {
        return;
      }
      const step = { name, network: network.build(), kept: true };
      const after = await lossOf(step);
      const kept = after <= loss;
      results.push({ ...step, kept });
      if (kept) {
        loss = after;
      } else {
        network.restore(before);
        tracker.log(`Undone, for it raised the loss on the calibration samples from ${loss} to ${after}: ${name}.`);
      }
    };
    if (tuning.batchNorm || tuning.bias) {
      await attempt(tuning.batchNorm ? 'statistics tuned' : 'bias tuned', async () => {
        await network.restoreStatistics(tuning.batchNorm, (name) => steps.advance(name));
        return true;
      });
    }
    if (tuning.inputRanges) {
      await attempt('input ranges tuned', () => network.tuneInputRanges((name) => steps.advance(name)));
    }
    if (tuning.distillation) {
      await attempt('distilled', () => network.distil());
    }
    if (tuning.bias) {
      await attempt('bias tuned', () => network.tuneOutputs());
    }
  });
  return results;
}

/** The network to deliver: as it was after the last step that was kept. */
export function lastKept(steps: readonly CompressionStep[]): CompressionStep {
  return steps.filter(({ kept }) => kept).at(-1)!;
}

/** The network that a policy makes of the layers as the sensitivity scan had them; the analysis leaves no patterns open. */
export async function measuredNetwork(
  analysis: Analysis,
  policy: AllocateResult,
  tracker: StageTracker,
): Promise<QuantizedModel> {
  const grids = await inputGrids(analysis.job, analysis, policy, false, tracker);
  const draft = new Draft(analysis.job, analysis, policy, grids, analysis.pruned, tracker);
  draft.takeMeasured(() => undefined);
  return draft.build();
}

/** The job with the patterns that were chosen, where the analysis left them open. */
async function sparseJob(
  analysis: Analysis,
  allocate: AllocateResult,
  tracker: StageTracker,
): Promise<{ job: PreparedJob; pruned: ReadonlyMap<string, PrunedWeight>; isNew: boolean }> {
  if (analysis.tried === undefined) {
    return { job: analysis.job, pruned: analysis.pruned, isNew: false };
  }
  const chosen = new Map(
    allocate.layers.flatMap(({ name, pattern }) => (pattern === undefined ? [] : [[name, pattern] as const])),
  );
  const quiet = { setTotal: () => undefined, advance: () => undefined, resume: () => undefined };
  const network = await pruneNetwork(
    {
      job: analysis.base,
      dataset: analysis.calibration,
      steps: quiet,
      signal: tracker.signal,
      log: (line) => tracker.log(line),
    },
    chosen,
  );
  return { ...network, isNew: true };
}

/** Grids of the layers' inputs at their widths, seen in the network that is quantised. */
async function inputGrids(
  job: PreparedJob,
  analysis: Analysis,
  allocate: AllocateResult,
  isNew: boolean,
  tracker: StageTracker,
): Promise<Map<string, GridWithRange>> {
  const { calibration } = analysis;
  const byName = new Map(job.layers.map((layer) => [layer.name, layer]));
  const wanted = allocate.layers.filter(({ activationBits }) => activationBits < FLOAT_BITS);
  const quiet = { setTotal: () => undefined, advance: () => undefined, resume: () => undefined };
  const ranges = isNew
    ? await measureRanges({
        model: job.model,
        shapes: job.shapes,
        wanted: wanted.map(({ name, activationBits }) => ({
          layer: byName.get(name)!,
          bits: [activationBits],
          gram: false,
        })),
        dataset: calibration,
        samples: calibration.samples,
        quantization: job.recipe.quantization,
        factory: job.factory,
        cache: job.cache,
        cacheScope: { ...measurementScope(job), data: calibration.hash, pruned: patternsOf(allocate) },
        steps: quiet,
        signal: tracker.signal,
      })
    : analysis.ranges;
  const grids = new Map<string, GridWithRange>();
  for (const { name, activationBits } of wanted) {
    const grid = ranges.get(name)?.grids.get(activationBits);
    if (grid !== undefined) {
      grids.set(name, grid);
    }
  }
  return grids;
}

function patternsOf(allocate: AllocateResult): unknown {
  return allocate.layers.map(({ name, pattern }) => [name, pattern ?? null]);
}

/** Layers as they stand, step by step. */
class Draft {
  private readonly layers = new Map<string, CompressedLayer>();
  /** Grids of values between the layers; empty while these are float. */
  private between: ReadonlyMap<string, GridWithRange> = new Map();
  private readonly byName: ReadonlyMap<string, Layer>;
  private readonly decided: ReadonlyMap<string, AllocatedLayer>;

  constructor(
    private readonly job: PreparedJob,
    private readonly analysis: Analysis,
    private readonly allocate: AllocateResult,
    private readonly grids: Map<string, GridWithRange>,
    private readonly pruned: ReadonlyMap<string, PrunedWeight>,
    private readonly tracker: StageTracker,
  ) {
    this.byName = new Map(job.layers.map((layer) => [layer.name, layer]));
    this.decided = new Map(allocate.layers.map((layer) => [layer.name, layer]));
  }

  /** Codes of all layers: those measured already, or found in running order on what the layers in front give. */
  async findCodes(advance: (layer: string) => void): Promise<void> {
    const { method, mode } = this.job.recipe.quantization.optimizer;
    const isQuantized = this.allocate.layers.some(({ weightBits }) => weightBits < FLOAT_BITS);
    if (isQuantized && method !== 'rtn' && mode === 'sequential') {
      const { quantization } = this.job.recipe;
      const fit = new SequentialFit(quantization, this.job.factory, this.tracker.signal);
      const columns = sequentialColumns(quantization, quantization.sensitivity.memoryLimit);
      await this.walk('codes', advance, (visited) => this.optimized(visited, fit), columns);
    }
    this.takeMeasured(advance);
  }

  /** Layers that have no codes yet, as the scan had them. */
  takeMeasured(advance: (layer: string) => void): void {
    for (const decided of this.allocate.layers) {
      if (!this.layers.has(decided.name)) {
        this.take(decided.name, this.measured(decided));
        advance(decided.shortName);
      }
    }
  }

  /** From here on operators between the layers compute on 8-bit values too. False where none can. */
  async quantizeBetween(): Promise<boolean> {
    const depends = this.pruned.size === 0 ? undefined : patternsOf(this.allocate);
    this.between = await gridsBetween(this.job, this.analysis, depends, this.tracker.signal);
    if (this.between.size === 0) {
      this.tracker.log('No operator between the layers computes on what they give as integers: the values stay float.');
    }
    return this.between.size > 0;
  }

  snapshot(): ReadonlyMap<string, CompressedLayer> {
    return new Map(this.layers);
  }

  restore(layers: ReadonlyMap<string, CompressedLayer>): void {
    for (const [name, layer] of layers) {
      this.layers.set(name, layer);
    }
  }

  /** Mean and variance (or the mean alone) of every layer's output channels, with everything in front restored already. */
  async restoreStatistics(scales: boolean, advance: (layer: string) => void): Promise<void> {
    await this.walk(scales ? 'statistics' : 'means', advance, (visited) => this.restored(visited, scales));
  }

  /** Shifts the class scores towards the float network's probabilities. False where the network's outputs are no such scores. */
  async tuneOutputs(): Promise<boolean> {
    const { loss, calibration } = this.analysis;
    const { job } = this;
    const last = this.scoreLayer();
    if (loss.measure === 'mse' || loss.measure === 'top1' || last === undefined) {
      return false;
    }
    const built = this.build();
    const [output] = job.model.graph.outputs;
    const float: Float32Array[] = [];
    const scores: Float32Array[] = [];
    const runners: InferenceRunner[] = [];
    try {
      for (const model of [job.dense, built.model]) {
        runners.push(await createRunner(job.factory, model));
      }
      for (const range of sampleBatches(calibration, calibration.samples)) {
        const feeds = calibration.batch(range.start, range.count);
        const [a, b] = [await runners[0]!.run(feeds), await runners[1]!.run(feeds)];
        float.push(floatValues(a.get(output!.name)!));
        scores.push(floatValues(b.get(output!.name)!));
        throwIfCancelled(this.tracker.signal);
      }
    } finally {
      for (const runner of runners) {
        await runner.release();
      }
    }
    const channels = last.weight.shape[last.weight.outAxis]!;
    const tuned = tuneOutputBias(joined(float), joined(scores), channels);
    const known = this.layers.get(last.name)!;
    const bias = known.bias ?? last.bias?.tensor.toFloat32() ?? new Float32Array(channels);
    if (bias.length !== channels) {
      return false;
    }
    const beta = biasBeta(last);
    this.layers.set(last.name, { ...known, bias: bias.map((value, c) => value + tuned.shift[c]! / beta) });
    return true;
  }

  /**
   * Moves the ranges of narrow inputs to where the loss of the whole network on the calibration samples is least; weights and
   * biases stay. False where no input is narrow.
   */
  async tuneInputRanges(advance: (layer: string) => void): Promise<boolean> {
    const { job, tracker } = this;
    const narrow = new Set(
      [...this.inputGrids()].flatMap(([name, { bits }]) => (bits < FINE_INPUT_BITS ? [name] : [])),
    );
    if (narrow.size === 0) {
      tracker.log('No input is below 8 bits: their ranges stay.');
      return false;
    }
    const model = this.copy({ withCodes: true });
    const key = cacheKey({ ...this.keyParts('input ranges'), network: modelHash(model) });
    let found = job.cache.get<Record<string, NonNullable<CompressedLayer['input']>>>(key);
    if (found === undefined) {
      const layers = findLayers(model);
      const result = await searchInputGrids({
        ...this.againstFloat(layers),
        model,
        layers,
        searched: narrow,
        symmetric: job.recipe.quantization.activations.symmetric,
        advance: (name) => advance(this.decided.get(name)?.shortName ?? name),
      });
      const { loss, samples } = result;
      tracker.log(
        `Ranges of ${result.grids.size} inputs moved: loss on ${samples} calibration samples from ${loss.before} to ${loss.after}.`,
      );
      found = Object.fromEntries(result.grids);
      job.cache.put(key, found);
    }
    for (const [name, input] of Object.entries(found)) {
      this.take(name, { ...this.layers.get(name)!, input });
    }
    return true;
  }

  /** Moves channels and narrow inputs along the gradient of the network's loss. False where gradients reach no layer. */
  async distil(): Promise<boolean> {
    const { job, tracker } = this;
    const model = this.copy({ withCodes: true });
    const key = cacheKey({ ...this.keyParts('distillation'), network: modelHash(model), seed: job.recipe.seed });
    let found = job.cache.get<DistillationResult>(key);
    if (found === undefined) {
      const layers = findLayers(model);
      found = await distil({
        ...this.againstFloat(layers),
        model,
        layers: layers.filter(({ name }) => this.layers.has(name)),
        isScalable: (layer) => isScalable(layer, this.layers.get(layer.name)?.weight),
        seed: job.recipe.seed,
      });
      job.cache.put(key, found);
    }
    const { loss, layers, grids } = found;
    tracker.log(`Distilled: loss on held-out calibration samples from ${loss.before} to ${loss.after}.`);
    for (const [name, { factor, shift }] of Object.entries(layers)) {
      const layer = this.byName.get(name)!;
      const known = this.layers.get(name)!;
      this.take(name, moveChannels(layer, known, this.pruned.get(name), factor, shift));
    }
    for (const [name, input] of Object.entries(grids)) {
      this.take(name, { ...this.layers.get(name)!, input });
    }
    return Object.keys(layers).length > 0;
  }

  /** What every search for parameters of the whole network is given: the float network, its data, the grids and biases as they stand. */
  private againstFloat(layers: readonly Layer[]) {
    const { job, analysis, tracker } = this;
    return {
      shapes: job.shapes,
      grids: this.inputGrids(),
      biasAt: this.biasesOf(layers),
      reference: job.original,
      loss: analysis.loss,
      dataset: analysis.calibration,
      samples: analysis.calibration.samples,
      memoryLimit: job.recipe.quantization.sensitivity.memoryLimit,
      factory: job.factory,
      log: (line: string) => tracker.log(line),
      signal: tracker.signal,
    };
  }

  /** Biases of layers, with something added to their outputs, as they are rounded where the input has a given scale. */
  private biasesOf(layers: readonly Layer[]): (name: string, scale: number, added?: ArrayLike<number>) => Float32Array {
    const biases = new Map(layers.map((layer) => [layer.name, { layer, own: layer.bias?.tensor.toFloat32() }]));
    return (name, scale, added) => {
      const { layer, own } = biases.get(name)!;
      const weight = this.layers.get(name)?.weight;
      const values = own!.map((value, c) => value + (added?.[c] ?? 0) / biasBeta(layer));
      return weight === undefined ? values : roundedBias(layer, values, scale, weight);
    };
  }

  private inputGrids(): ReadonlyMap<string, NonNullable<CompressedLayer['input']>> {
    return new Map([...this.layers].flatMap(([name, { input }]) => (input === undefined ? [] : [[name, input]])));
  }

  /** A copy of the network with biases and float weights as they stand, and what codes stand for where they are wanted. */
  private copy({ withCodes }: { readonly withCodes: boolean }): Model {
    const model = this.job.model.clone();
    for (const layer of findLayers(model)) {
      const { weight, float, bias } = this.layers.get(layer.name) ?? {};
      if (withCodes && weight !== undefined) {
        setLayerWeight(layer, dequantizeWeight(weight));
      } else if (float !== undefined) {
        setLayerWeight(layer, matrixToWeight(matrixLayout(layer), float));
      }
      if (bias !== undefined) {
        setLayerBias(layer, bias);
      }
    }
    return model;
  }

  build(): QuantizedModel {
    const model = this.copy({ withCodes: false });
    const weights = new Map<string, QuantizedWeight>();
    const policy = new Map<string, LayerPolicy>();
    for (const [name, { weight, input }] of this.layers) {
      if (weight !== undefined) {
        weights.set(name, weight);
      }
      policy.set(name, { weight, activation: input });
    }
    const layers = findLayers(model);
    const known = new Set(layers.map((layer) => layer.name));
    const result = insertQdq(
      model,
      layers,
      {
        layers: new Map([...policy].filter(([name]) => known.has(name))),
        values: this.valueGrids(layers),
      },
      { containers: this.job.recipe.export.containers },
    );
    return { model, result, weights, layers: new Map(this.layers), pruned: this.pruned };
  }

  /** Where a layer reads a value at 8 bits, everybody does so on that layer's grid. */
  private valueGrids(layers: readonly Layer[]): ReadonlyMap<string, QuantGrid> {
    const grids = new Map<string, QuantGrid>(this.between);
    for (const layer of [...layers].reverse()) {
      const value = dataInputName(layer);
      const { input } = this.layers.get(layer.name) ?? {};
      if (value !== undefined && grids.has(value) && input?.bits === FINE_INPUT_BITS) {
        grids.set(value, input);
      }
    }
    return grids;
  }

  private async walk(
    what: string,
    advance: (layer: string) => void,
    change: (visited: SequentialLayer) => CompressedLayer | Promise<CompressedLayer>,
    sampledColumns: ColumnWish = 0,
  ): Promise<void> {
    const { job, analysis, tracker } = this;
    const key = this.key(what);
    const stored = job.cache.get<Record<string, CompressedLayer>>(key);
    if (stored !== undefined) {
      for (const [name, layer] of Object.entries(stored)) {
        this.take(name, this.revived(name, layer));
        advance(this.decided.get(name)?.shortName ?? name);
      }
      return;
    }
    const visited: Record<string, CompressedLayer> = {};
    // Fitted to the dense network, so that a fit also makes up for what pruning cost.
    const dense = new Map(findLayers(job.dense).map((layer) => [layer.name, layer]));
    await walkSequential(
      {
        model: job.dense,
        shapes: job.shapes,
        layers: this.allocate.layers.flatMap(({ name }) => dense.get(name) ?? []),
        inputGrids: this.grids,
        dataset: analysis.calibration,
        samples: analysis.calibration.samples,
        memoryLimit: job.recipe.quantization.sensitivity.memoryLimit,
        sampledColumns,
        factory: job.factory,
        log: (line) => tracker.log(line),
        signal: tracker.signal,
      },
      async (group) => {
        const changes = new Map<string, LayerChange>();
        for (const layer of group) {
          const { name } = layer.layer;
          const result = await change(layer);
          this.take(name, result);
          visited[name] = result;
          changes.set(name, this.changeOf(layer.layer, result));
          advance(this.decided.get(name)?.shortName ?? name);
        }
        return changes;
      },
    );
    job.cache.put(key, visited);
  }

  /** What is known of a layer from here on; later walks see its input through the grid it has now. */
  private take(name: string, layer: CompressedLayer): void {
    this.layers.set(name, layer);
    if (layer.input !== undefined) {
      this.grids.set(name, layer.input);
    }
  }

  private changeOf(layer: Layer, result: CompressedLayer): LayerChange {
    const pruned = this.pruned.get(layer.name);
    const float = result.float ?? pruned?.weight;
    const weight =
      result.weight !== undefined
        ? dequantizeWeight(result.weight)
        : float && matrixToWeight(matrixLayout(layer), float);
    const bias = result.bias ?? pruned?.bias;
    return {
      ...(weight === undefined ? {} : { weight }),
      ...(bias === undefined ? {} : { bias }),
      ...(result.input === undefined ? {} : { input: result.input }),
    };
  }

  /** A layer whose codes are found on what the compressed layers in front of it give. */
  private async optimized(visited: SequentialLayer, fit: SequentialFit): Promise<CompressedLayer> {
    const { layer, moments } = visited;
    const decided = this.decided.get(layer.name)!;
    if (decided.weightBits >= FLOAT_BITS || moments === undefined || layer.tie !== undefined) {
      return this.measured(decided);
    }
    const { found, grid } = await fit.fit(visited, moments, {
      ...decided,
      grid: this.inputOf(decided),
      pruned: this.pruned.get(layer.name),
    });
    return {
      weight: found.weight,
      bias: found.bias,
      input: grid && { ...grid, bits: decided.activationBits },
      errors: found.errors.heldOut ?? found.errors.fit,
    };
  }

  private restored({ layer, moments }: SequentialLayer, scales: boolean): CompressedLayer {
    const known = this.layers.get(layer.name)!;
    if (moments === undefined || biasRefusal(layer) !== undefined) {
      return known;
    }
    const matrix = weightAsMatrix(layer);
    const channels = matrix.rows / (layer.kind === 'Conv' || layer.kind === 'ConvTranspose' ? 1 : matrix.rowGroups);
    if (channels !== matrix.rows) {
      return known;
    }
    return restoreLayer(layer, known, this.pruned.get(layer.name), matrix.data, moments, scales);
  }

  /** The layer as the sensitivity scan had it. */
  private measured(decided: AllocatedLayer): CompressedLayer {
    const { analysis } = this;
    const layer = this.byName.get(decided.name)!;
    const pattern = analysis.tried === undefined ? undefined : decided.pattern;
    const input = this.inputOf(decided);
    if (decided.weightBits >= FLOAT_BITS) {
      return { weight: undefined, bias: undefined, input, errors: undefined };
    }
    const source = analysis.job.layers.find(({ name }) => name === decided.name) ?? layer;
    const candidate = analysis.layerCandidates.quantize(source, decided.weightBits, pattern, decided.activationBits);
    const own = candidate.input;
    return { ...candidate, input: own ? { ...own, bits: decided.activationBits } : input };
  }

  private inputOf(decided: AllocatedLayer): CompressedLayer['input'] {
    const grid = decided.activationBits < FLOAT_BITS ? this.grids.get(decided.name) : undefined;
    return grid && { ...grid, bits: decided.activationBits };
  }

  /** The layer that gives the only output, straight or through the Add of its bias. */
  private scoreLayer(): Layer | undefined {
    const { outputs } = this.job.model.graph;
    const [output] = outputs;
    const layer = this.job.layers.find(
      ({ node, bias }) =>
        node.outputs[0] === output || (bias !== undefined && bias.node !== node && bias.node.outputs[0] === output),
    );
    return outputs.length === 1 && layer !== undefined && biasRefusal(layer) === undefined ? layer : undefined;
  }

  private key(what: string): CacheKey {
    return cacheKey(this.keyParts(what));
  }

  private keyParts(what: string): Record<string, unknown> {
    const { recipe } = this.job;
    return {
      ...measurementScope(this.job),
      what: `network ${what}`,
      data: this.analysis.calibration.hash,
      layers: this.allocate.layers.map(({ name, weightBits, activationBits, pattern }) => [
        name,
        weightBits,
        activationBits,
        pattern ?? null,
      ]),
      grids: [...this.grids].map(([name, { scale, zeroPoint }]) => [name, scale, zeroPoint]),
      weights: { ...recipe.quantization.weights, bits: null },
      optimizer: recipe.quantization.optimizer,
      ...(fitsOnColumns(recipe.quantization) ? { fitted: WITH_INPUTS } : {}),
      sparsity: recipe.sparsity,
    };
  }

  /** Codes lie in the cache as they are; what is undefined is left out there. */
  private revived(name: string, stored: CompressedLayer): CompressedLayer {
    const { weight } = stored;
    return {
      weight: weight && { ...weight, axis: weight.axis, note: weight.note, layer: name },
      float: stored.float,
      bias: stored.bias,
      input: stored.input,
      errors: stored.errors,
    };
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
