import { findLayers, layerMacs, measureWeight, sampleShapes } from '../analysis';
import type { Layer, ShapeTable } from '../analysis';
import { throwIfCancelled } from '../base/errors';
import type { GridWithRange } from '../methods';
import { permuteInputChannels } from '../passes';
import { cacheKey } from './cache/cacheKey';
import { createRunner } from '../runtime/createRunner';
import type { Dataset } from './data/dataset';
import { openDataset } from './data/openDataset';
import { noCalibration, noLabels, noLayers } from './errors';
import type { AnalyzeResult, CandidateMeasurement, LayerMeasurement, MetricValue } from './jobTypes';
import { FLOAT_BITS, edgeLayers, layerWidths } from './layerWidths';
import type { LayerWidths } from './layerWidths';
import { evaluateMetric } from './metric';
import { NetworkLoss } from './networkLoss';
import { measurementScope } from './prepare';
import type { PreparedJob } from './prepare';
import { measureRanges } from './ranges';
import type { InputRange } from './ranges';
import type { Recipe, SparsityChoice } from './recipe/recipe';
import { scanSensitivity } from './sensitivity';
import type { SensitivityTarget, WidthPair } from './sensitivity';
import type { StageTracker } from './stageTracker';
import { modelInputs } from './watchValues';
import { fitColumns, fitsOnColumns, WITH_INPUTS } from './fitLayer';
import type { FitData } from './fitLayer';
import { LayerCandidates } from './layerCandidates';
import { forEachLayerMoments } from './layerMoments';
import { layerPatterns, patternKey } from './sparsity/layerPatterns';
import type { LayerPatterns } from './sparsity/layerPatterns';
import { pruneInParallel, pruneNetwork } from './sparsity/prune';
import type { PrunedLayers } from './sparsity/prunedLayers';
import type { PrunedWeight } from './sparsity/prunedWeight';

/** All measurements of a job, and what they were made with. */
export interface Analysis {
  /** The dense job, with input channels permuted where the recipe asks for it. */
  readonly base: PreparedJob;
  /** The job with pruned weights, where every layer has one pattern; the dense one where the allocation chooses. */
  readonly job: PreparedJob;
  readonly result: AnalyzeResult;
  readonly calibration: Dataset;
  readonly evaluation: Dataset | undefined;
  readonly ranges: ReadonlyMap<string, InputRange>;
  readonly layerCandidates: LayerCandidates;
  /** Patterns each layer may get. */
  readonly patterns: ReadonlyMap<string, LayerPatterns>;
  /** Weights of the layers that were pruned before anything was measured. */
  readonly pruned: ReadonlyMap<string, PrunedWeight>;
  /** All layers under all their patterns, where the allocation chooses. */
  readonly tried: PrunedLayers | undefined;
  readonly candidates: ReadonlyMap<string, readonly CandidateMeasurement[]>;
  readonly loss: NetworkLoss;
}

/** Opens a recipe's data against the model's inputs. Throws `data/*`, `job/no-calibration`, `job/no-labels`. */
export async function openData(
  job: PreparedJob,
  signal: AbortSignal | undefined,
): Promise<{ calibration: Dataset; evaluation: Dataset | undefined; loss: NetworkLoss }> {
  const { recipe } = job;
  const spec = recipe.data.calibration;
  if (spec === undefined) {
    throw noCalibration(recipe.path);
  }
  const inputs = modelInputs(job.model, job.shapes);
  const classes = classCount(job);
  const options = { scratchDirectory: job.cache.directory, ...(signal === undefined ? {} : { signal }) };
  const loss = lossFor(job);
  const needsLabels = loss.measure === 'cross-entropy' || loss.measure === 'top1';
  const calibration = await openDataset(
    spec,
    { inputs, labels: needsLabels && spec.labels !== undefined, classes },
    recipe.data.preprocess,
    options,
  );
  if (needsLabels && !calibration.hasLabels) {
    throw noLabels(recipe.path, loss.measure);
  }
  const evaluationSpec = recipe.data.evaluation;
  const evaluation =
    evaluationSpec === undefined
      ? undefined
      : await openDataset(
          evaluationSpec,
          { inputs, labels: evaluationSpec.metric !== 'mse', classes },
          recipe.data.preprocess,
          options,
        );
  return { calibration, evaluation, loss };
}

