import { layerMacs, measureWeight, sampleShapes } from '../analysis';
import type { Layer, RunnerValue, ShapeTable } from '../analysis';
import { throwIfCancelled } from '../base/errors';
import { cacheKey } from './cache/cacheKey';
import { createRunner } from '../runtime/createRunner';
import type { Dataset } from './data/dataset';
import { openDataset } from './data/openDataset';
import { noCalibration, noLabels, noLayers } from './errors';
import type { AnalyzeResult, CandidateMeasurement, LayerMeasurement, MetricValue } from './jobTypes';
import { FLOAT_BITS, edgeLayers, layerWidths } from './layerWidths';
import { evaluateMetric } from './metric';
import { NetworkLoss } from './networkLoss';
import { measurementScope } from './prepare';
import type { PreparedJob } from './prepare';
import { measureRanges } from './ranges';
import type { InputRange } from './ranges';
import type { Recipe } from './recipe/recipe';
import { scanSensitivity } from './sensitivity';
import type { SensitivityTarget } from './sensitivity';
import type { StageTracker } from './stageTracker';
import { WeightScales } from './weightScales';

/** All measurements of a job, and what they were made with. */
export interface Analysis {
  readonly result: AnalyzeResult;
  readonly calibration: Dataset;
  readonly evaluation: Dataset | undefined;
  readonly ranges: ReadonlyMap<string, InputRange>;
  readonly weights: WeightScales;
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
  const inputs = modelInputs(job);
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

function modelInputs(job: PreparedJob): RunnerValue[] {
  return job.model.graph.trueInputs.map((input) => {
    const type = job.shapes.get(input.name);
    return { name: input.name, type: type?.elementType, shape: type?.shape };
  });
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
export async function analyze(job: PreparedJob, tracker: StageTracker): Promise<Analysis> {
  const { recipe, layers } = job;
  const { signal } = tracker;
  if (!layers.some((layer) => layer.quantizeWeights.possible)) {
    throw noLayers(recipe.modelPath, layers.map(describeRefusal));
  }
  const { calibration, evaluation, loss } = await openData(job, signal);
  const baseline = await measureBaseline(job, evaluation, tracker);

  const edges = edgeLayers(layers);
  const wanted = layers
    .map((layer) => ({ layer, widths: layerWidths(recipe, layer, edges) }))
    .filter(({ widths }) => !widths.excluded);
  const scope = { ...measurementScope(job), data: calibration.hash };
  let ranges: ReadonlyMap<string, InputRange> = new Map();
  const weights = new WeightScales(
    recipe.quantization.weights,
    job.cache,
    scope,
    (layer) => ranges.get(layer.name)?.gram,
  );
  ranges = await tracker.stage('ranges', wanted.length, (steps) =>
    measureRanges({
      model: job.model,
      shapes: job.shapes,
      wanted: wanted.map(({ layer, widths }) => ({
        layer,
        bits: widths.activationBits,
        gram:
          recipe.quantization.weights.range === 'output-mse' &&
          widths.weightBits.some((bits) => !weights.has(layer, bits)),
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
  const targets = wanted.map(({ layer, widths }): SensitivityTarget => {
    const range = ranges.get(layer.name);
    return {
      layer,
      pairs: pairsFor(recipe, widths.weightBits, widths.activationBits),
      grids: range?.grids ?? new Map(),
    };
  });
  const { activations, sensitivity } = recipe.quantization;
  const scan = await tracker.stage('sensitivity', 0, (steps) =>
    scanSensitivity({
      model: job.model,
      shapes: job.shapes,
      targets,
      dataset: calibration,
      samples: sensitivity.samples,
      loss,
      weights,
      memoryLimit: sensitivity.memoryLimit,
      factory: job.factory,
      cache: job.cache,
      cacheScope: {
        ...scope,
        weights: weightSettings(recipe),
        inputs: { ...activations, bits: undefined },
        measure: loss.measure,
      },
      steps,
      signal,
    }),
  );
  const shapes = await countingShapes(job, calibration);
  const measured: LayerMeasurement[] = [];
  for (const target of targets) {
    measured.push(
      measurementOf(
        shapes,
        weights,
        target,
        ranges.get(target.layer.name),
        scan.candidates.get(target.layer.name) ?? [],
      ),
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
  return { result, calibration, evaluation, ranges, weights, candidates: scan.candidates, loss };
}

/** Sizes to count MACs on: the model's own, or those of the first calibration sample where the model leaves them open. */
async function countingShapes(job: PreparedJob, calibration: Dataset): Promise<ShapeTable> {
  return job.layers.every((layer) => layerMacs(layer, job.shapes) !== undefined)
    ? job.shapes
    : await sampleShapes(job.model, job.factory, calibration.batch(0, calibration.fixedBatch ?? 1));
}

/** With `tied`, only equal widths are tried, except where one side stays float. */
function pairsFor(
  recipe: Recipe,
  weightBits: readonly number[],
  activationBits: readonly number[],
): SensitivityTarget['pairs'] {
  const oneSided = activationBits.every((bits) => bits === FLOAT_BITS);
  return weightBits.flatMap((weight) =>
    activationBits
      .filter((activation) => recipe.quantization.pairing === 'free' || oneSided || weight === activation)
      .map((activation) => ({ weightBits: weight, activationBits: activation })),
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
  weights: WeightScales,
  target: SensitivityTarget,
  range: InputRange | undefined,
  candidates: readonly CandidateMeasurement[],
): LayerMeasurement {
  const { layer } = target;
  const widths = [...new Set(target.pairs.map((pair) => pair.weightBits))];
  return {
    name: layer.name,
    shortName: layer.shortName,
    parameters: layer.parameters,
    macs: layerMacs(layer, shapes),
    candidates,
    weightSqnr: widths.map((bits) => ({ bits, decibel: weights.sqnr(layer, bits) })),
    activation: range === undefined ? undefined : { min: range.min, max: range.max, zeros: range.zeros },
  };
}

function weightSettings(recipe: Recipe): Readonly<Record<string, unknown>> {
  const { granularity, symmetric, range } = recipe.quantization.weights;
  return { granularity, symmetric, range };
}

function describeRefusal(layer: Layer): string {
  return layer.quantizeWeights.possible ? layer.name : `${layer.name}: ${layer.quantizeWeights.reason}`;
}
