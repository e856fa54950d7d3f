import type { Page } from 'playwright-core';
import type { Link } from '../../../src/protocol/channel';

/** The extension host's end of the pipe to a page, and what the page complained of. */
export interface PageLink extends Link {
  readonly problems: string[];
}

/** Call before the page loads. */
export async function linkToPage(page: Page): Promise<PageLink> {
  const listeners = new Set<(message: unknown) => void>();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      problems.push(`console: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));
  await page.exposeFunction('toHost', (text: string) => {
    const message: unknown = JSON.parse(text);
    for (const listener of listeners) {
      listener(message);
    }
  });
  return {
    problems,
    send: (message) => {
      // As text: Playwright's own serialisation takes minutes for a model of thousands of layers.
      void page
        .evaluate((text) => window.postMessage(JSON.parse(text) as unknown, '*'), JSON.stringify(message))
        .catch(() => undefined);
    },
    onMessage: (listener) => {
      listeners.add(listener);
      return { dispose: () => listeners.delete(listener) };
    },
  };
}

/** Two frames later everything asked for is drawn. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 30)))),
  );
}

/** Violations of the content security policy. */
export async function policyViolations(page: Page): Promise<string[]> {
  const violations = await page.evaluate(() => (window as unknown as { violations: string[] }).violations);
  return violations.map((violation) => `policy: ${violation}`);
}