function classCount(job: PreparedJob): number | undefined {
  const [output] = job.model.graph.outputs;
  const last = output === undefined ? undefined : job.shapes.get(output.name)?.shape?.at(-1);
  return typeof last === 'number' ? last : undefined;
}

/**
 * Cross-entropy, KL and top-1 read the last axis of a single output of rank 2 or 3 as class scores. Other outputs (images,
 * boxes, several heads) have no such reading: their loss is the relative squared error.
 */
function lossFor(job: PreparedJob): NetworkLoss {
  const { outputs } = job.model.graph;
  const [output] = outputs;
  const shape = output === undefined ? undefined : job.shapes.get(output.name)?.shape;
  const classes = classCount(job);
  const areScores =
    outputs.length === 1 && (shape?.length === 2 || shape?.length === 3) && (classes === undefined || classes > 1);
  const measure = areScores ? job.recipe.quantization.sensitivity.measure : 'mse';
  return new NetworkLoss(measure, output?.producer()?.opType === 'Softmax');
}

/** Measures baseline, ranges and sensitivities, taking from the cache what is there. */
export async function analyze(prepared: PreparedJob, tracker: StageTracker): Promise<Analysis> {
  const { recipe } = prepared;
  const { signal } = tracker;
  const edges = edgeLayers(prepared.layers);
  const patterns = patternsOf(prepared, edges);
  const isSparse = [...patterns.values()].some((layer) => layer.patterns.some((pattern) => pattern !== undefined));
  if (!isSparse && !prepared.layers.some((layer) => layer.quantizeWeights.possible)) {
    throw noLayers(recipe.modelPath, prepared.layers.map(describeRefusal));
  }
  const { calibration, evaluation, loss } = await openData(prepared, signal);
  const baseline = await measureBaseline(prepared, evaluation, tracker);
  const base = permuted(prepared, patterns, tracker);
  const { job, tried, pruned } = await pruneStage(base, calibration, patterns, tracker);
  const { layers } = job;
  const wanted = layers
    .map((layer) => ({
      layer,
      widths: layerWidths(recipe, layer, edges),
      patterns: patterns.get(layer.name)!.patterns,
    }))
    .filter(({ widths, patterns }) => !widths.excluded || patterns.length > 1);
  const scope = { ...measurementScope(job), data: calibration.hash, pruned: prunedKey(base, pruned) };
  let ranges: ReadonlyMap<string, InputRange> = new Map();
  const layerCandidates = new LayerCandidates({
    weights: recipe.quantization.weights,
    activations: recipe.quantization.activations,
    optimizer: recipe.quantization.optimizer,
    factory: job.factory,
    cache: job.cache,
    scope,
    gramOf: (layer) => ranges.get(layer.name)?.gram,
    prunedOf: (layer, pattern) => tried?.get(layer.name, pattern),
    maskOf: (layer) => pruned.get(layer.name)?.mask,
  });
  const targets = wanted.map(({ layer, widths, patterns: choices }) => ({
    layer,
    pairs: pairsFor(recipe, widths, choices, pruned.get(layer.name)?.pattern),
  }));
  ranges = await tracker.stage('ranges', wanted.length, (steps) =>
    measureRanges({
      model: job.model,
      shapes: job.shapes,
      wanted: wanted.map(({ layer, widths }, index) => ({
        layer,
        bits: widths.activationBits,
        gram:
          recipe.quantization.weights.range === 'output-mse' &&
          !layerCandidates.optimizes &&
          targets[index]!.pairs.some((pair) => !layerCandidates.has(layer, pair.weightBits, triedPattern(pair, tried))),
      })),
      dataset: calibration,
      samples: calibration.samples,
      quantization: recipe.quantization,
      factory: job.factory,
      cache: job.cache,
      cacheScope: scope,
      steps,
      signal,
    }),
  );
  if (layerCandidates.optimizes) {
    await optimizeStage(job, targets, layerCandidates, ranges, calibration, tried, tracker);
  } else {
    tracker.skip('optimize', 'weights are rounded to nearest');
  }
  const { activations, sensitivity } = recipe.quantization;
  const scan = await tracker.stage('sensitivity', 0, (steps) =>
    scanSensitivity({
      model: job.model,
      shapes: job.shapes,
      targets: targets.map((target): SensitivityTarget => ({
        ...target,
        grids: ranges.get(target.layer.name)?.grids ?? new Map(),
      })),
      dataset: calibration,
      samples: sensitivity.samples,
      loss,
      candidateOf: (layer, pair) =>
        layerCandidates.parametersOf(layer, { ...pair, pattern: triedPattern(pair, tried) }),
      fittedInput: (activationBits) => layerCandidates.fittedInput(activationBits),
      memoryLimit: sensitivity.memoryLimit,
      factory: job.factory,
      cache: job.cache,
      cacheScope: {
        ...scope,
        weights: candidateSettings(recipe),
        inputs: { ...activations, bits: undefined },
        measure: loss.measure,
        sparsity: recipe.sparsity,
      },
      steps,
      signal,
    }),
  );
  const shapes = await countingShapes(job, calibration);
  const measured: LayerMeasurement[] = [];
  for (const target of targets) {
    const { name } = target.layer;
    measured.push(
      measurementOf(shapes, layerCandidates, target, ranges.get(name), scan.candidates.get(name) ?? [], tried),
    );
    throwIfCancelled(signal);
  }
  const result: AnalyzeResult = {
    recipePath: recipe.path,
    modelPath: recipe.modelPath,
    modelHash: job.hash,
    lossUnit: loss.unit,
    baseline,
    layers: measured,
    statistics: layers.map((layer) => ({ name: layer.name, ...measureWeight(layer) })),
    refused: layers.flatMap((layer) =>
      layer.quantizeWeights.possible
        ? []
        : [
            {
              applied: false as const,
              reason: layer.quantizeWeights.reason,
              nodes: [layer.node.key],
              layer: layer.name,
            },
          ],
    ),
    folded: job.folding.applied.length,
    engine: job.factory.engine,
    memory: { limit: sensitivity.memoryLimit, peak: scan.peakBytes, samplesPerTurn: scan.samplesPerTurn },
    seconds: tracker.elapsedSeconds,
    resumedSteps: tracker.resumedSteps,
  };
  return {
    base,
    job,
    result,
    calibration,
    evaluation,
    ranges,
    layerCandidates,
    patterns,
    pruned,
    tried,
    candidates: scan.candidates,
    loss,
  };
}

