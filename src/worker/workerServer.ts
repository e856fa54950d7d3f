import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inferShapes } from '../analysis';
import { CancelledError, invariant, LatheError, throwIfCancelled } from '../base/errors';
import { initialRecipe } from '../job/recipe/initialRecipe';
import { Channel, type Handlers, type Link } from '../protocol/channel';
import type { LayerStatistics } from '../protocol/model';
import type { LayerSparsity, PatternName } from '../protocol/sparsity';
import {
  WORKER_PROTOCOL_VERSION,
  type ModelAccess,
  type WorkerClientSide,
  type WorkerSide,
} from '../protocol/workerProtocol';
import { exportForm } from '../job/exportForm';
import { loadRecipe } from '../job/recipe/loadRecipe';
import { interopFile, interopFormats } from '../job/interop/interop';
import { createOnnxRuntime } from '../runtime/onnxRuntime';
import { AllocationViews } from './allocationViews';
import { HeldWeights, layerNamed } from './heldWeights';
import { compareOpenModels } from './compareModels';
import { JobProcess } from './jobProcess';
import { LayerMasks } from './layerMasks';
import { layerStatistics } from './layerStatistics';
import { lockEntry } from './lockEntry';
import { lockState } from './lockState';
import { modelGraph } from './modelGraph';
import { modelKin } from './modelKin';
import { summarizeModel } from './modelSummary';
import { OpenModels } from './openModels';
import { recipeEdits } from './recipeEdits';
import { recipeOutlook } from './recipeOutlook';
import { describeRecipe, recipeLayers } from './recipeQuestions';
import { compareForReview } from './reviewQuestions';
import { lockOutlook } from './staleLock';
import { measuredPoints, readReportView } from './reportView';
import { deleteRuns, readRunFile, runViews } from './runHistoryView';
import { channelRanges, weightPicture } from './weightPictures';
import { toWireError } from './wireErrors';

/** Statistics are sent in lots: often enough to fill a table while it is watched, seldom enough not to flood the pipe. */
const STATISTICS_INTERVAL_MS = 100;

/** The background process's end of the link: what it answers. */
export class WorkerServer {
  private readonly channel: Channel<WorkerSide, WorkerClientSide>;
  private readonly models = new OpenModels();
  private readonly weights = new HeldWeights();
  private readonly masks = new LayerMasks(this.weights);
  private readonly allocations = new AllocationViews();
  private job: { readonly process: JobProcess; readonly done: Promise<void> } | undefined;

  /** `onJobEnd` is called after a job's last word: its process has nothing left to do. */
  constructor(
    link: Link,
    private readonly onJobEnd: () => void,
  ) {
    this.channel = new Channel<WorkerSide, WorkerClientSide>(
      link,
      this.handlers(),
      {},
      {
        version: WORKER_PROTOCOL_VERSION,
        toErrorData: (error) => this.errorData(error),
        log: (message) => this.log('warn', message),
      },
    );
  }

  /** Cancels the job, if there is one, and waits for its end. */
  async stop(): Promise<void> {
    this.job?.process.cancel();
    await this.job?.done;
  }

