import type { Browser } from 'playwright-core';
import { Channel, type Handlers } from '../../../src/protocol/channel';
import type { JobId } from '../../../src/protocol/job';
import {
  WEBVIEW_PROTOCOL_VERSION,
  type EditorHostSide,
  type EditorNotifications,
  type EditorState,
  type EditorViewSide,
} from '../../../src/protocol/webviewProtocol';
import type { WeightPictureQuestion } from '../../../src/protocol/weights';
import type { BlockPlace, PatternName } from '../../../src/protocol/sparsity';
import { blockOf, diversityOf, sparsityOf } from '../fixtures/fixtureSparsity';
import { channelRangesOf, lockEntryOf, pictureOf } from '../fixtures/fixtureWeights';
import { fixtureGraph } from '../fixtures/fixtureGraph';
import { fixture, type FixtureName } from '../fixtures/fixtureState';
import { openPage, ViewSession, type OpenPage, type SessionOptions } from './viewSession';

/** One open editor: a page of the browser on one end, the extension's part of the channel on the other. */
export class EditorSession extends ViewSession {
  /** Requests that fail, with the sentence they fail with. */
  readonly failures = new Map<string, string>();
  protected readonly channel: Channel<EditorHostSide, EditorViewSide>;

  private constructor(
    open: OpenPage,
    public state: EditorState,
    private readonly solver: ReturnType<typeof fixture>['solver'],
  ) {
    super(open);
    this.channel = new Channel<EditorHostSide, EditorViewSide>(
      open.link,
      this.handlers(),
      { 'view/error': this.reportError },
      { version: WEBVIEW_PROTOCOL_VERSION },
    );
  }

  static async open(
    browser: Browser,
    address: string,
    name: FixtureName,
    options: SessionOptions = {},
  ): Promise<EditorSession> {
    const { state, solver } = fixture(name);
    const session = new EditorSession(await openPage(browser, options), state, solver);
    await session.goTo(`${address}/?theme=${options.theme ?? 'dark'}`);
    return session;
  }

  protected drawn(): Promise<unknown> {
    return this.page.waitForSelector('.answer-value');
  }

  async showTab(tab: 'Overview' | 'Layers' | 'Graph' | 'Bits' | 'Sparsity'): Promise<void> {
    await this.page.getByRole('tab', { name: tab }).click();
    await this.settled();
  }

  change(changed: EditorNotifications['state/changed']['changed']): void {
    this.state = { ...this.state, ...changed };
    this.channel.notify('state/changed', { changed, cleared: [] });
  }

  withoutRecipe(): void {
    this.state = { ...this.state, recipe: undefined, recipes: [] };
    this.channel.notify('state/changed', { changed: { recipes: [] }, cleared: ['recipe'] });
  }

  run(command: EditorNotifications['view/run']['command']): void {
    this.channel.notify('view/run', { command });
  }

  private get layers() {
    return this.state.model.status === 'ready' ? this.state.model.value.layers : [];
  }

  /** In two lots, as the figures of a real model stream in. */
  private measureSparsity(patterns: readonly PatternName[]): void {
    const known = new Set(this.state.sparsity.diversity.map(({ keep, group }) => `${keep}:${group}`));
    const fresh = patterns.filter(({ keep, group }) => !known.has(`${keep}:${group}`));
    if (fresh.length === 0) {
      return;
    }
    const found = sparsityOf(this.layers, fresh);
    const diversity = [...this.state.sparsity.diversity, ...diversityOf(fresh)];
    const half = Math.ceil(found.length / 2);
    const layers = this.state.sparsity.layers.concat(found);
    this.state = { ...this.state, sparsity: { status: 'complete', layers, diversity } };
    this.channel.notify('sparsity/received', {
      layers: found.slice(0, half),
      state: { status: 'measuring', diversity },
    });
    this.channel.notify('sparsity/received', { layers: found.slice(half), state: { status: 'complete', diversity } });
  }

  private handlers(): Handlers<EditorHostSide> {
    const note =
      <T>(type: string, result: (params: never) => T) =>
      (params: unknown): T => {
        this.requests.push({ type, params });
        const failure = this.failures.get(type);
        if (failure !== undefined) {
          throw new Error(failure);
        }
        return result(params as never);
      };
    const nothing = (type: string) => note(type, () => null);
    return {
      'view/ready': note('view/ready', () => this.state),
      'view/selectLayer': note('view/selectLayer', ({ layer }: { layer?: string }) => {
        this.state = { ...this.state, selectedLayer: layer };
        return null;
      }),
      'allocation/solve': note('allocation/solve', ({ budget, pins, precision }) =>
        this.solver.solve(budget, pins, precision === 'exact'),
      ),
      'allocation/frontier': note('allocation/frontier', ({ pins }) => this.solver.frontier(pins)),
      'sparsity/measure': note('sparsity/measure', ({ patterns }: { patterns: readonly PatternName[] }) => {
        this.measureSparsity(patterns);
        return null;
      }),
      'sparsity/block': note('sparsity/block', ({ place, pattern }: { place: BlockPlace; pattern: PatternName }) =>
        blockOf(this.layers, place, pattern),
      ),
      'weight/picture': note('weight/picture', ({ question }: { question: WeightPictureQuestion }) =>
        pictureOf(this.layers, question),
      ),
      'weight/channels': note('weight/channels', ({ layer, channel }: { layer: string; channel?: number }) =>
        channelRangesOf(this.layers, layer, channel),
      ),
      'lock/entry': note('lock/entry', ({ layer }: { layer: string }) => lockEntryOf(this.state, layer)),
      'lock/open': nothing('lock/open'),
      'graph/read': note('graph/read', ({ graph }) => {
        const { model } = this.state;
        return fixtureGraph(model.status === 'ready' ? model.value.layers : [], graph);
      }),
      'pins/set': note('pins/set', ({ pins }: { pins: EditorState['pins'] }) => {
        const size = this.state.recipe?.budget.size ?? 0.13;
        this.change({ pins, allocation: { status: 'ready', value: this.solver.solve({ size }, pins, true) } });
        return null;
      }),
      'recipe/write': note('recipe/write', () => {
        const changed = this.state.pins.length;
        this.change({ pins: [] });
        return { changed };
      }),
      'recipe/open': nothing('recipe/open'),
      'recipe/create': note('recipe/create', () => ({ path: '/home/ada/models/resnet20.lathe.json' })),
      'recipe/choose': nothing('recipe/choose'),
      'job/start': note('job/start', () => ({ id: 'job-1' as JobId })),
      'job/cancel': nothing('job/cancel'),
      'job/showLog': nothing('job/showLog'),
      'model/export': note('model/export', () => ({})),
      'model/openCompressed': nothing('model/openCompressed'),
      'model/compare': nothing('model/compare'),
      'model/reload': nothing('model/reload'),
      'report/open': nothing('report/open'),
      'file/reveal': nothing('file/reveal'),
      'clipboard/write': nothing('clipboard/write'),
      'trust/manage': nothing('trust/manage'),
      'log/show': nothing('log/show'),
    };
  }
}