/** What each layer may become; zeros are counted only where "auto" asks for them. */
function patternsOf(job: PreparedJob, edges: ReadonlySet<string>): Map<string, LayerPatterns> {
  return new Map(
    job.layers.map((layer) => [layer.name, layerPatterns(job.recipe, layer, edges, () => measureWeight(layer).zeros)]),
  );
}

/** The job with input channels reordered so that masks keep more magnitude; the outputs stay what they were. */
function permuted(job: PreparedJob, patterns: ReadonlyMap<string, LayerPatterns>, tracker: StageTracker): PreparedJob {
  if (!job.recipe.sparsity.permute) {
    return job;
  }
  const model = job.model.clone();
  const result = permuteInputChannels(model, {
    pattern: (layer) => patterns.get(layer.name)?.patterns.find((pattern) => pattern !== undefined),
    seed: job.recipe.seed,
    shapes: job.shapes,
    onProgress: () => throwIfCancelled(tracker.signal),
  });
  for (const { layers, before, after } of result.permutations) {
    tracker.log(
      `Input channels of ${layers.join(', ')} permuted: masks keep ${(100 * after).toFixed(1)} % of the magnitude, not ${(100 * before).toFixed(1)} %.`,
    );
  }
  for (const { nodes, reason } of result.refused) {
    tracker.log(`Input channels of ${nodes.join(', ')} not permuted: ${reason}.`);
  }
  const shortNames = new Map(job.layers.map((layer) => [layer.name, layer.shortName]));
  return {
    ...job,
    model,
    dense: model,
    layers: findLayers(model).map((layer) => ({ ...layer, shortName: shortNames.get(layer.name) ?? layer.shortName })),
  };
}