  private handlers(): Handlers<WorkerSide> {
    const { models, masks, weights, allocations } = this;
    return {
      'model/open': (access) => {
        const { model, shapes } = models.open(access);
        return summarizeModel(model, access.path, shapes);
      },
      'model/inferShapes': async (access, signal) => {
        const { model } = models.open(access);
        const shapes = await inferShapes(model, createOnnxRuntime());
        throwIfCancelled(signal);
        return summarizeModel(model, access.path, shapes);
      },
      'model/statistics': async ({ token, ...access }, signal) => {
        await this.streamStatistics(access, token, signal);
        return null;
      },
      'model/sparsity': async ({ token, patterns, ...access }, signal) => {
        await this.streamSparsity(access, patterns, token, signal);
        return null;
      },
      'masks/diversity': ({ patterns }) => ({ diversity: masks.diversity(patterns) }),
      'model/maskBlock': ({ place, pattern, ...access }) => masks.block(models.open(access).layers, place, pattern),
      'model/weightPicture': ({ question, ...access }) => {
        const layer = layerNamed(models.open(access).layers, question.layer);
        return weightPicture(layer, weights.of(layer), question);
      },
      'model/channelRanges': ({ layer: name, channel, ...access }) => {
        const layer = layerNamed(models.open(access).layers, name);
        return channelRanges(layer, weights.of(layer), channel);
      },
      'model/graph': ({ graph, ...access }) => {
        const { model, layers, shapes } = models.open(access);
        return modelGraph(model, layers, shapes, graph);
      },
      'model/compare': ({ before, after }, signal) => compareOpenModels(models, before, after, signal),
      'model/kin': ({ path, recipePaths }) => modelKin(path, recipePaths),
      'model/initRecipe': ({ path }) => {
        const { model } = models.open({ path, followExternalData: true });
        const folder = dirname(path);
        return {
          path: recipePathFor(path),
          text: initialRecipe(path, { folder, inputs: model.graph.trueInputs.map((input) => input.name) }),
        };
      },
      'recipe/parse': (params) => describeRecipe(params, models),
      'recipe/layers': (params) => ({ layers: recipeLayers(params, models) }),
      'recipe/edits': ({ path, text, pins, budget }) => {
        const layers = recipeLayers({ path, text, followExternalData: true }, models);
        const shortNames = new Map(layers.map((layer) => [layer.name, layer.shortName]));
        return recipeEdits(text, path, pins, budget, (layer) => shortNames.get(layer) ?? layer);
      },
      'recipe/outlook': async ({ recipePath }, signal) => ({
        diagnostics: await recipeOutlook(recipePath, allocations, signal),
      }),
      'recipe/lockEntry': ({ recipePath, layer }) => lockEntry(recipePath, layer),
      'lock/export': ({ recipePath, format }) => {
        const { text, notes } = interopFile(recipePath, format);
        return { text, notes, suffix: interopFormats[format].suffix };
      },
      'model/exportForm': ({ recipePath, form, path }) => ({
        notes: exportForm(loadRecipe(recipePath), form, path, 'model').notes,
      }),
      'recipe/lockState': ({ recipePath }, signal) => lockState(recipePath, signal),
      'lock/outlook': async ({ path, text }, signal) => ({ diagnostics: await lockOutlook(path, text, signal) }),
      'review/compare': (params) => compareForReview(params),
      'measurements/read': ({ recipePath }) => {
        try {
          return { view: allocations.measurements(recipePath) };
        } catch (error) {
          if (LatheError.is(error, 'job/not-measured')) {
            return {};
          }
          throw error;
        }
      },
      'allocation/solve': ({ recipePath, budget, pins, precision }, signal) =>
        allocations.solve(recipePath, budget, pins, precision, signal),
      'allocation/frontier': ({ recipePath, pins, precision }, signal) =>
        allocations.frontier(recipePath, pins, precision, measuredPoints(recipePath), signal),
      'report/read': ({ recipePath }) => readReportView(recipePath),
      'history/list': ({ recipePath }) => ({ runs: runViews(recipePath) }),
      'history/read': ({ recipePath, id, file }) => ({ text: readRunFile(recipePath, id, file) }),
      'history/delete': ({ recipePath, ids }) => ({ deleted: deleteRuns(recipePath, ids) }),
      'job/start': (params) => {
        invariant(this.job === undefined, 'a process runs one job');
        const process = new JobProcess(params, {
          onSnapshot: (snapshot) => this.channel.notify('job/snapshot', snapshot),
          log: (line) => this.channel.notify('job/log', { id: params.id, line }),
        });
        const done = process.run().finally(this.onJobEnd);
        this.job = { process, done };
        return { id: params.id };
      },
      'job/cancel': () => {
        this.job?.process.cancel();
        return null;
      },
    };
  }

  /** Layer by layer, so that a question in between is answered and an abort is heard. */
  private async streamStatistics(access: ModelAccess, token: number, signal: AbortSignal): Promise<void> {
    const { layers } = this.models.open(access);
    let lot: LayerStatistics[] = [];
    let sentAt = Date.now();
    const send = () => {
      if (lot.length > 0) {
        this.channel.notify('model/statistics', { token, layers: lot });
        lot = [];
        sentAt = Date.now();
      }
    };
    for (const layer of layers) {
      await nextTurn();
      if (signal.aborted) {
        throw new CancelledError();
      }
      try {
        lot.push(layerStatistics(layer));
      } catch (error) {
        // One weight that cannot be read (missing external data, a packed format) leaves its row without figures.
        const { code, message } = toWireError(error);
        this.log('warn', `${access.path}: ${layer.name}: ${message} [${code}]`);
      }
      if (Date.now() - sentAt >= STATISTICS_INTERVAL_MS) {
        send();
      }
    }
    send();
  }

  private async streamSparsity(
    access: ModelAccess,
    patterns: readonly PatternName[],
    token: number,
    signal: AbortSignal,
  ): Promise<void> {
    let lot: LayerSparsity[] = [];
    let sentAt = Date.now();
    const send = () => {
      if (lot.length > 0) {
        this.channel.notify('model/sparsity', { token, layers: lot });
        lot = [];
        sentAt = Date.now();
      }
    };
    await this.masks.stream(this.models.open(access).layers, patterns, signal, (layer) => {
      lot.push(layer);
      if (Date.now() - sentAt >= STATISTICS_INTERVAL_MS) {
        send();
      }
    });
    send();
  }

  private errorData(error: unknown): ReturnType<typeof toWireError> {
    const wire = toWireError(error);
    if (wire.code === 'internal') {
      const stack: unknown = wire.details?.stack;
      this.log('error', typeof stack === 'string' ? stack : wire.message);
    }
    return wire;
  }

  private log(level: 'info' | 'warn' | 'error', message: string): void {
    this.channel.notify('log', { level, message });
  }
}

/** "model.lathe.json" beside "model.onnx", also when it is there already: who writes it looks first. */
function recipePathFor(modelPath: string): string {
  const name = modelPath.slice(dirname(modelPath).length + 1).replace(/\.onnx$/i, '');
  return join(dirname(modelPath), `${name}.lathe.json`);
}
