import type { Browser, Page } from 'playwright-core';
import { Channel, type Handlers } from '../../../src/protocol/channel';
import {
  COMPARE_PROTOCOL_VERSION,
  type CompareHostSide,
  type CompareState,
  type CompareViewSide,
} from '../../../src/protocol/comparison';
import { fixtureComparison, type ComparisonName } from '../fixtures/fixtureComparison';
import type { SessionOptions } from './editorSession';

/** One open comparison: a page of the browser on one end, the extension's part of the channel on the other. */
export class CompareSession {
  readonly requests: { readonly type: string; readonly params: unknown }[] = [];
  readonly problems: string[] = [];
  private readonly listeners = new Set<(message: unknown) => void>();
  private channel: Channel<CompareHostSide, CompareViewSide> | undefined;

  private constructor(
    readonly page: Page,
    private state: CompareState,
  ) {}

  static async open(
    browser: Browser,
    address: string,
    name: ComparisonName,
    options: SessionOptions = {},
  ): Promise<CompareSession> {
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1180, height: options.height ?? 830 },
    });
    const page = await context.newPage();
    const session = new CompareSession(page, fixtureComparison(name));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        session.problems.push(`console: ${message.text()}`);
      }
    });
    page.on('pageerror', (error) => session.problems.push(`uncaught: ${error.stack ?? error.message}`));
    await page.exposeFunction('toHost', (text: string) => {
      const message: unknown = JSON.parse(text);
      for (const listener of session.listeners) {
        listener(message);
      }
    });
    session.connect();
    await page.goto(`${address}/?theme=${options.theme ?? 'dark'}&view=compare`);
    await page.waitForSelector('.answer-value');
    await session.settled();
    return session;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.page.waitForSelector('.answer-value');
    await this.settled();
  }

  /** Two frames later everything asked for is drawn. */
  async settled(): Promise<void> {
    await this.page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 30)))),
    );
  }

  change(state: CompareState): void {
    this.state = state;
    this.channel?.notify('state/changed', state);
  }

  last(type: string): unknown {
    return this.requests.filter((request) => request.type === type).at(-1)?.params;
  }

  /** Console errors, exceptions and violations of the content security policy. */
  async allProblems(): Promise<string[]> {
    const violations = await this.page.evaluate(() => (window as unknown as { violations: string[] }).violations);
    return [...this.problems, ...violations.map((violation) => `policy: ${violation}`)];
  }

  async close(): Promise<void> {
    this.channel?.dispose();
    await this.page.context().close();
  }

  private connect(): void {
    const { page, listeners } = this;
    this.channel = new Channel<CompareHostSide, CompareViewSide>(
      {
        send: (message) => {
          void page
            .evaluate((text) => window.postMessage(JSON.parse(text) as unknown, '*'), JSON.stringify(message))
            .catch(() => undefined);
        },
        onMessage: (listener) => {
          listeners.add(listener);
          return { dispose: () => listeners.delete(listener) };
        },
      },
      this.handlers(),
      { 'view/error': ({ message }) => this.problems.push(`reported: ${message}`) },
      { version: COMPARE_PROTOCOL_VERSION },
    );
  }

  private handlers(): Handlers<CompareHostSide> {
    const nothing = (type: string) => (params: unknown) => {
      this.requests.push({ type, params });
      return null;
    };
    return {
      'view/ready': () => this.state,
      'layer/open': nothing('layer/open'),
      'model/open': nothing('model/open'),
      'sides/swap': nothing('sides/swap'),
      'report/open': nothing('report/open'),
      'compare/again': nothing('compare/again'),
      'clipboard/write': nothing('clipboard/write'),
      'log/show': nothing('log/show'),
    };
  }
}