/**
 * Makes layers sparse before anything is measured: where each has one pattern, for good; where the allocation chooses, every
 * layer under every pattern, to be measured side by side.
 */
async function pruneStage(
  job: PreparedJob,
  calibration: Dataset,
  patterns: ReadonlyMap<string, LayerPatterns>,
  tracker: StageTracker,
): Promise<{
  readonly job: PreparedJob;
  readonly tried: PrunedLayers | undefined;
  readonly pruned: ReadonlyMap<string, PrunedWeight>;
}> {
  const wishes = [...patterns].map(([name, { patterns: choices }]) => [name, choices] as const);
  const sparse = wishes.filter(([, choices]) => choices.some((pattern) => pattern !== undefined));
  if (sparse.length === 0) {
    tracker.skip('prune', 'the recipe asks for no sparsity');
    return { job, tried: undefined, pruned: new Map() };
  }
  return await tracker.stage('prune', sparse.length, async (steps) => {
    const options = {
      job,
      dataset: calibration,
      steps,
      signal: tracker.signal,
      log: (line: string) => tracker.log(line),
    };
    if (sparse.every(([, choices]) => choices.length === 1)) {
      const network = await pruneNetwork(options, new Map(sparse.map(([name, [pattern]]) => [name, pattern!])));
      return { ...network, tried: undefined };
    }
    const byName = new Map(job.layers.map((layer) => [layer.name, layer]));
    const tried = await pruneInParallel(
      options,
      sparse.map(([name, choices]) => ({
        layer: byName.get(name)!,
        patterns: choices.filter((pattern) => pattern !== undefined),
      })),
    );
    return { job, tried, pruned: new Map() };
  });
}

/** What pruned weights follow from: measurements of the network behind them depend on it. */
function prunedKey(job: PreparedJob, pruned: ReadonlyMap<string, PrunedWeight>): unknown {
  return pruned.size === 0
    ? null
    : { sparsity: job.recipe.sparsity, layers: [...pruned].map(([name, { pattern }]) => [name, patternKey(pattern)]) };
}

/** A pattern that still has to be made, as opposed to one the model has already. */
function triedPattern(pair: WidthPair, tried: PrunedLayers | undefined): SparsityChoice | undefined {
  return tried === undefined ? undefined : pair.pattern;
}

