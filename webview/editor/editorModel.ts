import { RemoteError } from '../../src/protocol/channel';
import type {
  AllocatedLayerView,
  AllocationView,
  FrontierView,
  LayerMeasurementView,
  WireError,
} from '../../src/protocol/job';
import type { GraphStructure } from '../../src/protocol/graph';
import type { LayerStatistics, LayerSummary } from '../../src/protocol/model';
import {
  USUAL_PATTERNS,
  type BlockPlace,
  type LayerSparsity,
  type MaskBlock,
  type PatternName,
  type PatternSparsity,
  type SparsityState,
} from '../../src/protocol/sparsity';
import type {
  Budget,
  EditorCommand,
  EditorNotifications,
  EditorRequests,
  EditorState,
  EditorTab,
  PersistedViewState,
  Pin,
  SparsityChoice,
} from '../../src/protocol/webviewProtocol';
import { EditorHost } from '../host/editorHost';
import { BudgetSolver, type SolveOutcome } from './budgetSolver';

/** A part of the window. `update` is called at most once a frame, after something changed. */
export interface View {
  readonly element: HTMLElement;
  update(): void;
}

/** The channel's own signature computes its parameters in a way no generic caller can satisfy. */
type SendRequest = <K extends keyof EditorRequests>(type: K, params: EditorRequests[K]['params']) => Promise<unknown>;

/** What failed when the user asked for something. */
export interface ActionFailure {
  readonly what: string;
  readonly error: WireError;
}

/**
 * Everything on show: the extension's state, what only this view knows (tab, sort, slider), and derived tables that are
 * built once per change. Views read it and ask it to act; it tells them once a frame that something changed.
 */
export class EditorModel {
  state: EditorState | undefined;
  view: PersistedViewState;
  /** Answer for the slider's position while it differs from the recipe's budget or is being solved. */
  outcome: SolveOutcome | undefined;
  failure: ActionFailure | undefined;

  private readonly host: EditorHost;
  private readonly solver: BudgetSolver;
  private readonly listeners = new Set<() => void>();
  private readonly commandListeners = new Set<(command: EditorCommand) => void>();
  private readonly statisticsByName = new Map<string, LayerStatistics>();
  private refined: { readonly of: FrontierView; readonly frontier: FrontierView } | undefined;
  private refining: { readonly of: FrontierView; readonly request: AbortController } | undefined;
  private frame = 0;
  private saveTimer = 0;
  /** Raised with every change of the statistics, since the map keeps its identity. */
  statisticsVersion = 0;
  statisticsComplete = false;
  private readonly sparsityByName = new Map<string, LayerSparsity>();
  /** Raised with every change of the masks. */
  sparsityVersion = 0;

  constructor() {
    this.host = new EditorHost({
      'state/changed': (params) => this.receive(params),
      'statistics/received': (params) => this.receiveStatistics(params.layers, params.complete),
      'sparsity/received': ({ layers, state }) => this.receiveSparsity(layers, state),
      'view/run': ({ command }) => this.runCommand(command),
    });
    this.view = this.host.load();
    this.solver = new BudgetSolver(this.host.channel, (outcome) => {
      this.outcome = outcome;
      this.changed();
    });
  }

  async start(): Promise<void> {
    try {
      const state = await this.host.channel.request('view/ready', null);
      this.state = state;
      this.takeStatistics(state);
      this.takeSparsity(state.sparsity);
      if (state.selectedLayer === undefined && this.view.selectedLayer !== undefined) {
        this.select(this.view.selectedLayer);
      }
      if (this.view.budget !== undefined && state.recipe !== undefined) {
        this.solver.solve(this.view.budget, state.pins);
      }
      this.host.channel.notify('view/tab', { tab: this.view.tab });
    } catch (error) {
      this.fail('The editor could not start', error);
    }
    this.changed();
  }

  onDidChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  onCommand(listener: (command: EditorCommand) => void): void {
    this.commandListeners.add(listener);
  }

