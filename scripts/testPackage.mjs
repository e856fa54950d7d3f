// Builds the .vsix, checks what is in it, installs it into the real VS Code and runs the main job with it.
import { writeFileSync } from 'node:fs';
import { checkPackage } from './checkPackage.mjs';
import { buildHostSuites, printResult, runHostSuite } from './hostSuite.mjs';
import { buildPackage } from './package.mjs';
import { setup } from './setup.mjs';

setup({ vscode: true });
const vsix = buildPackage();
const { files, bytes, bundles } = checkPackage(vsix);
console.log(`  ✔ ${files} files, ${(bytes / 1e6).toFixed(1)} MB: only what ships`);
console.log(`  ✔ ${bundles.map(([name, size]) => `${name} ${Math.round(size / 1e3)} KB`).join(', ')}`);
buildHostSuites();
const result = await runHostSuite('installed', { install: vsix });
printResult('installed', result);
if (process.env.LATHE_TEST_COUNTS !== undefined) {
  const counts = { passed: result.passes.length + 1, failed: result.failures.length };
  writeFileSync(process.env.LATHE_TEST_COUNTS, JSON.stringify(counts));
}
process.exit(result.failures.length === 0 ? 0 : 1);