/** Finds the codes of every layer at every width and pattern, on the inputs of the float network, narrow ones through their grids. */
async function optimizeStage(
  job: PreparedJob,
  targets: readonly { readonly layer: Layer; readonly pairs: readonly WidthPair[] }[],
  candidates: LayerCandidates,
  ranges: ReadonlyMap<string, InputRange>,
  calibration: Dataset,
  tried: PrunedLayers | undefined,
  tracker: StageTracker,
): Promise<void> {
  const wishesOf = (pairs: readonly WidthPair[]): CandidateWish[] => {
    const wishes = new Map<string, CandidateWish>();
    for (const pair of pairs) {
      const pattern = triedPattern(pair, tried);
      const input = candidates.fittedInput(pair.activationBits);
      if (pair.weightBits < FLOAT_BITS) {
        wishes.set(`${pair.weightBits} ${input} ${patternKey(pattern)}`, { bits: pair.weightBits, input, pattern });
      }
    }
    return [...wishes.values()];
  };
  const all = targets.map(({ layer, pairs }) => ({ layer, wishes: wishesOf(pairs) }));
  await tracker.stage(
    'optimize',
    all.reduce((sum, { wishes }) => sum + wishes.length, 0),
    async (steps) => {
      const open = new Map<string, { readonly layer: Layer; wishes: readonly CandidateWish[] }>();
      for (const { layer, wishes } of all) {
        const missing = wishes.filter(({ bits, pattern, input }) => !candidates.has(layer, bits, pattern, input));
        if (wishes.length > missing.length) {
          steps.resume(layer.shortName, wishes.length - missing.length);
        }
        if (missing.length > 0) {
          open.set(layer.name, { layer, wishes: missing });
        }
      }
      const gridOf = (layer: Layer, input: number | undefined): GridWithRange | undefined =>
        input === undefined ? undefined : ranges.get(layer.name)?.grids.get(input);
      const { memoryLimit } = job.recipe.quantization.sensitivity;
      const optimize = async (layer: Layer, wanted: readonly CandidateWish[], data: FitData): Promise<void> => {
        for (const { bits, pattern, input } of wanted) {
          await candidates.optimize(layer, bits, pattern, data, input, gridOf(layer, input), tracker.signal);
          steps.advance(layer.shortName);
          throwIfCancelled(tracker.signal);
        }
        const entry = open.get(layer.name)!;
        entry.wishes = entry.wishes.filter((wish) => !wanted.includes(wish));
      };
      const inputs = new Set([...open.values()].flatMap(({ wishes }) => wishes.map(({ input }) => input)));
      for (const input of inputs) {
        const wanted = (layer: Layer): readonly CandidateWish[] =>
          open.get(layer.name)!.wishes.filter((wish) => wish.input === input);
        const layers = [...open.values()].map(({ layer }) => layer).filter((layer) => wanted(layer).length > 0);
        const grids = layers.flatMap((layer) => {
          const grid = gridOf(layer, input);
          return grid === undefined ? [] : [[layer.name, grid] as const];
        });
        await forEachLayerMoments(
          {
            model: job.model,
            shapes: job.shapes,
            layers,
            inputGrids: new Map(grids),
            dataset: calibration,
            samples: calibration.samples,
            memoryLimit,
            sampledColumns: (layout) => fitColumns(job.recipe.quantization, layout, memoryLimit),
            factory: job.factory,
            signal: tracker.signal,
          },
          ({ layer, moments, sampled, engine }) =>
            optimize(layer, wanted(layer), { moments, sampled, samples: calibration.samples, engine }),
        );
      }
      for (const { layer, wishes } of open.values()) {
        await optimize(layer, wishes, { moments: undefined, sampled: undefined, samples: 0 });
      }
    },
  );
}

/** Codes to be found for a layer. */
interface CandidateWish {
  readonly bits: number;
  /** Width of the narrow input they are fitted to; undefined: the input as it is. */
  readonly input: number | undefined;
  readonly pattern: SparsityChoice | undefined;
}

/** Sizes to count MACs on: the model's own, or those of the first calibration sample where the model leaves them open. */
async function countingShapes(job: PreparedJob, calibration: Dataset): Promise<ShapeTable> {
  return job.layers.every((layer) => layerMacs(layer, job.shapes) !== undefined)
    ? job.shapes
    : await sampleShapes(job.model, job.factory, calibration.batch(0, calibration.fixedBatch ?? 1));
}

/**
 * What is tried on a layer: every pair of widths, under every pattern. With `tied`, only equal widths, except where one side
 * stays float. A layer that stays float is tried under its patterns alone.
 */
function pairsFor(
  recipe: Recipe,
  widths: LayerWidths,
  patterns: readonly (SparsityChoice | undefined)[],
  fixed: SparsityChoice | undefined,
): WidthPair[] {
  const weightBits = widths.excluded ? [FLOAT_BITS] : widths.weightBits;
  const { activationBits } = widths;
  const oneSided = activationBits.every((bits) => bits === FLOAT_BITS);
  const choices = patterns.length > 1 ? patterns : [fixed];
  return choices.flatMap((pattern) =>
    weightBits.flatMap((weight) =>
      activationBits
        .filter((activation) => recipe.quantization.pairing === 'free' || oneSided || weight === activation)
        .map((activation) => ({
          weightBits: weight,
          activationBits: activation,
          ...(pattern === undefined ? {} : { pattern }),
        })),
    ),
  );
}

