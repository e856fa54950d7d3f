import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { countOperators, declaredShapes, findLayers, floatOperators, inferShapes } from '../analysis';
import type { InferenceRunner, RunnerValue } from '../analysis';
import { LatheError } from '../base/errors';
import { LATHE_VERSION } from '../base/version';
import type { GridWithRange } from '../methods';
import { openModel } from '../onnx';
import { createOnnxRuntime } from '../runtime/onnxRuntime';
import { adviceFor } from './advice';
import { allocateResult } from './allocation';
import type { AllocationModel } from './allocation';
import { analyze } from './analyze';
import type { Analysis } from './analyze';
import { buildLock, withInputGrids } from './buildLock';
import { acquireRunLock } from './cache/runLock';
import { createRunner } from '../runtime/createRunner';
import { openDataset } from './data/openDataset';
import { noEvaluation } from './errors';
import { compressedPathOf } from './exportForm';
import type {
  AllocateResult,
  AllocatedLayer,
  AnalyzeResult,
  CheckResult,
  EvaluateResult,
  JobHooks,
  RunResult,
  StageName,
} from './jobTypes';
import type { Lock } from './lock/lockSchema';
import { lockIsCurrent, type StaleReason } from './lock/lockIsCurrent';
import { lockPathOf, readLock, writeLock } from './lock/lockFile';
import { brokenLimits } from './limits';
import { evaluateMetric } from './metric';
import { cacheDirectory, prepareJob } from './prepare';
import type { PreparedJob } from './prepare';
import { loadRecipe } from './recipe/loadRecipe';
import type { Recipe, RecipeBudget } from './recipe/recipe';
import { createReport } from './report/createReport';
import { readReport, reportPathsOf, writeReport } from './report/reportFile';
import type { Report } from './report/reportSchema';
import { measureMasks, recipePatterns } from './sparsity/measureMasks';
import { keepRun } from './history/runHistory';
import { patternBroken } from './sparsity/patternCompliance';
import { compress, lastKept } from './compress';
import { decidePolicy } from './decidePolicy';
import { exportQuantized, layerRuns, measureSteps, sizeFigures, verifyExport } from './run';
import { StageTracker } from './stageTracker';
import { eightBitOperators } from './valuesBetween';
import { modelInputs } from './watchValues';
import { openedModel, readAnalysis, storeAnalysis } from './storedAnalysis';

const MEASURING: readonly StageName[] = ['open', 'fold', 'baseline', 'prune', 'ranges', 'optimize', 'sensitivity'];

/** A budget from the command line or a slider in place of the recipe's. */
export type BudgetOverride = Partial<RecipeBudget>;

/** Measures every layer at every candidate width. Throws what opening, data and measuring throw, and `job/busy`. */
export async function analyzeJob(recipePath: string, hooks: JobHooks = {}): Promise<AnalyzeResult> {
  const tracker = new StageTracker([...MEASURING, 'masks'], hooks);
  return await exclusively(recipePath, async () => {
    const job = await prepareJob(resolve(recipePath), tracker);
    const analysis = await analyzeAndStore(job, tracker);
    close(analysis);
    const layers = await tracker.stage('masks', job.layers.length, (steps) => measureMasks(analysis.base, steps));
    const masks = { asked: recipePatterns(job.recipe), layers };
    return { ...analysis.result, masks, seconds: tracker.elapsedSeconds, resumedSteps: tracker.resumedSteps };
  });
}

/** Measures what is missing, solves the integer programme and writes the lock. */
export async function allocateJob(
  recipePath: string,
  budget: BudgetOverride = {},
  hooks: JobHooks = {},
): Promise<AllocateResult> {
  const tracker = new StageTracker([...MEASURING, 'allocate'], hooks);
  return await exclusively(recipePath, async () => {
    const job = withBudget(await prepareJob(resolve(recipePath), tracker), budget);
    const analysis = await analyzeAndStore(job, tracker);
    try {
      return (await allocate(job, analysis, tracker)).result;
    } finally {
      close(analysis);
    }
  });
}

/** The main job: analyse, allocate, quantise, export, verify, report. Resumes where an earlier run stopped. */
export async function runJob(
  recipePath: string,
  hooks: JobHooks = {},
  budget: BudgetOverride = {},
): Promise<RunResult> {
  const tracker = new StageTracker([...MEASURING, 'allocate', 'quantize', 'tune', 'export', 'verify', 'report'], hooks);
  return await exclusively(recipePath, async () => {
    const job = withBudget(await prepareJob(resolve(recipePath), tracker), budget);
    const analysis = await analyzeAndStore(job, tracker);
    try {
      return await finishRun(job, analysis, tracker);
    } finally {
      close(analysis);
    }
  });
}

