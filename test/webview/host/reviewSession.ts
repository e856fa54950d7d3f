import type { Browser } from 'playwright-core';
import { Channel } from '../../../src/protocol/channel';
import {
  REVIEW_PROTOCOL_VERSION,
  type ReviewHostSide,
  type ReviewState,
  type ReviewViewSide,
} from '../../../src/protocol/review';
import { openPage, ViewSession, type OpenPage, type SessionOptions } from './viewSession';

/** One open review panel: a page of the browser on one end, the extension's part of the channel on the other. */
export class ReviewSession extends ViewSession {
  protected readonly channel: Channel<ReviewHostSide, ReviewViewSide>;

  private constructor(
    open: OpenPage,
    public state: ReviewState,
  ) {
    super(open);
    this.channel = new Channel<ReviewHostSide, ReviewViewSide>(
      open.link,
      {
        'view/ready': () => this.state,
        'layer/open': this.nothing('layer/open'),
        'file/open': this.nothing('file/open'),
        'revision/choose': this.nothing('revision/choose'),
        'files/choose': this.nothing('files/choose'),
        'lock/allocate': this.nothing('lock/allocate'),
        'markdown/copy': this.nothing('markdown/copy'),
      },
      { 'view/error': this.reportError },
      { version: REVIEW_PROTOCOL_VERSION },
    );
  }

  static async open(
    browser: Browser,
    address: string,
    state: ReviewState,
    options: SessionOptions = {},
  ): Promise<ReviewSession> {
    const session = new ReviewSession(await openPage(browser, options), state);
    await session.goTo(`${address}/?view=review&theme=${options.theme ?? 'light'}`);
    return session;
  }

  protected drawn(): Promise<unknown> {
    return this.page.getByRole('heading', { name: this.state.title }).waitFor();
  }

  change(state: ReviewState): void {
    this.state = state;
    this.channel.notify('state/changed', state);
  }

  /** What VS Code keeps of the panel. */
  async kept(): Promise<unknown> {
    return this.page.evaluate(() => JSON.parse(sessionStorage.getItem('state') ?? 'null') as unknown);
  }
}