async function measureBaseline(
  job: PreparedJob,
  evaluation: Dataset | undefined,
  tracker: StageTracker,
): Promise<MetricValue | undefined> {
  const metric = job.recipe.data.evaluation?.metric;
  if (evaluation === undefined || metric === undefined) {
    tracker.skip('baseline', 'the recipe names no evaluation data');
    return undefined;
  }
  if (metric === 'mse') {
    return await tracker.stage('baseline', 1, () => ({ metric, value: 0, samples: evaluation.samples }));
  }
  return await tracker.stage('baseline', 1, async (steps) => {
    const key = cacheKey({ ...measurementScope(job), what: 'metric', data: evaluation.hash, metric });
    const stored = job.cache.get<MetricValue>(key);
    if (stored !== undefined) {
      steps.resume('float model');
      return stored;
    }
    steps.setTotal(evaluation.samples);
    // The model as it is on disk, not the folded copy: this is the figure that the export is held against.
    const runner = await createRunner(job.factory, job.original);
    try {
      let done = 0;
      const value = await evaluateMetric(runner, evaluation, metric, {
        signal: tracker.signal,
        onBatch: (samples) => {
          steps.advance('float model', samples - done);
          done = samples;
        },
      });
      job.cache.put(key, value);
      return value;
    } finally {
      await runner.release();
    }
  });
}

function measurementOf(
  shapes: ShapeTable,
  weights: LayerCandidates,
  target: { readonly layer: Layer; readonly pairs: readonly WidthPair[] },
  range: InputRange | undefined,
  candidates: readonly CandidateMeasurement[],
  tried: PrunedLayers | undefined,
): LayerMeasurement {
  const { layer } = target;
  // The figure of the first pattern tried, dense where that is among them.
  const pattern = triedPattern(target.pairs[0]!, tried);
  const widths = [...new Set(target.pairs.map((pair) => pair.weightBits))].filter((bits) => bits < FLOAT_BITS);
  // The candidate whose figures stand for a width: narrow inputs have fits of their own.
  const inputBits = (bits: number): number | undefined =>
    target.pairs.filter(({ weightBits }) => weightBits === bits).at(-1)?.activationBits;
  return {
    name: layer.name,
    shortName: layer.shortName,
    parameters: layer.parameters,
    macs: layerMacs(layer, shapes),
    candidates,
    weightSqnr: widths.map((bits) => ({ bits, decibel: weights.sqnr(layer, bits, pattern, inputBits(bits)) })),
    activation: range === undefined ? undefined : activationOf(range),
    outputErrors: widths.flatMap((bits) => {
      const errors = weights.errorsOf(layer, bits, pattern, inputBits(bits));
      return errors === undefined ? [] : [{ bits, rounded: errors.rtn, optimized: errors.result }];
    }),
  };
}

function activationOf({ min, max, zeros, histogram, grids }: InputRange): NonNullable<LayerMeasurement['activation']> {
  return { min, max, zeros, histogram, grids: [...grids].map(([bits, { lo, hi }]) => ({ bits, low: lo, high: hi })) };
}

function candidateSettings(recipe: Recipe): Readonly<Record<string, unknown>> {
  const { granularity, symmetric, range, blockSize } = recipe.quantization.weights;
  const { method, iterations } = recipe.quantization.optimizer;
  return {
    granularity,
    symmetric,
    range,
    ...(blockSize === undefined ? {} : { blockSize }),
    method,
    iterations: method === 'adaquant' ? iterations : null,
    fitted: fitsOnColumns(recipe.quantization) ? WITH_INPUTS : 'to narrow inputs',
  };
}

function describeRefusal(layer: Layer): string {
  return layer.quantizeWeights.possible ? layer.name : `${layer.name}: ${layer.quantizeWeights.reason}`;
}
