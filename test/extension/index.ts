import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import * as vscode from 'vscode';

/** What the driver reads: see scripts/hostSuite.mjs. */
interface SuiteResult {
  readonly passes: { readonly title: string; readonly milliseconds: number }[];
  readonly failures: { readonly title: string; readonly message: string }[];
  readonly pending: string[];
}

/** Called by VS Code in the extension host. The suite and where its result goes come by the environment. */
export async function run(): Promise<void> {
  const suite = process.env.LATHE_TEST_SUITE ?? 'workspace';
  const result: SuiteResult = { passes: [], failures: [], pending: [] };
  try {
    await runMocha(join(__dirname, suite), result);
  } catch (error) {
    result.failures.push({ title: `${suite} did not run`, message: textOf(error) });
  }
  const path = process.env.LATHE_TEST_RESULT;
  if (path !== undefined) {
    // Whole or not at all: the driver polls for it.
    writeFileSync(`${path}.part`, JSON.stringify(result));
    renameSync(`${path}.part`, path);
  }
  if (result.failures.length > 0) {
    throw new Error(`${result.failures.length} tests failed`);
  }
}

async function runMocha(folder: string, result: SuiteResult): Promise<void> {
  const { default: Mocha } = await import('mocha');
  const mocha = new Mocha({ ui: 'bdd', timeout: 90_000, forbidOnly: true, reporter: 'min' });
  for (const name of readdirSync(folder).sort()) {
    if (name.endsWith('.test.js')) {
      mocha.addFile(join(folder, name));
    }
  }
  await mocha.loadFilesAsync();
  await new Promise<void>((resolve) => {
    const runner = withoutForeignErrors(() => mocha.run(() => resolve()));
    runner.on('pass', (test) => {
      result.passes.push({ title: test.fullTitle(), milliseconds: test.duration ?? 0 });
    });
    runner.on('pending', (test) => result.pending.push(test.fullTitle()));
    runner.on('fail', (test, error) => {
      result.failures.push({ title: test.fullTitle(), message: textOf(error) });
    });
  });
}

/**
 * Starts Mocha, and keeps from it what VS Code's own extensions leave uncaught: they run in the same process, and Mocha
 * would fail whichever test is running (its Git extension writes to a `git check-ignore` that has gone, for one).
 */
function withoutForeignErrors(start: () => Mocha.Runner): Mocha.Runner {
  const before = process.listeners('uncaughtException');
  const runner = start();
  // VS Code wraps listeners, so Mocha's is known only by not having been there.
  const added = process.listeners('uncaughtException').filter((listener) => !before.includes(listener));
  const builtIn = join(vscode.env.appRoot, 'extensions') + sep;
  for (const fail of added) {
    process.removeListener('uncaughtException', fail);
    process.on('uncaughtException', (error, origin) => {
      if (error.stack?.includes(builtIn) === true) {
        console.error(`Uncaught in an extension of VS Code's own: ${textOf(error)}`);
      } else {
        fail(error, origin);
      }
    });
  }
  return runner;
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
