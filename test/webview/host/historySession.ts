import type { Browser, Page } from 'playwright-core';
import { Channel, type Handlers } from '../../../src/protocol/channel';
import {
  HISTORY_PROTOCOL_VERSION,
  type HistoryHostSide,
  type HistoryState,
  type HistoryViewSide,
} from '../../../src/protocol/history';
import { historyFixture, type HistoryFixtureName } from '../fixtures/fixtureHistory';
import type { SessionOptions } from './editorSession';
import { linkToPage, policyViolations, settled, type PageLink } from './pageLink';

/** One open history: a page of the browser on one end, the extension's part of the channel on the other. */
export class HistorySession {
  /** Requests as they arrived: type and parameters. */
  readonly requests: { readonly type: string; readonly params: unknown }[] = [];
  /** The next request of any type but `view/ready` fails with this sentence. */
  failure: string | undefined;
  private readonly channel: Channel<HistoryHostSide, HistoryViewSide>;

  private constructor(
    readonly page: Page,
    private readonly link: PageLink,
    public state: HistoryState,
  ) {
    this.channel = new Channel<HistoryHostSide, HistoryViewSide>(
      link,
      this.handlers(),
      { 'view/error': ({ message }) => this.link.problems.push(`reported: ${message}`) },
      { version: HISTORY_PROTOCOL_VERSION },
    );
  }

  static async open(
    browser: Browser,
    address: string,
    name: HistoryFixtureName,
    options: SessionOptions = {},
  ): Promise<HistorySession> {
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1180, height: options.height ?? 830 },
      timezoneId: 'UTC',
    });
    const page = await context.newPage();
    const session = new HistorySession(page, await linkToPage(page), historyFixture(name));
    await page.goto(`${address}/?view=history&theme=${options.theme ?? 'dark'}`);
    await page.waitForSelector('.title:not(:empty)');
    await session.settled();
    return session;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.waitForSelector('.title:not(:empty)');
    await this.settled();
  }

  async settled(): Promise<void> {
    await settled(this.page);
  }

  async resize(width: number): Promise<void> {
    await this.page.setViewportSize({ width, height: 830 });
    await this.settled();
    await this.settled();
  }

  change(changed: Partial<HistoryState>): void {
    this.state = { ...this.state, ...changed };
    this.channel.notify('state/changed', this.state);
  }

  last(type: string): unknown {
    return this.requests.filter((request) => request.type === type).at(-1)?.params;
  }

  async allProblems(): Promise<string[]> {
    return [...this.link.problems, ...(await policyViolations(this.page))];
  }

  async close(): Promise<void> {
    this.channel.dispose();
    await this.page.context().close();
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