  changed(): void {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        for (const listener of this.listeners) {
          listener();
        }
      });
    }
  }

  reportError(message: string, stack: string | undefined): void {
    this.host.channel.notify('view/error', { message, ...(stack !== undefined && { stack }) });
  }

  // What is on show

  get layers(): readonly LayerSummary[] {
    return this.state?.model.status === 'ready' ? this.state.model.value.layers : [];
  }

  get selected(): LayerSummary | undefined {
    const name = this.state?.selectedLayer;
    return name === undefined ? undefined : this.layerByName(name);
  }

  private readonly byName = derived((layers: readonly LayerSummary[]) => mapByName(layers));

  layerByName(name: string): LayerSummary | undefined {
    return this.byName(this.layers).get(name);
  }

  statistics(name: string): LayerStatistics | undefined {
    return this.statisticsByName.get(name);
  }

  /** Masks of a layer, as far as they were measured. */
  sparsity(name: string): LayerSparsity | undefined {
    return this.sparsityByName.get(name);
  }

  patternOf(name: string, { keep, group }: PatternName): PatternSparsity | undefined {
    return this.sparsityByName.get(name)?.patterns.find((entry) => entry.keep === keep && entry.group === group);
  }

  /** Pattern and method on show in the Sparsity tab. */
  get sparsityChoice(): SparsityChoice {
    return this.view.sparsity ?? { keep: 2, group: 4, method: 'rows' };
  }

  private readonly measuredByName = derived((layers: readonly LayerMeasurementView[]) => mapByName(layers));

  measurement(name: string): LayerMeasurementView | undefined {
    const slot = this.state?.measurements;
    return slot?.status === 'ready' ? this.measuredByName(slot.value.layers).get(name) : undefined;
  }

  /** The allocation on show: the slider's while it is away from the recipe's budget, the document's otherwise. */
  get allocation(): AllocationView | undefined {
    if (this.outcome?.kind === 'solved') {
      return this.outcome.allocation;
    }
    return this.state?.allocation.status === 'ready' ? this.state.allocation.value : undefined;
  }

  private readonly allocatedByName = derived((layers: readonly AllocatedLayerView[]) => mapByName(layers));

  allocated(name: string): AllocatedLayerView | undefined {
    const allocation = this.allocation;
    return allocation === undefined ? undefined : this.allocatedByName(allocation.layers).get(name);
  }

  /** The frontier under the present pins: exact points once they are there, the hull until then. */
  get frontier(): FrontierView | undefined {
    const slot = this.state?.frontier;
    if (slot?.status !== 'ready') {
      return undefined;
    }
    return this.refined?.of === slot.value ? this.refined.frontier : slot.value;
  }

  /** Asks for the exact points of the frontier on show; one request for each frontier. */
  refineFrontier(): void {
    const slot = this.state?.frontier;
    if (
      slot?.status !== 'ready' ||
      this.refining?.of === slot.value ||
      slot.value.points.every((point) => point.exact)
    ) {
      return;
    }
    this.refining?.request.abort();
    const refining = { of: slot.value, request: new AbortController() };
    this.refining = refining;
    const pins = this.state?.pins ?? [];
    this.host.channel.request('allocation/frontier', { pins, precision: 'exact' }, refining.request.signal).then(
      (frontier) => {
        if (this.refining === refining) {
          this.refined = { of: refining.of, frontier };
          this.changed();
        }
      },
      (error: unknown) => {
        // The hull stays on show and is right as far as it goes; the log has the reason.
        if (!RemoteError.is(error, 'cancelled')) {
          this.reportError(`The frontier was not refined: ${wireError(error).message}`, undefined);
        }
      },
    );
  }

  get budget(): Budget | undefined {
    return this.view.budget ?? this.state?.recipe?.budget;
  }

  get lossUnit(): string {
    const slot = this.state?.measurements;
    return slot?.status === 'ready' ? slot.value.lossUnit : 'nats';
  }

  // What the user does

  showTab(tab: EditorTab): void {
    if (this.view.tab !== tab) {
      this.remember({ tab });
      this.host.channel.notify('view/tab', { tab });
    }
  }

  select(layer: string | undefined): void {
    if (this.state === undefined || this.state.selectedLayer === layer) {
      return;
    }
    this.state = { ...this.state, selectedLayer: layer };
    this.remember({ selectedLayer: layer });
    this.ask('view/selectLayer', layer === undefined ? {} : { layer }, 'The layer could not be selected');
  }

  /** Asks for the usual patterns and the one on show, as far as nobody has; what is there costs nothing. */
  measureSparsity(): void {
    const { keep, group } = this.sparsityChoice;
    const usual = USUAL_PATTERNS.some((pattern) => pattern.keep === keep && pattern.group === group);
    const patterns = usual ? USUAL_PATTERNS : [...USUAL_PATTERNS, { keep, group }];
    this.ask('sparsity/measure', { patterns }, 'The masks were not measured');
  }

  readBlock(place: BlockPlace, pattern: PatternName, signal: AbortSignal): Promise<MaskBlock> {
    return this.host.channel.request('sparsity/block', { place, pattern }, signal);
  }

  readGraph(graph: number, signal: AbortSignal): Promise<GraphStructure> {
    return this.host.channel.request('graph/read', { graph }, signal);
  }

  /** A question whose answer one part of the window waits for. */
  request<K extends 'weight/picture' | 'weight/channels' | 'lock/entry'>(
    type: K,
    params: EditorRequests[K]['params'],
    signal: AbortSignal,
  ): Promise<EditorRequests[K]['result']> {
    const send = this.host.channel.request.bind(this.host.channel) as unknown as (
      type: K,
      params: EditorRequests[K]['params'],
      signal: AbortSignal,
    ) => Promise<EditorRequests[K]['result']>;
    return send(type, params, signal);
  }

  /** Keeps part of the view's own state over reloads. */
  remember(part: { readonly [K in keyof PersistedViewState]?: PersistedViewState[K] | undefined }): void {
    const kept = Object.entries({ ...this.view, ...part }).filter(([, value]) => value !== undefined);
    this.view = Object.fromEntries(kept) as unknown as PersistedViewState;
    window.clearTimeout(this.saveTimer);
    // Scrolling and sliding call this every frame; VS Code serialises each state it is handed.
    this.saveTimer = window.setTimeout(() => this.host.save(this.view), 100);
    this.changed();
  }

  /** Moves the slider: the allocation follows within a frame from the hull, then exactly. */
  setBudgetSize(size: number): void {
    const budget: Budget = { ...this.state?.recipe?.budget, size };
    this.setBudget(withoutLoss(budget));
  }

  setBudget(budget: Budget): void {
    this.remember({ budget });
    this.solver.solve(budget, this.state?.pins ?? []);
  }

  /** Back to the recipe's budget. */
  resetBudget(): void {
    this.solver.stop();
    this.outcome = undefined;
    this.remember({ budget: undefined });
  }

  /** Replaces the pin of one layer; undefined removes it. */
  setPin(layer: string, pin: Pin | undefined): void {
    if (this.state === undefined) {
      return;
    }
    const pins = this.state.pins.filter((other) => other.layer !== layer);
    if (pin !== undefined) {
      pins.push(pin);
    }
    this.state = { ...this.state, pins };
    this.changed();
    this.ask('pins/set', { pins }, 'The pin could not be set');
    if (this.view.budget !== undefined) {
      this.solver.solve(this.view.budget, pins);
    }
  }

  /** Sends a request; a failure is shown in place. */
  ask<K extends keyof EditorRequests>(type: K, params: EditorRequests[K]['params'], failed: string): void {
    const send = this.host.channel.request.bind(this.host.channel) as unknown as SendRequest;
    send(type, params).then(
      () => undefined,
      (error: unknown) => this.fail(failed, error),
    );
  }

  /** Writes pins and the slider's budget into the recipe; then the slider stands at the recipe's budget. */
  async writeRecipe(): Promise<void> {
    try {
      const budget = this.view.budget;
      await this.host.channel.request('recipe/write', budget === undefined ? {} : { budget });
      this.resetBudget();
    } catch (error) {
      this.fail('The recipe was not written', error);
    }
  }

  dismissFailure(): void {
    this.failure = undefined;
    this.changed();
  }

  private fail(what: string, error: unknown): void {
    if (RemoteError.is(error, 'cancelled')) {
      return;
    }
    this.failure = { what, error: wireError(error) };
    this.changed();
  }

  private receive({ changed, cleared }: EditorNotifications['state/changed']): void {
    if (this.state === undefined) {
      // The answer to view/ready is still to come and holds all of this.
      return;
    }
    const pinsBefore = this.state.pins;
    const next: EditorState = { ...this.state, ...changed };
    this.state = {
      ...next,
      ...(cleared.includes('recipe') && { recipe: undefined }),
      ...(cleared.includes('selectedLayer') && { selectedLayer: undefined }),
    };
    if (changed.statistics !== undefined) {
      this.takeStatistics(this.state);
    }
    if (changed.sparsity !== undefined) {
      this.takeSparsity(changed.sparsity);
    }
    if (this.state.recipe === undefined) {
      this.solver.stop();
      this.outcome = undefined;
    } else if (
      this.view.budget !== undefined &&
      (changed.measurements !== undefined || this.state.pins !== pinsBefore)
    ) {
      this.solver.solve(this.view.budget, this.state.pins);
    }
    this.changed();
  }

  private takeStatistics(state: EditorState): void {
    this.statisticsByName.clear();
    this.receiveStatistics(state.statistics.layers, state.statistics.complete);
  }

  private receiveStatistics(layers: readonly LayerStatistics[], complete: boolean): void {
    for (const layer of layers) {
      this.statisticsByName.set(layer.name, layer);
    }
    this.statisticsComplete = complete;
    this.statisticsVersion += 1;
    this.changed();
  }

  private takeSparsity(sparsity: SparsityState): void {
    this.sparsityByName.clear();
    this.receiveSparsity(sparsity.layers, sparsity);
  }

  private receiveSparsity(layers: readonly LayerSparsity[], state: Omit<SparsityState, 'layers'>): void {
    if (this.state === undefined) {
      return;
    }
    for (const layer of layers) {
      const before = this.sparsityByName.get(layer.name)?.patterns ?? [];
      const newer = (old: PatternSparsity) =>
        !layer.patterns.some((entry) => entry.keep === old.keep && entry.group === old.group);
      this.sparsityByName.set(layer.name, { ...layer, patterns: [...before.filter(newer), ...layer.patterns] });
    }
    this.state = { ...this.state, sparsity: { ...state, layers: [] } };
    this.sparsityVersion += 1;
    this.changed();
  }

  private runCommand(command: EditorCommand): void {
    if (command.type === 'showTab') {
      this.showTab(command.tab);
    }
    for (const listener of this.commandListeners) {
      listener(command);
    }
  }
}

export function wireError(error: unknown): WireError {
  if (error instanceof RemoteError) {
    return { code: error.code, message: error.message, details: error.details };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

function withoutLoss(budget: Budget): Budget {
  return {
    ...(budget.size !== undefined && { size: budget.size }),
    ...(budget.bops !== undefined && { bops: budget.bops }),
  };
}

function mapByName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

/** Remembers the last answer: slices are replaced whole, so identity tells whether it still holds. */
function derived<A, B>(compute: (input: A) => B): (input: A) => B {
  let last: { input: A; output: B } | undefined;
  return (input) => {
    if (last?.input !== input) {
      last = { input, output: compute(input) };
    }
    return last.output;
  };
}
