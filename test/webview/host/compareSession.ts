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
import { linkToPage, policyViolations, settled, type PageLink } from './pageLink';

/** One open comparison: a page of the browser on one end, the extension's part of the channel on the other. */
export class CompareSession {
  readonly requests: { readonly type: string; readonly params: unknown }[] = [];
  private readonly channel: Channel<CompareHostSide, CompareViewSide>;

  private constructor(
    readonly page: Page,
    private readonly link: PageLink,
    private state: CompareState,
  ) {
    this.channel = new Channel<CompareHostSide, CompareViewSide>(
      link,
      this.handlers(),
      { 'view/error': ({ message }) => link.problems.push(`reported: ${message}`) },
      { version: COMPARE_PROTOCOL_VERSION },
    );
  }

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
    const session = new CompareSession(page, await linkToPage(page), fixtureComparison(name));
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

  async settled(): Promise<void> {
    await settled(this.page);
  }

  change(state: CompareState): void {
    this.state = state;
    this.channel.notify('state/changed', state);
  }

  last(type: string): unknown {
    return this.requests.filter((request) => request.type === type).at(-1)?.params;
  }

  /** Console errors, exceptions and violations of the content security policy. */
  async allProblems(): Promise<string[]> {
    return [...this.link.problems, ...(await policyViolations(this.page))];
  }

  async close(): Promise<void> {
    this.channel.dispose();
    await this.page.context().close();
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
