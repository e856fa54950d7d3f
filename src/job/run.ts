import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { InferenceRunner } from '../analysis';
import { throwIfCancelled } from '../base/errors';
import { LATHE_VERSION } from '../base/version';
import { compareModels } from '../export/compareModels';
import type { ModelComparison } from '../export/compareModels';
import { exportModel } from '../export/exportModel';
import type { ExportResult } from '../export/exportModel';
import { toMatMulNBits } from '../methods';
import type { QuantizedWeight } from '../methods';
import { dataTypeName } from '../onnx';
import type { Model } from '../onnx';
import type { Analysis } from './analyze';
import type { CompressionStep, QuantizedModel } from './compress';
import { createRunner } from '../runtime/createRunner';
import type { Dataset } from './data/dataset';
import { exportFolder } from './errors';
import { compressedPathOf } from './exportForm';
import type { AllocateResult, Latency, LayerRun, RunResult } from './jobTypes';
import { evaluateMetric } from './metric';
import { patternKey } from './sparsity/layerPatterns';
import { lossBetween, lossOfModel, measuredOnce } from './lossBetween';
import type { PreparedJob } from './prepare';
import { sampleBatches } from './sampleBatches';
import type { StageTracker } from './stageTracker';

/** Samples of the calibration set on which layers are compared one by one. */
const COMPARED_SAMPLES = 64;
const LATENCY_RUNS = 30;

/** Writes the model with its provenance and opens it again. Throws `job/export-folder`, `export/*`, `onnx/write`. */
export function exportQuantized(job: PreparedJob, quantized: QuantizedModel, allocate: AllocateResult): ExportResult {
  const directory = job.recipe.export.absoluteDirectory;
  try {
    makeFolder(directory);
  } catch (error) {
    throw exportFolder(directory, error);
  }
  const { model, result } = inFormat(job, quantized);
  return exportModel({
    source: job.original,
    model,
    quantization: result,
    path: compressedPathOf(job.recipe),
    provenance: {
      version: LATHE_VERSION,
      source: job.recipe.model,
      sourceSha256: job.hash,
      size: allocate.size.toPrecision(6),
      bits: JSON.stringify(
        Object.fromEntries(allocate.layers.map((layer) => [layer.name, [layer.weightBits, layer.activationBits]])),
      ),
      ...sparsityProvenance(quantized),
    },
  });
}

/** The model as the recipe wants it written. */
function inFormat(
  { recipe }: PreparedJob,
  { model, result }: QuantizedModel,
): Pick<QuantizedModel, 'model' | 'result'> {
  if (recipe.export.format === 'qdq') {
    return { model, result };
  }
  const copy = model.clone();
  const { tensors } = toMatMulNBits(copy);
  const layers = result.layers.map((layer) =>
    layer.weightTensor !== undefined && tensors.has(layer.weightTensor.name)
      ? { ...layer, weightTensor: undefined }
      : layer,
  );
  return { model: copy, result: { ...result, layers } };
}

/** Patterns of the pruned layers, for readers of the file; nothing where there are none. */
function sparsityProvenance({ pruned }: QuantizedModel): { readonly sparsity?: string } {
  return pruned.size === 0
    ? {}
    : {
        sparsity: JSON.stringify(
          Object.fromEntries([...pruned].map(([name, { pattern }]) => [name, patternKey(pattern)])),
        ),
      };
}

/** One folder at a time: Node's own recursive way never ends below /proc. */
function makeFolder(directory: string): void {
  if (existsSync(directory)) {
    return;
  }
  const parent = dirname(directory);
  if (parent !== directory) {
    makeFolder(parent);
  }
  mkdirSync(directory);
}

export interface Verification {
  readonly accuracy: RunResult['accuracy'];
  /** Against the float network on the calibration samples of the sensitivity scan. */
  readonly measuredLoss: number;
  readonly comparison: ModelComparison;
  readonly latency: Latency | undefined;
  readonly messages: readonly string[];
}

