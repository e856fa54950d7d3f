import type { Server } from 'node:http';
import type { Browser } from 'playwright-core';
import type { ReviewState } from '../../src/protocol/review';
import type { HistoryFixtureName } from './fixtures/fixtureHistory';
import type { FixtureName } from './fixtures/fixtureState';
import type { ComparisonName } from './fixtures/fixtureComparison';
import { CompareSession } from './host/compareSession';
import { EditorSession } from './host/editorSession';
import type { SessionOptions } from './host/viewSession';
import { HistorySession } from './host/historySession';
import { ReviewSession } from './host/reviewSession';
import { buildWebview, launchBrowser, startServer } from './host/webviewPage';

let shared: Promise<{ browser: Browser; server: Server; address: string }> | undefined;

async function start(): Promise<{ browser: Browser; server: Server; address: string }> {
  await buildWebview();
  const browser = await launchBrowser();
  return { browser, ...(await startServer()) };
}

interface Session {
  allProblems(): Promise<string[]>;
  close(): Promise<void>;
}

interface Suite<Name, S extends Session> {
  open(name: Name, options?: SessionOptions): Promise<S>;
}

/** Opens views for one suite: one browser for all suites, a fresh window for each test, closed and checked after it. */
function viewSuite<Name, S extends Session>(
  openView: (browser: Browser, address: string, name: Name, options?: SessionOptions) => Promise<S>,
): Suite<Name, S> {
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
      const session = await openView(browser, address, what, options);
      open.push(session);
      return session;
    },
  };
}

export function editorSuite(): Suite<FixtureName, EditorSession> {
  return viewSuite((browser, address, name: FixtureName, options) =>
    EditorSession.open(browser, address, name, options),
  );
}

export function historySuite(): Suite<HistoryFixtureName, HistorySession> {
  return viewSuite((browser, address, name: HistoryFixtureName, options) =>
    HistorySession.open(browser, address, name, options),
  );
}

export function reviewSuite(): Suite<ReviewState, ReviewSession> {
  return viewSuite((browser, address, state: ReviewState, options) =>
    ReviewSession.open(browser, address, state, options),
  );
}

export function compareSuite(): Suite<ComparisonName, CompareSession> {
  return viewSuite((browser, address, name: ComparisonName, options) =>
    CompareSession.open(browser, address, name, options),
  );
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
