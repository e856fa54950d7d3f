import type { Browser } from 'playwright-core';
import { Channel, type Handlers } from '../../../src/protocol/channel';
import {
  COMPARE_PROTOCOL_VERSION,
  type CompareHostSide,
  type CompareState,
  type CompareViewSide,
} from '../../../src/protocol/comparison';
import { fixtureComparison, type ComparisonName } from '../fixtures/fixtureComparison';
import { openPage, ViewSession, type OpenPage, type SessionOptions } from './viewSession';

/** One open comparison: a page of the browser on one end, the extension's part of the channel on the other. */
export class CompareSession extends ViewSession {
  protected readonly channel: Channel<CompareHostSide, CompareViewSide>;

  private constructor(
    open: OpenPage,
    private state: CompareState,
  ) {
    super(open);
    this.channel = new Channel<CompareHostSide, CompareViewSide>(
      open.link,
      this.handlers(),
      { 'view/error': this.reportError },
      { version: COMPARE_PROTOCOL_VERSION },
    );
  }

  static async open(
    browser: Browser,
    address: string,
    name: ComparisonName,
    options: SessionOptions = {},
  ): Promise<CompareSession> {
    const session = new CompareSession(await openPage(browser, options), fixtureComparison(name));
    await session.goTo(`${address}/?theme=${options.theme ?? 'dark'}&view=compare`);
    return session;
  }

  protected drawn(): Promise<unknown> {
    return this.page.waitForSelector('.answer-value');
  }

  change(state: CompareState): void {
    this.state = state;
    this.channel.notify('state/changed', state);
  }

  private handlers(): Handlers<CompareHostSide> {
    return {
      'view/ready': () => this.state,
      'layer/open': this.nothing('layer/open'),
      'model/open': this.nothing('model/open'),
      'sides/swap': this.nothing('sides/swap'),
      'report/open': this.nothing('report/open'),
      'compare/again': this.nothing('compare/again'),
      'clipboard/write': this.nothing('clipboard/write'),
      'log/show': this.nothing('log/show'),
    };
  }
}
