import type { Browser, Page } from 'playwright-core';
import { Channel } from '../../../src/protocol/channel';
import {
  REVIEW_PROTOCOL_VERSION,
  type ReviewHostSide,
  type ReviewState,
  type ReviewViewSide,
} from '../../../src/protocol/review';
import type { SessionOptions } from './editorSession';
import { linkToPage, policyViolations, settled, type PageLink } from './pageLink';

/** One open review panel: a page of the browser on one end, the extension's part of the channel on the other. */
export class ReviewSession {
  readonly requests: { readonly type: string; readonly params: unknown }[] = [];
  private readonly channel: Channel<ReviewHostSide, ReviewViewSide>;

  private constructor(
    readonly page: Page,
    private readonly link: PageLink,
    public state: ReviewState,
  ) {
    const note = (type: string) => (params: unknown) => {
      this.requests.push({ type, params });
      return null;
    };
    this.channel = new Channel<ReviewHostSide, ReviewViewSide>(
      link,
      {
        'view/ready': () => this.state,
        'layer/open': note('layer/open'),
        'file/open': note('file/open'),
        'revision/choose': note('revision/choose'),
        'files/choose': note('files/choose'),
        'lock/allocate': note('lock/allocate'),
        'markdown/copy': note('markdown/copy'),
      },
      { 'view/error': ({ message }) => link.problems.push(`reported: ${message}`) },
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
    const session = new ReviewSession(page, await linkToPage(page), state);
    await page.goto(`${address}/?view=review&theme=${options.theme ?? 'light'}`);
    await session.ready();
    return session;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.ready();
  }

  async settled(): Promise<void> {
    await settled(this.page);
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
    return [...this.link.problems, ...(await policyViolations(this.page))];
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
