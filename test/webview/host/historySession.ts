import type { Browser } from 'playwright-core';
import { Channel, type Handlers } from '../../../src/protocol/channel';
import {
  HISTORY_PROTOCOL_VERSION,
  type HistoryHostSide,
  type HistoryState,
  type HistoryViewSide,
} from '../../../src/protocol/history';
import { historyFixture, type HistoryFixtureName } from '../fixtures/fixtureHistory';
import { openPage, ViewSession, type OpenPage, type SessionOptions } from './viewSession';

/** One open history: a page of the browser on one end, the extension's part of the channel on the other. */
export class HistorySession extends ViewSession {
  /** The next request of any type but `view/ready` fails with this sentence. */
  failure: string | undefined;
  protected readonly channel: Channel<HistoryHostSide, HistoryViewSide>;

  private constructor(
    open: OpenPage,
    public state: HistoryState,
  ) {
    super(open);
    this.channel = new Channel<HistoryHostSide, HistoryViewSide>(
      open.link,
      this.handlers(),
      { 'view/error': this.reportError },
      { version: HISTORY_PROTOCOL_VERSION },
    );
  }

  static async open(
    browser: Browser,
    address: string,
    name: HistoryFixtureName,
    options: SessionOptions = {},
  ): Promise<HistorySession> {
    const session = new HistorySession(await openPage(browser, options), historyFixture(name));
    await session.goTo(`${address}/?view=history&theme=${options.theme ?? 'dark'}`);
    return session;
  }

  protected drawn(): Promise<unknown> {
    return this.page.waitForSelector('.title:not(:empty)');
  }

  change(changed: Partial<HistoryState>): void {
    this.state = { ...this.state, ...changed };
    this.channel.notify('state/changed', this.state);
  }

  private handlers(): Handlers<HistoryHostSide> {
    const note =
      <T>(type: string, result: (params: never) => T) =>
      (params: unknown): T => {
        this.requests.push({ type, params });
        const { failure } = this;
        this.failure = undefined;
        if (failure !== undefined) {
          throw new Error(failure);
        }
        return result(params as never);
      };
    return {
      'view/ready': () => this.state,
      'runs/compare': note('runs/compare', () => null),
      'run/again': note('run/again', () => ({ started: false, written: '/home/ada/models/net-1.lathe.json' })),
      'runs/delete': note('runs/delete', ({ ids }: { ids: readonly string[] }) => {
        if (this.state.runs.status === 'ready') {
          const value = this.state.runs.value.filter(({ id }) => !ids.includes(id));
          this.change({ runs: { status: 'ready', value } });
        }
        return { deleted: ids.length };
      }),
      'run/openReport': note('run/openReport', () => null),
      'run/openRecipe': note('run/openRecipe', () => null),
      'recipe/open': note('recipe/open', () => null),
      'recipe/run': note('recipe/run', () => null),
    };
  }
}
