// `npm test`: installs what is missing and runs everything. The last line alone says how it went.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setup, SetupError } from './setup.mjs';

const total = { passed: 0, failed: 0 };
const folder = mkdtempSync(join(tmpdir(), 'lathe-test-'));

function heading(text) {
  console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 70 - text.length))}`);
}

function count({ passed, failed }) {
  total.passed += passed;
  total.failed += failed;
}

/** A command that passes or fails as a whole. */
function check(name, command, args) {
  heading(name);
  const ok =
    spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' }).status === 0;
  console.log(ok ? `  ✔ ${name}` : `  ✖ ${name}`);
  count({ passed: ok ? 1 : 0, failed: ok ? 0 : 1 });
  return ok;
}

/** A script that writes its figures; one that dies before counts as a failure. */
function script(name, path) {
  heading(name);
  const counts = join(folder, `${name}.json`);
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', path)], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, LATHE_TEST_COUNTS: counts },
  });
  const figures = existsSync(counts) ? JSON.parse(readFileSync(counts, 'utf8')) : { passed: 0, failed: 1 };
  count({ ...figures, failed: figures.failed === 0 && status !== 0 ? 1 : figures.failed });
}

async function main() {
  heading('setup');
  setup({ vscode: true });
  console.log('  ✔ packages, Chromium, VS Code server');
  const { runMocha } = await import('./mocha.mjs');
  const built = check('build', process.execPath, ['esbuild.config.mjs']);
  check('format', 'npx', ['prettier', '--check', '--log-level', 'warn', '.']);
  check('types', 'npm', ['run', '--silent', 'typecheck']);
  check('lint', 'npm', ['run', '--silent', 'lint']);
  check('texts for translation', process.execPath, ['scripts/l10n.mjs', '--check']);
  heading('unit');
  count(runMocha('test/unit/**/*.test.ts'));
  if (built) {
    heading('command line');
    count(runMocha('test/cli/**/*.test.ts', { timeout: 300_000 }));
    heading('webview');
    count(runMocha('test/webview/**/*.test.ts', { timeout: 120_000 }));
    script('extension in VS Code', 'testExtension.mjs');
    script('package installed in VS Code', 'testPackage.mjs');
  }
}

try {
  await main();
} catch (error) {
  total.failed++;
  console.error(error instanceof SetupError ? error.message : error);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
