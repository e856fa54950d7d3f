import type { Browser, Page } from 'playwright-core';
import { Channel } from '../../../src/protocol/channel';
import {
  REVIEW_PROTOCOL_VERSION,
  type ReviewHostSide,
  type ReviewState,
  type ReviewViewSide,
} from '../../../src/protocol/review';
import type { SessionOptions } from './editorSession';

/** One open review panel: a page of the browser on one end, the extension's part of the channel on the other. */
export class ReviewSession {
  readonly requests: { readonly type: string; readonly params: unknown }[] = [];
  readonly problems: string[] = [];
  private readonly listeners = new Set<(message: unknown) => void>();
  private readonly channel: Channel<ReviewHostSide, ReviewViewSide>;

  private constructor(
    readonly page: Page,
    public state: ReviewState,
  ) {
    const note = (type: string) => (params: unknown) => {
      this.requests.push({ type, params });
      return null;
    };
    this.channel = new Channel<ReviewHostSide, ReviewViewSide>(
      {
        send: (message) => {
          void page
            .evaluate((text) => window.postMessage(JSON.parse(text) as unknown, '*'), JSON.stringify(message))
            .catch(() => undefined);
        },
        onMessage: (listener) => {
          this.listeners.add(listener);
          return { dispose: () => this.listeners.delete(listener) };
        },
      },
      {
        'view/ready': () => this.state,
        'layer/open': note('layer/open'),
        'file/open': note('file/open'),
        'revision/choose': note('revision/choose'),
        'files/choose': note('files/choose'),
        'lock/allocate': note('lock/allocate'),
        'markdown/copy': note('markdown/copy'),
      },
      { 'view/error': ({ message }) => this.problems.push(`reported: ${message}`) },
      { version: REVIEW_PROTOCOL_VERSION },
    );
  }

  static async open(
    browser: Browser,
    address: string,
    state: ReviewState,
    options: SessionOptions = {},
  ): Promise<ReviewSession> {
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1180, height: options.height ?? 830 },
      reducedMotion: options.reducedMotion === true ? 'reduce' : 'no-preference',
    });
    const page = await context.newPage();
    const session = new ReviewSession(page, state);
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
    await page.goto(`${address}/?view=review&theme=${options.theme ?? 'light'}`);
    await session.ready();
    return session;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.ready();
  }

  /** Two frames later everything asked for is drawn. */
  async settled(): Promise<void> {
    await this.page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 30)))),
    );
  }

  change(state: ReviewState): void {
    this.state = state;
    this.channel.notify('state/changed', state);
  }

  /** What VS Code keeps of the panel. */
  async kept(): Promise<unknown> {
    return this.page.evaluate(() => JSON.parse(sessionStorage.getItem('state') ?? 'null') as unknown);
  }

  async allProblems(): Promise<string[]> {
    const violations = await this.page.evaluate(() => (window as unknown as { violations: string[] }).violations);
    return [...this.problems, ...violations.map((violation) => `policy: ${violation}`)];
  }

  async close(): Promise<void> {
    this.channel.dispose();
    await this.page.context().close();
  }

  private async ready(): Promise<void> {
    await this.page.getByRole('heading', { name: this.state.title }).waitFor();
    await this.settled();
  }
}
