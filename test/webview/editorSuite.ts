import type { Server } from 'node:http';
import type { Browser } from 'playwright-core';
import type { ReviewState } from '../../src/protocol/review';
import type { FixtureName } from './fixtures/fixtureState';
import { EditorSession, type SessionOptions } from './host/editorSession';
import { ReviewSession } from './host/reviewSession';
import { buildWebview, launchBrowser, startServer } from './host/webviewPage';

let shared: Promise<{ browser: Browser; server: Server; address: string }> | undefined;

async function start(): Promise<{ browser: Browser; server: Server; address: string }> {
  await buildWebview();
  const browser = await launchBrowser();
  return { browser, ...(await startServer()) };
}

/** Opens editors for one suite: one browser for all suites, a fresh window for each test, closed and checked after it. */
export function editorSuite(): { open(name: FixtureName, options?: SessionOptions): Promise<EditorSession> } {
  return suiteOf((browser, address, name, options) => EditorSession.open(browser, address, name, options));
}

/** The same for review panels. */
export function reviewSuite(): { open(state: ReviewState, options?: SessionOptions): Promise<ReviewSession> } {
  return suiteOf((browser, address, state, options) => ReviewSession.open(browser, address, state, options));
}

interface Session {
  allProblems(): Promise<string[]>;
  close(): Promise<void>;
}

function suiteOf<T, S extends Session>(
  openSession: (browser: Browser, address: string, what: T, options?: SessionOptions) => Promise<S>,
): { open(what: T, options?: SessionOptions): Promise<S> } {
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
    open: async (what, options) => {
      const { browser, address } = await (shared ??= start());
      const session = await openSession(browser, address, what, options);
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