async function finishRun(job: PreparedJob, analysis: Analysis, tracker: StageTracker): Promise<RunResult> {
  const { result: allocation, lockPath, lock } = await allocate(job, analysis, tracker);
  const compression = await compress(job, analysis, allocation, tracker);
  const final = lastKept(compression);
  const quantized = final.network;
  writeLock(
    lockPath,
    withInputGrids(lock, (name) => quantized.layers.get(name)?.input),
  );
  const written = await tracker.stage('export', 1, () => exportQuantized(job, quantized, allocation));
  const verification = await verifyExport(job, analysis, written.model, tracker);
  const others = [
    ...(await measureSteps(
      job,
      analysis,
      compression.filter((step) => step !== final),
      tracker,
    )),
  ];
  const { accuracyDrop } = job.recipe.limits;
  const messages =
    accuracyDrop === undefined || verification.accuracy === undefined
      ? []
      : brokenLimits(accuracyDrop, verification.accuracy);
  const reports = reportPathsOf(job.recipe.path);
  const eightBit = eightBitOperators(job, quantized.result.values);
  const result: RunResult = {
    analyze: analysis.result,
    allocate: allocation,
    size: sizeFigures(job, quantized, allocation, written),
    accuracy: verification.accuracy,
    measuredLoss: verification.measuredLoss,
    steps: compression.map((step) =>
      step === final
        ? {
            name: step.name,
            loss: verification.measuredLoss,
            accuracy: verification.accuracy?.simulated,
            kept: true,
          }
        : others.shift()!,
    ),
    layers: layerRuns(allocation, quantized, verification),
    refused: [
      ...analysis.result.refused,
      ...quantized.result.refused.map((refusal) => ({ ...refusal, layer: refusal.nodes[0] ?? '' })),
    ],
    floatOperators: floatOperators(job.model, job.layers, job.shapes, new Set(eightBit.map(({ node }) => node))),
    eightBitOperators: countOperators(eightBit.map(({ operator }) => operator)),
    latency: verification.latency,
    advice: adviceFor(job, quantized.result, verification.latency),
    outputs: {
      model: written.path,
      lock: lockPath,
      reportJson: reports.json,
      reportMarkdown: reports.markdown,
      reportHtml: reports.html,
    },
    // A file that the runtime refuses as it is delivered is outside any limit.
    withinLimits: messages.length === 0 && verification.messages.length === 0,
    limitMessages: [...messages, ...verification.messages],
    seconds: tracker.elapsedSeconds,
    resumedSteps: tracker.resumedSteps,
  };
  await tracker.stage('report', 1, () => {
    const report = createReport(result, {
      recipe: job.recipe,
      compressedPath: compressedPathOf(job.recipe),
      stages: tracker.finishedStages(),
      ...(result.latency === undefined ? {} : { latency: result.latency }),
    });
    writeReport(reports, report);
    try {
      keepRun(job.cache.directory, job.recipe.path, {
        recipe: job.recipeText,
        lockPath,
        reportPath: reports.json,
        report,
      });
    } catch (error) {
      // What the run was for is written; only its place in the history is missing.
      tracker.log(`The run is not in the history: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return result;
}

/** The metric of any model on the recipe's evaluation data, simulated and as it runs by default. */
export async function evaluateJob(
  modelPath: string,
  recipePath: string,
  hooks: JobHooks = {},
): Promise<EvaluateResult> {
  const tracker = new StageTracker(['open', 'baseline'], hooks);
  const { recipe, model, factory, dataset, metric } = await tracker.stage('open', 1, async () => {
    const recipe = loadRecipe(resolve(recipePath));
    const spec = recipe.data.evaluation;
    if (spec === undefined) {
      throw noEvaluation(recipe.path);
    }
    const model = openModel(resolve(modelPath));
    const factory = createOnnxRuntime();
    const shapes = await inferShapes(model, factory);
    const inputs = modelInputs(model, shapes);
    const dataset = await openDataset(spec, { inputs, labels: spec.metric !== 'mse' }, recipe.data.preprocess);
    return { recipe, model, factory, dataset, metric: spec.metric };
  });
  const runners: InferenceRunner[] = [];
  try {
    return await tracker.stage('baseline', 2 * dataset.samples, async (steps) => {
      const open = async (mode: 'simulate' | 'deploy', from = model): Promise<InferenceRunner> => {
        const runner = await createRunner(factory, from, { mode });
        runners.push(runner);
        return runner;
      };
      const reference = metric === 'mse' ? await open('simulate', openModel(recipe.modelPath)) : undefined;
      const options = { signal: hooks.signal, ...(reference === undefined ? {} : { reference }) };
      const measure = async (runner: InferenceRunner, name: string) => {
        let done = 0;
        return await evaluateMetric(runner, dataset, metric, {
          ...options,
          onBatch: (samples) => {
            steps.advance(name, samples - done);
            done = samples;
          },
        });
      };
      const value = await measure(await open('simulate'), 'simulated');
      let deployed: number | undefined;
      try {
        deployed = (await measure(await open('deploy'), 'as deployed')).value;
      } catch (error) {
        if (!LatheError.is(error)) {
          throw error;
        }
        tracker.log(`Not measured as deployed: ${error.message}`);
      }
      return { modelPath: resolve(modelPath), metric: value, deployed, engine: factory.engine };
    });
  } finally {
    for (const runner of runners) {
      await runner.release();
    }
    dataset.close();
  }
}

/** Whether lock and report still belong to recipe, model and data, and keep the limits. Writes nothing. */
export async function checkJob(recipePath: string, hooks: JobHooks = {}): Promise<CheckResult> {
  const recipe = loadRecipe(resolve(recipePath));
  const problems: CheckResult['problems'][number][] = [];
  const opened = openedModel(recipe.modelPath);
  const stale = await staleReasonsOf(recipe, opened, hooks);
  if (stale !== undefined) {
    problems.push(...stale.map(({ message }) => ({ kind: 'stale' as const, message })));
  } else {
    problems.push({
      kind: 'missing',
      message: `There is no lock ${lockPathOf(recipe.path)}; run \`lathe run\` or \`lathe allocate\`.`,
    });
  }
  problems.push(...checkReport(recipe, opened.hash));
  return { recipePath: recipe.path, current: problems.every((problem) => problem.kind === 'limit'), problems };
}

/** Why the lock beside a recipe no longer follows from recipe, model and data; undefined when there is no lock. */
export async function staleReasons(recipePath: string, hooks: JobHooks = {}): Promise<StaleReason[] | undefined> {
  const recipe = loadRecipe(resolve(recipePath));
  return staleReasonsOf(recipe, openedModel(recipe.modelPath), hooks);
}

async function staleReasonsOf(
  recipe: Recipe,
  { model, hash }: ReturnType<typeof openedModel>,
  hooks: JobHooks,
): Promise<StaleReason[] | undefined> {
  const lockPath = lockPathOf(recipe.path);
  if (!existsSync(lockPath)) {
    return undefined;
  }
  const inputs = model.graph.trueInputs.map((input) => input.name);
  const calibrationHash = await calibrationHashOf(recipe, inputs, hooks);
  return lockIsCurrent(recipe, readLock(lockPath), { modelHash: hash, calibrationHash, latheVersion: LATHE_VERSION });
}

function checkReport(recipe: Recipe, modelHash: string): CheckResult['problems'] {
  const { json } = reportPathsOf(recipe.path);
  if (!existsSync(json)) {
    return recipe.limits.accuracyDrop === undefined
      ? []
      : [
          {
            kind: 'missing',
            message: `There is no report ${json}, so the accuracy limit cannot be checked; run \`lathe run\`.`,
          },
        ];
  }
  const report = readReport(json);
  const problems: CheckResult['problems'][number][] = [];
  if (report.model.sha256 !== modelHash) {
    problems.push({ kind: 'stale', message: `The report ${json} was made from another state of ${recipe.model}.` });
  }
  const file = resolve(recipe.path, '..', report.compressed.file);
  if (!existsSync(file)) {
    problems.push({
      kind: 'file',
      message: `The compressed model ${report.compressed.file} is not there; run \`lathe run\`.`,
    });
  } else {
    problems.push(...checkPatterns(file, report));
  }
  const { accuracy } = report;
  const { accuracyDrop } = recipe.limits;
  if (accuracyDrop !== undefined && accuracy !== undefined) {
    problems.push(...brokenLimits(accuracyDrop, accuracy).map((message) => ({ kind: 'limit' as const, message })));
  }
  return problems;
}

/** Whether the exported layers still hold the patterns the report says they do, along the axes that matter. */
function checkPatterns(file: string, report: Report): CheckResult['problems'] {
  const wanted = report.layers.filter((layer) => layer.sparsity !== undefined);
  if (wanted.length === 0) {
    return [];
  }
  const layers = new Map(findLayers(openModel(file)).map((layer) => [layer.name, layer]));
  return wanted.flatMap(({ name, sparsity }) => {
    const layer = layers.get(name);
    if (layer === undefined) {
      return [{ kind: 'file' as const, message: `The compressed model has no layer "${name}"; run \`lathe run\`.` }];
    }
    const [keep, group] = sparsity!.pattern.split(':').map(Number);
    const broken = patternBroken(layer, { keep: keep!, group: group!, transposable: sparsity!.transposable });
    return broken === undefined ? [] : [{ kind: 'file' as const, message: `${broken} Run \`lathe run\`.` }];
  });
}

async function calibrationHashOf(
  recipe: Recipe,
  inputs: readonly string[],
  hooks: JobHooks,
): Promise<string | null | undefined> {
  const spec = recipe.data.calibration;
  if (spec === undefined) {
    return null;
  }
  if (!existsSync(spec.path)) {
    // Calibration data is often not in the repository: then it is not compared.
    hooks.log?.(`The calibration data ${spec.path} is not here and was not compared.`);
    return undefined;
  }
  const shapes = declaredShapes(openModel(recipe.modelPath));
  const wanted = inputs.map((name): RunnerValue => {
    const type = shapes.get(name);
    return { name, type: type?.elementType, shape: type?.shape };
  });
  const dataset = await openDataset(spec, { inputs: wanted }, recipe.data.preprocess);
  dataset.close();
  return dataset.hash;
}

async function analyzeAndStore(job: PreparedJob, tracker: StageTracker): Promise<Analysis> {
  const analysis = await analyze(job, tracker);
  const known = readAnalysis(job.cache, job.recipe, job.hash);
  if (known === undefined || tracker.resumedSteps === 0) {
    storeAnalysis(job.cache, job.recipe, job.hash, analysis.result);
    job.cache.prune();
  }
  return analysis;
}

async function allocate(
  job: PreparedJob,
  analysis: Analysis,
  tracker: StageTracker,
): Promise<{
  readonly result: AllocateResult;
  readonly lockPath: string;
  readonly lock: Lock;
  readonly model: AllocationModel;
}> {
  return await tracker.stage('allocate', 1, async (steps) => {
    const { model, solution, policies } = await decidePolicy(job, analysis, steps, tracker);
    const lockPath = lockPathOf(job.recipe.path);
    const lock = buildLock({
      model,
      solution,
      modelHash: job.hash,
      calibrationHash: analysis.calibration.hash,
      engine: job.factory.engine,
      inputGrid: (layer) => measuredInput(analysis, layer),
    });
    writeLock(lockPath, lock);
    return { result: allocateResult(model, solution, lockPath, policies), lockPath, lock, model };
  });
}

/** Grid of a layer's input as the sensitivity scan had it. */
function measuredInput(analysis: Analysis, decided: AllocatedLayer): GridWithRange | undefined {
  const layer = analysis.job.layers.find(({ name }) => name === decided.name);
  const { weightBits, activationBits } = decided;
  const pattern = analysis.tried === undefined ? undefined : decided.pattern;
  return (
    (layer && analysis.layerCandidates.inputOf(layer, { weightBits, activationBits, pattern })) ??
    analysis.ranges.get(decided.name)?.grids.get(activationBits)
  );
}

function withBudget(job: PreparedJob, override: BudgetOverride): PreparedJob {
  const given = [override.size, override.bops, override.loss].some((value) => value !== undefined);
  if (!given) {
    return job;
  }
  const minimize = override.loss === undefined ? 'loss' : 'size';
  const budget: RecipeBudget = { size: override.size, bops: override.bops, loss: override.loss };
  return { ...job, recipe: { ...job.recipe, allocation: { ...job.recipe.allocation, minimize, budget } } };
}

async function exclusively<T>(recipePath: string, work: () => Promise<T>): Promise<T> {
  // The recipe must be readable before a folder is made beside it.
  loadRecipe(resolve(recipePath));
  const lock = acquireRunLock(cacheDirectory(resolve(recipePath)));
  try {
    return await work();
  } finally {
    lock.dispose();
  }
}

function close(analysis: Analysis): void {
  analysis.calibration.close();
  analysis.evaluation?.close();
}