/** Runs the written file against the float model, simulated and as ONNX Runtime runs it by default. */
export async function verifyExport(
  job: PreparedJob,
  analysis: Analysis,
  written: Model,
  tracker: StageTracker,
): Promise<Verification> {
  return await tracker.stage('verify', 4, async (steps) => {
    const runners: InferenceRunner[] = [];
    const open = async (model: Model, mode: 'simulate' | 'deploy'): Promise<InferenceRunner> => {
      const runner = await createRunner(job.factory, model, { mode });
      runners.push(runner);
      return runner;
    };
    try {
      const comparison = await compareModels(
        analysis.base.dense,
        written,
        job.factory,
        () => batchesOf(analysis.calibration, COMPARED_SAMPLES),
        tracker.signal === undefined ? {} : { signal: tracker.signal },
      );
      steps.advance('layer outputs');
      const float = await open(job.original, 'simulate');
      const simulated = await open(written, 'simulate');
      // A model that only fails in deployment is reported with its simulated figures, not thrown away.
      const deployed = comparison.deployFailure === undefined ? await open(written, 'deploy') : undefined;
      const measuredLoss = await lossBetween(job, analysis, float, simulated, tracker.signal);
      steps.advance('loss');
      const accuracy = await accuracyOf(job, analysis, { float, simulated, deployed }, tracker);
      steps.advance('accuracy');
      const latency =
        deployed === undefined
          ? undefined
          : await measureLatency(analysis.calibration, float, deployed, tracker.signal);
      steps.advance('latency');
      const messages =
        comparison.deployFailure === undefined
          ? []
          : [
              `ONNX Runtime does not run the file at its default optimisation level: ${comparison.deployFailure} ` +
                'It runs with the session option session.disable_quant_qdq = "1".',
            ];
      return { accuracy, measuredLoss, comparison, latency, messages };
    } finally {
      for (const runner of runners) {
        await runner.release();
      }
    }
  });
}

function* batchesOf(dataset: Dataset, samples: number): Iterable<ReturnType<Dataset['batch']>> {
  for (const range of sampleBatches(dataset, samples)) {
    yield dataset.batch(range.start, range.count);
  }
}

/** Loss and metric of a network as it was after each step, simulated: what every step bought. */
export async function measureSteps(
  job: PreparedJob,
  analysis: Analysis,
  steps: readonly CompressionStep[],
  tracker: StageTracker,
): Promise<RunResult['steps']> {
  const measured: RunResult['steps'][number][] = [];
  for (const { name, network, kept } of steps) {
    const loss = await lossOfModel(job, analysis, network.model, tracker.signal);
    measured.push({ name, loss, accuracy: await metricOfModel(job, analysis, network.model, tracker.signal), kept });
  }
  return measured;
}

/** The metric of a network, simulated; kept by content. Undefined without evaluation data. */
async function metricOfModel(
  job: PreparedJob,
  { evaluation }: Analysis,
  model: Model,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const metric = job.recipe.data.evaluation?.metric;
  if (metric === undefined || evaluation === undefined) {
    return undefined;
  }
  const { hash, samples } = evaluation;
  return await measuredOnce(
    job,
    model,
    { what: 'metric of a network', data: hash, samples, metric },
    async (reference, changed) => (await evaluateMetric(changed, evaluation, metric, { signal, reference })).value,
  );
}

async function accuracyOf(
  job: PreparedJob,
  analysis: Analysis,
  runners: {
    readonly float: InferenceRunner;
    readonly simulated: InferenceRunner;
    readonly deployed: InferenceRunner | undefined;
  },
  tracker: StageTracker,
): Promise<RunResult['accuracy']> {
  const metric = job.recipe.data.evaluation?.metric;
  const { evaluation } = analysis;
  if (metric === undefined || evaluation === undefined) {
    return undefined;
  }
  const measure = async (runner: InferenceRunner): Promise<number> => {
    const options = { signal: tracker.signal, reference: runners.float };
    return (await evaluateMetric(runner, evaluation, metric, options)).value;
  };
  const simulated = await measure(runners.simulated);
  return {
    metric,
    samples: analysis.result.baseline?.samples ?? evaluation.samples,
    float: analysis.result.baseline?.value ?? (await measure(runners.float)),
    simulated,
    deployed: runners.deployed === undefined ? undefined : await measure(runners.deployed),
  };
}

