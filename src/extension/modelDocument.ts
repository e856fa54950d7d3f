import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import type { AllocationView, FrontierView, JobSnapshot, MeasurementsView, WireError } from '../protocol/job';
import type { GraphStructure } from '../protocol/graph';
import type { LayerStatistics } from '../protocol/model';
import type { BlockPlace, MaskBlock, PatternName } from '../protocol/sparsity';
import type {
  EditorNotifications,
  EditorState,
  Pin,
  RecipeInfo,
  RelatedModel,
  Slot,
} from '../protocol/webviewProtocol';
import type { CancelSignal } from '../protocol/channel';
import type { ChannelRanges, LockEntry, WeightPicture, WeightPictureQuestion } from '../protocol/weights';
import type { ModelAccess } from '../protocol/workerProtocol';
import { actionsFor } from './actions';
import { DocumentSparsity } from './documentSparsity';
import { isCancellation, toWireError } from './errors';
import { baseName, parentOf, samePath } from './fileNames';
import type { JobManager } from './jobManager';
import type { LocalCopies } from './localCopies';
import type { Log } from './log';
import { placeOf, versionedName } from './modelVersions';
import type { ParsedRecipeFile, RecipeIndex } from './recipeIndex';
import { describeRecipe } from './recipeInfo';
import { settings } from './settings';
import type { WorkerClient } from './workerClient';

export type DocumentChange =
  | ({ readonly type: 'state' } & EditorNotifications['state/changed'])
  | ({ readonly type: 'statistics' } & EditorNotifications['statistics/received'])
  | ({ readonly type: 'sparsity' } & EditorNotifications['sparsity/received']);

export interface DocumentServices {
  readonly worker: WorkerClient;
  readonly recipes: RecipeIndex;
  readonly jobs: JobManager;
  readonly copies: LocalCopies;
  readonly log: Log;
}

interface Related {
  readonly relation: RelatedModel['relation'];
  readonly uri: vscode.Uri;
}

/** Files are written in several steps; what follows a change waits for it to settle. */
const SETTLE_MS = 250;

/**
 * One open model: the state that all its views show. It asks the background process and holds the answers; the model's
 * bytes are never here.
 */
export class ModelDocument implements vscode.CustomDocument {
  private readonly store = new DisposableStore();
  private readonly didChange = this.store.add(new vscode.EventEmitter<DocumentChange>());
  readonly onDidChange = this.didChange.event;
  private state: EditorState;
  private readonly statistics = new Map<string, LayerStatistics>();
  private readonly sparsity: DocumentSparsity;
  private reading = new AbortController();
  private solving = new AbortController();
  private recipeFile: ParsedRecipeFile | undefined;
  private chosenRecipe: string | undefined;
  private modelTimer: NodeJS.Timeout | undefined;
  private recipeTimer: NodeJS.Timeout | undefined;
  /** Where the background process reads the model; undefined until a copy of one that is on no disk is there. */
  private path: string | undefined;
  private kin: readonly Related[] = [];
  private otherSide: vscode.Uri | undefined;

