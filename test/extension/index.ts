import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
    const runner = mocha.run(() => resolve());
    runner.on('pass', (test) => {
      result.passes.push({ title: test.fullTitle(), milliseconds: test.duration ?? 0 });
    });
    runner.on('pending', (test) => result.pending.push(test.fullTitle()));
    runner.on('fail', (test, error) => {
      result.failures.push({ title: test.fullTitle(), message: textOf(error) });
    });
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