/** Median over alternating runs of one sample, so that both meet the same noise of the machine. */
async function measureLatency(
  dataset: Dataset,
  float: InferenceRunner,
  deployed: InferenceRunner,
  signal: AbortSignal | undefined,
): Promise<Latency> {
  const feeds = dataset.batch(0, dataset.fixedBatch ?? 1);
  const times: [number[], number[]] = [[], []];
  for (let i = 0; i < LATENCY_RUNS + 3; i++) {
    for (const [which, runner] of [float, deployed].entries()) {
      const before = performance.now();
      await runner.run(feeds);
      if (i >= 3) {
        times[which]!.push(performance.now() - before);
      }
    }
    throwIfCancelled(signal);
  }
  return { floatMs: median(times[0]), compressedMs: median(times[1]), runs: LATENCY_RUNS };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Puts allocation, rewrite and verification of each layer side by side. */
export function layerRuns(allocate: AllocateResult, quantized: QuantizedModel, verification: Verification): LayerRun[] {
  const rewritten = new Map(quantized.result.layers.map((layer) => [layer.name, layer]));
  const compared = new Map(verification.comparison.layers.map((layer) => [layer.layer, layer.error.sqnr]));
  return allocate.layers.map((layer) => {
    const result = rewritten.get(layer.name);
    const container = result?.weightContainer;
    return {
      ...layer,
      container: container === undefined ? 'float' : dataTypeName(container),
      sparsity: sparsityOf(quantized, layer.name),
      outputSqnr: compared.get(layer.name),
      notes: result?.notes ?? [],
    };
  });
}

function sparsityOf(quantized: QuantizedModel, name: string): LayerRun['sparsity'] {
  const pruned = quantized.pruned.get(name);
  if (pruned === undefined) {
    return undefined;
  }
  const { pattern, retained, density, errors } = pruned;
  const codes = quantized.weights.get(name);
  return {
    pattern,
    retained,
    zeros: codes === undefined ? 1 - density : zeroCodes(codes),
    maskError: errors?.maskOnly,
    error: errors?.chosen,
  };
}

/** Share of codes that stand for 0: those the mask took, and those that rounding did. */
function zeroCodes({ codes, zeroPoints, axis, shape }: QuantizedWeight): number {
  const inner = axis === undefined ? codes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const channels = axis === undefined ? 1 : shape[axis]!;
  let zeros = 0;
  for (let at = 0; at < codes.length; at++) {
    zeros += codes[at] === zeroPoints[Math.floor(at / inner) % channels] ? 1 : 0;
  }
  return codes.length === 0 ? 0 : zeros / codes.length;
}

/** Sizes before and after. With sparse layers the nominal size counts their kept weights and positions. */
export function sizeFigures(
  job: PreparedJob,
  quantized: QuantizedModel,
  allocate: AllocateResult,
  written: ExportResult,
): RunResult['size'] {
  const isSparse = quantized.pruned.size > 0;
  const external = written.externalFiles.reduce((sum, path) => sum + statSync(path).size, 0);
  return {
    nominal: isSparse ? allocate.size : quantized.result.nominalRatio,
    nominalBits: isSparse ? allocate.solution.sizeBits : quantized.result.storage.nominal,
    packedBytes: Math.ceil(quantized.result.storage.packed / 8),
    fileBytes: written.bytes + external,
    floatFileBytes: job.original.fileBytes + job.original.externalFiles.reduce((sum, file) => sum + file.bytes, 0),
  };
}