  constructor(
    readonly uri: vscode.Uri,
    private readonly services: DocumentServices,
  ) {
    this.sparsity = new DocumentSparsity(services.worker, (layers, state) =>
      this.didChange.fire({ type: 'sparsity', layers, state }),
    );
    this.state = {
      document: {
        path: uri.fsPath,
        name: versionedName(uri),
        ...(uri.scheme === 'file' ? {} : { version: placeOf(uri) }),
      },
      trusted: vscode.workspace.isTrusted,
      model: { status: 'loading' },
      statistics: { layers: [], complete: false },
      sparsity: this.sparsity.snapshot,
      recipe: undefined,
      recipes: [],
      measurements: { status: 'loading' },
      allocation: { status: 'loading' },
      frontier: { status: 'loading' },
      report: { status: 'loading' },
      jobs: [],
      pins: [],
      selectedLayer: undefined,
      related: [],
      actions: actionsFor({ trusted: vscode.workspace.isTrusted, onDisk: uri.scheme === 'file' }),
    };
    this.store.add({
      dispose: () => {
        this.reading.abort();
        this.sparsity.dispose();
        this.solving.abort();
        clearTimeout(this.modelTimer);
        clearTimeout(this.recipeTimer);
      },
    });
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.trustGranted()));
    this.store.add(this.services.jobs.onDidChange((snapshot) => this.jobChanged(snapshot)));
    if (uri.scheme === 'file') {
      this.path = uri.fsPath;
      this.watch();
    }
    this.reload();
    this.jobChanged(undefined);
  }

  get snapshot(): EditorState {
    return {
      ...this.state,
      statistics: { ...this.state.statistics, layers: [...this.statistics.values()] },
      sparsity: this.sparsity.snapshot,
    };
  }

  /** The recipe in use. */
  get recipe(): ParsedRecipeFile | undefined {
    return this.recipeFile;
  }

  get pins(): readonly Pin[] {
    return this.state.pins;
  }

  /** Reads model and recipes again. */
  reload(): void {
    this.reading.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    this.statistics.clear();
    this.sparsity.reset();
    this.update({
      model: { status: 'loading' },
      statistics: { layers: [], complete: false },
      sparsity: this.sparsity.snapshot,
    });
    this.readModel(signal).catch((error: unknown) => {
      if (!isCancellation(error) && !signal.aborted) {
        this.update({ model: { status: 'failed', error: toWireError(error) } });
      }
    });
    this.refreshRecipe();
  }

  /** Reads recipes, measurements, allocation and report again. */
  refreshRecipe(): void {
    this.solving.abort();
    this.solving = new AbortController();
    const { signal } = this.solving;
    this.readKin(signal).catch((error: unknown) => {
      if (!isCancellation(error) && !signal.aborted) {
        this.services.log.warn(`${this.state.document.name}: ${toWireError(error).message}`);
      }
    });
    this.readRecipe(signal).catch((error: unknown) => {
      if (!isCancellation(error) && !signal.aborted) {
        this.services.log.error(`${this.state.document.name}: ${toWireError(error).message}`);
        this.failResults(toWireError(error));
      }
    });
  }

  chooseRecipe(path: string): void {
    this.chosenRecipe = path;
    this.update({ pins: [] });
    this.refreshRecipe();
  }

  setPins(pins: readonly Pin[]): void {
    this.update({ pins });
    this.solving.abort();
    this.solving = new AbortController();
    const { signal } = this.solving;
    this.solve(signal).catch((error: unknown) => {
      if (!isCancellation(error) && !signal.aborted) {
        this.update({ allocation: { status: 'failed', error: toWireError(error) } });
      }
    });
  }

  /** Starts what has not been measured yet; the figures arrive as changes. */
  measureSparsity(patterns: readonly PatternName[]): void {
    if (this.path !== undefined) {
      this.sparsity.measure(this.access, patterns);
    }
  }

  maskBlock(place: BlockPlace, pattern: PatternName, signal: CancelSignal): Promise<MaskBlock> {
    return this.services.worker.request('model/maskBlock', { ...this.access, place, pattern }, signal);
  }

  weightPicture(question: WeightPictureQuestion, signal: CancelSignal): Promise<WeightPicture> {
    return this.services.worker.request('model/weightPicture', { ...this.access, question }, signal);
  }

  channelRanges(layer: string, channel: number | undefined, signal: CancelSignal): Promise<ChannelRanges> {
    const one = channel === undefined ? {} : { channel };
    return this.services.worker.request('model/channelRanges', { ...this.access, layer, ...one }, signal);
  }

  /** Nothing without a recipe. */
  async lockEntry(
    layer: string,
    signal?: CancelSignal,
  ): Promise<{ readonly path: string; readonly entry?: LockEntry } | undefined> {
    const recipePath = this.recipeFile?.uri.fsPath;
    return recipePath === undefined
      ? undefined
      : this.services.worker.request('recipe/lockEntry', { recipePath, layer }, signal);
  }

  graph(index: number, signal: CancelSignal): Promise<GraphStructure> {
    return this.services.worker.request('model/graph', { ...this.access, graph: index }, signal);
  }

  selectLayer(layer: string | undefined): void {
    if (layer !== this.state.selectedLayer) {
      this.update({ selectedLayer: layer });
    }
  }

  dispose(): void {
    this.store.dispose();
  }

  private get access(): ModelAccess {
    return { path: this.path ?? this.uri.fsPath, followExternalData: vscode.workspace.isTrusted };
  }

  /** The model that stands beside this one in a diff editor. */
  setOtherSide(uri: vscode.Uri | undefined): void {
    if (uri?.toString() !== this.otherSide?.toString()) {
      this.otherSide = uri;
      this.updateRelated();
    }
  }

  related(relation: RelatedModel['relation']): vscode.Uri | undefined {
    return this.relatives.find((one) => one.relation === relation)?.uri;
  }

  private get relatives(): readonly Related[] {
    return this.otherSide === undefined ? this.kin : [{ relation: 'diff', uri: this.otherSide }, ...this.kin];
  }

  private updateRelated(): void {
    const related = this.relatives.map(({ relation, uri }) => ({
      relation,
      name: uri.scheme === 'file' ? `${placeOf(uri)}/${baseName(uri)}`.replace(/^\.\//, '') : versionedName(uri),
    }));
    this.update({ related });
  }

  /** What recipes and reports of the workspace say belongs to this model. */
  private async readKin(signal: AbortSignal): Promise<void> {
    if (this.uri.scheme !== 'file') {
      return;
    }
    const recipePaths = await this.services.recipes.near(this.uri);
    const { float, compressed } = await this.services.worker.request(
      'model/kin',
      { path: this.uri.fsPath, recipePaths: recipePaths.map((uri) => uri.fsPath) },
      signal,
    );
    signal.throwIfAborted();
    this.kin = [
      ...compressed.map((path): Related => ({ relation: 'compressed', uri: vscode.Uri.file(path) })),
      ...(float === undefined ? [] : [{ relation: 'float', uri: vscode.Uri.file(float) } as const]),
    ];
    this.updateRelated();
  }

  private async readModel(signal: AbortSignal): Promise<void> {
    const { worker } = this.services;
    this.path = await this.services.copies.path(this.uri);
    signal.throwIfAborted();
    const { access } = this;
    const summary = await worker.request('model/open', access, signal);
    this.update({ model: { status: 'ready', value: summary } });
    if (vscode.workspace.isTrusted && summary.layers.some((layer) => layer.macs === undefined)) {
      await this.inferShapes(access, signal);
    }
    if (settings.statisticsEnabled(this.uri)) {
      await this.readStatistics(access, signal);
    }
  }

  /** Shapes the file does not declare. The summary stands without them, so a refusal is only logged. */
  private async inferShapes(
    access: { readonly path: string; readonly followExternalData: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const summary = await this.services.worker.request('model/inferShapes', access, signal);
      this.update({ model: { status: 'ready', value: summary } });
    } catch (error) {
      if (isCancellation(error)) {
        throw error;
      }
      this.services.log.warn(`${this.state.document.name}: shapes not inferred: ${toWireError(error).message}`);
    }
  }

  private async readStatistics(
    access: { readonly path: string; readonly followExternalData: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.services.worker.readStatistics(
        access,
        (layers) => {
          if (!signal.aborted) {
            this.receiveStatistics(layers, false);
          }
        },
        signal,
      );
      this.receiveStatistics([], true);
    } catch (error) {
      if (isCancellation(error)) {
        throw error;
      }
      this.update({
        statistics: { layers: [...this.statistics.values()], complete: false, error: toWireError(error) },
      });
    }
  }

  private receiveStatistics(layers: readonly LayerStatistics[], complete: boolean): void {
    for (const layer of layers) {
      this.statistics.set(layer.name, layer);
    }
    this.state = { ...this.state, statistics: { layers: [], complete } };
    this.didChange.fire({ type: 'statistics', layers, complete });
  }

  private async readRecipe(signal: AbortSignal): Promise<void> {
    const files = this.uri.scheme === 'file' ? await this.services.recipes.forModel(this.uri) : [];
    if (signal.aborted) {
      return;
    }
    const chosen = files.find((file) => samePath(file.uri.fsPath, this.chosenRecipe ?? '')) ?? files[0];
    this.recipeFile = chosen;
    const recipes = files.map((file) => ({ path: file.uri.fsPath, name: file.name }));
    if (chosen === undefined) {
      const reason = vscode.l10n.t('No recipe for this model: create one.');
      const none = { status: 'none', reason } as const;
      this.update({ recipes, recipe: undefined, measurements: none, allocation: none, frontier: none, report: none });
      return;
    }
    const { worker } = this.services;
    const recipePath = chosen.uri.fsPath;
    this.update({ recipes, recipe: describeRecipe(chosen, this.state.recipe?.lock ?? 'missing') });
    if (chosen.diagnostics.some((diagnostic) => diagnostic.severity === 'error')) {
      const reason = vscode.l10n.t('The recipe has errors: open it to see them.');
      const none = { status: 'none', reason } as const;
      this.update({ measurements: none, allocation: none, frontier: none, report: none });
      return;
    }
    if (!vscode.workspace.isTrusted) {
      const reason = vscode.l10n.t('Restricted mode shows the model only. Trust the workspace to measure it.');
      const none = { status: 'none', reason } as const;
      this.update({ measurements: none, allocation: none, frontier: none, report: none });
      return;
    }
    await Promise.all([
      this.readReport(recipePath, signal),
      this.readMeasurements(recipePath, signal).then(() => this.solve(signal)),
      worker.request('recipe/lockState', { recipePath }, signal).then(({ lock }) => {
        if (this.recipeFile === chosen) {
          this.update({ recipe: describeRecipe(chosen, lock) });
        }
      }),
    ]);
  }

  private async readMeasurements(recipePath: string, signal: AbortSignal): Promise<void> {
    const measurements = await this.slot<MeasurementsView>(signal, async () => {
      const { view } = await this.services.worker.request('measurements/read', { recipePath }, signal);
      return view ?? vscode.l10n.t('Not measured yet: run Analyze.');
    });
    this.update({ measurements });
    if (measurements.status === 'ready') {
      void vscode.commands.executeCommand('setContext', 'lathe.analyzed', true);
    }
  }

  private async readReport(recipePath: string, signal: AbortSignal): Promise<void> {
    const report = await this.slot(signal, async () => {
      const { view } = await this.services.worker.request('report/read', { recipePath }, signal);
      return view ?? vscode.l10n.t('Not optimized yet: run Optimize.');
    });
    this.update({ report });
    if (report.status === 'ready') {
      void vscode.commands.executeCommand('setContext', 'lathe.optimized', true);
    }
  }

  /** The hull answers at once and is shown; the exact answers replace it. */
  private async solve(signal: AbortSignal): Promise<void> {
    const recipePath = this.recipeFile?.uri.fsPath;
    const measured = this.state.measurements;
    if (recipePath === undefined || measured.status !== 'ready') {
      const missing: Slot<never> =
        measured.status === 'failed'
          ? measured
          : { status: 'none', reason: measured.status === 'none' ? measured.reason : '' };
      this.update({ allocation: missing, frontier: missing });
      return;
    }
    const { worker } = this.services;
    const { pins } = this.state;
    for (const precision of ['hull', 'exact'] as const) {
      await Promise.all([
        this.slot<AllocationView>(signal, () =>
          worker.request('allocation/solve', { recipePath, pins, precision }, signal),
        ).then((allocation) => this.update({ allocation })),
        this.slot<FrontierView>(signal, () =>
          worker.request('allocation/frontier', { recipePath, pins, precision }, signal),
        ).then((frontier) => this.update({ frontier })),
      ]);
    }
  }

  /** A text in place of a value says why there is none. Aborting throws, so that a stale answer is never shown. */
  private async slot<T extends object>(signal: AbortSignal, work: () => Promise<T | string>): Promise<Slot<T>> {
    try {
      const value = await work();
      signal.throwIfAborted();
      return typeof value === 'string' ? { status: 'none', reason: value } : { status: 'ready', value };
    } catch (error) {
      if (signal.aborted || isCancellation(error)) {
        throw error;
      }
      return { status: 'failed', error: toWireError(error) };
    }
  }

  private failResults(error: WireError): void {
    const failed = { status: 'failed', error } as const;
    this.update({ measurements: failed, allocation: failed, frontier: failed, report: failed });
  }

  private update(
    changed: Partial<EditorState> & { recipe?: RecipeInfo | undefined; selectedLayer?: string | undefined },
  ): void {
    const cleared = (['recipe', 'selectedLayer'] as const).filter(
      (key) => key in changed && changed[key] === undefined,
    );
    this.state = { ...this.state, ...changed };
    const actions = actionsFor({
      trusted: vscode.workspace.isTrusted,
      onDisk: this.uri.scheme === 'file',
      state: this.state,
    });
    if (JSON.stringify(actions) !== JSON.stringify(this.state.actions)) {
      this.state = { ...this.state, actions };
      changed = { ...changed, actions };
    }
    this.didChange.fire({ type: 'state', changed, cleared });
  }

  private jobChanged(snapshot: JobSnapshot | undefined): void {
    const mine = this.services.jobs.all
      .map((job) => job.snapshot)
      .filter((job) => samePath(job.modelPath, this.uri.fsPath));
    if (snapshot === undefined ? mine.length !== this.state.jobs.length : mine.some((job) => job.id === snapshot.id)) {
      this.update({ jobs: mine });
    }
    if (
      snapshot !== undefined &&
      samePath(snapshot.modelPath, this.uri.fsPath) &&
      snapshot.status !== 'running' &&
      snapshot.status !== 'queued'
    ) {
      this.refreshRecipe();
    }
  }

  private trustGranted(): void {
    this.update({ trusted: true });
    this.reload();
  }

  private watch(): void {
    const pattern = new vscode.RelativePattern(parentOf(this.uri), baseName(this.uri));
    const watcher = this.store.add(vscode.workspace.createFileSystemWatcher(pattern));
    const changed = () => {
      clearTimeout(this.modelTimer);
      this.modelTimer = setTimeout(() => this.reload(), SETTLE_MS);
    };
    this.store.add(watcher.onDidChange(changed));
    this.store.add(watcher.onDidCreate(changed));
    this.store.add(watcher.onDidDelete(changed));
    this.store.add(
      this.services.recipes.onDidChange(() => {
        clearTimeout(this.recipeTimer);
        this.recipeTimer = setTimeout(() => this.refreshRecipe(), SETTLE_MS);
      }),
    );
  }
}
