// The extension in a real VS Code: suites inside its extension host, then the view as a user sees it.
//   node scripts/testExtension.mjs [suite…]     workspace, restricted, folders, view
import { mkdirSync, writeFileSync } from 'node:fs';
import { buildHostSuites, HOST_SUITES, printResult, runHostSuite } from './hostSuite.mjs';
import { runMocha } from './mocha.mjs';
import { setup } from './setup.mjs';

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const has = (name) => wanted.length === 0 || wanted.includes(name);
setup({ vscode: true });
mkdirSync('out', { recursive: true });
const total = { passed: 0, failed: 0 };

if (Object.keys(HOST_SUITES).some(has)) {
  buildHostSuites();
}
for (const [suite, options] of Object.entries(HOST_SUITES)) {
  if (!has(suite)) {
    continue;
  }
  const result = await runHostSuite(suite, options);
  printResult(suite, result);
  total.passed += result.passes.length;
  total.failed += result.failures.length;
}
if (has('view')) {
  const { passed, failed } = runMocha('test/extension/view/**/*.test.ts', { timeout: 180_000 });
  total.passed += passed;
  total.failed += failed;
}
if (process.env.LATHE_TEST_COUNTS !== undefined) {
  writeFileSync(process.env.LATHE_TEST_COUNTS, JSON.stringify(total));
}
process.exit(total.failed === 0 ? 0 : 1);
