import type { Server } from 'node:http';
import type { Browser } from 'playwright-core';
import type { FixtureName } from './fixtures/fixtureState';
import type { ComparisonName } from './fixtures/fixtureComparison';
import { CompareSession } from './host/compareSession';
import { EditorSession, type SessionOptions } from './host/editorSession';
import { buildWebview, launchBrowser, startServer } from './host/webviewPage';

let shared: Promise<{ browser: Browser; server: Server; address: string }> | undefined;

async function start(): Promise<{ browser: Browser; server: Server; address: string }> {
  await buildWebview();
  const browser = await launchBrowser();
  return { browser, ...(await startServer()) };
}

/** Opens editors for one suite: one browser for all suites, a fresh window for each test, closed and checked after it. */
export function editorSuite(): { open(name: FixtureName, options?: SessionOptions): Promise<EditorSession> } {
  return suiteOf((browser, address, name: FixtureName, options) => EditorSession.open(browser, address, name, options));
}

/** The same for comparisons. */
export function compareSuite(): { open(name: ComparisonName, options?: SessionOptions): Promise<CompareSession> } {
  return suiteOf((browser, address, name: ComparisonName, options) =>
    CompareSession.open(browser, address, name, options),
  );
}

interface Session {
  allProblems(): Promise<string[]>;
  close(): Promise<void>;
}

function suiteOf<Name, S extends Session>(
  openSession: (browser: Browser, address: string, name: Name, options?: SessionOptions) => Promise<S>,
): { open(name: Name, options?: SessionOptions): Promise<S> } {
  let open: S[] = [];
  before(async () => {
    shared ??= start();
    await shared;
  });
  afterEach(async () => {
    const sessions = open;
    open = [];
    for (const session of sessions) {
      const problems = await session.allProblems();
      await session.close();
      if (problems.length > 0) {
        throw new Error(`The page complained:\n${problems.join('\n')}`);
      }
    }
  });
  return {
    open: async (name, options) => {
      const { browser, address } = await (shared ??= start());
      const session = await openSession(browser, address, name, options);
      open.push(session);
      return session;
    },
  };
}

/** Closes what the suites shared; mocha has no global teardown without a configuration of its own. */
export async function closeShared(): Promise<void> {
  if (shared !== undefined) {
    const { browser, server } = await shared;
    shared = undefined;
    await browser.close();
    server.close();
  }
}
