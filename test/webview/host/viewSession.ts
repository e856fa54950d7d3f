import type { Browser, Page } from 'playwright-core';
import { linkToPage, policyViolations, settled, type PageLink } from './pageLink';
import type { ThemeKind } from './webviewPage';

export interface SessionOptions {
  readonly theme?: ThemeKind;
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
}

/** A page of its own and the end of its link that the extension has. */
export interface OpenPage {
  readonly page: Page;
  readonly link: PageLink;
}

export async function openPage(browser: Browser, options: SessionOptions): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1180, height: options.height ?? 830 },
    reducedMotion: options.reducedMotion === true ? 'reduce' : 'no-preference',
    timezoneId: 'UTC',
  });
  const page = await context.newPage();
  return { page, link: await linkToPage(page) };
}

/** One open view: a page of the browser on one end, the extension's part of the channel on the other. */
export abstract class ViewSession {
  /** Requests as they arrived: type and parameters. */
  readonly requests: { readonly type: string; readonly params: unknown }[] = [];
  readonly page: Page;
  readonly problems: string[];
  protected readonly link: PageLink;

  protected constructor({ page, link }: OpenPage) {
    this.page = page;
    this.link = link;
    this.problems = link.problems;
  }

  /** The extension's part of the channel. */
  protected abstract readonly channel: { dispose(): void };

  /** What the view shows once it has drawn what it was sent. */
  protected abstract drawn(): Promise<unknown>;

  async goTo(url: string): Promise<void> {
    await this.page.goto(url);
    await this.drawn();
    await this.settled();
  }

  /** Loads the page anew, as VS Code does when a hidden view is shown again. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.drawn();
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

  last(type: string): unknown {
    return this.requests.filter((request) => request.type === type).at(-1)?.params;
  }

  /** Console errors, exceptions and violations of the content security policy. */
  async allProblems(): Promise<string[]> {
    return [...this.problems, ...(await policyViolations(this.page))];
  }

  async close(): Promise<void> {
    this.channel.dispose();
    await this.page.context().close();
  }

  /** Answers nothing, and writes down that it was asked. */
  protected nothing(type: string): (params: unknown) => null {
    return (params) => {
      this.requests.push({ type, params });
      return null;
    };
  }

  protected readonly reportError = ({ message }: { readonly message: string }): void => {
    this.problems.push(`reported: ${message}`);
  };
}
