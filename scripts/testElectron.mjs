// The same suites in a desktop VS Code that @vscode/test-electron downloads: for laptops and hosted CI.
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { buildHostSuites, HOST_SUITES, printResult, sampleWorkspace, workspaceOf } from './hostSuite.mjs';
import { root, setup } from './setup.mjs';

setup();
buildHostSuites();
const version = process.argv[2] ?? '1.100.0';
let failed = 0;
for (const [suite, { trust, folders }] of Object.entries(HOST_SUITES)) {
  const workspace = sampleWorkspace(folders);
  const target = folders === undefined ? workspace : workspaceOf(workspace, folders);
  const path = join(tmpdir(), `lathe-electron-${suite}-${process.pid}.json`);
  try {
    await runTests({
      version,
      extensionDevelopmentPath: root,
      extensionTestsPath: join(root, 'out', 'test', 'extension', 'index.js'),
      launchArgs: [target, '--disable-extensions', ...(trust === true ? [] : ['--disable-workspace-trust'])],
      extensionTestsEnv: { LATHE_TEST_SUITE: suite, LATHE_TEST_RESULT: path },
    }).catch(() => undefined);
    const result = JSON.parse(readFileSync(path, 'utf8'));
    printResult(`${suite} (VS Code ${version})`, result);
    failed += result.failures.length;
  } finally {
    rmSync(path, { force: true });
    rmSync(workspace, { recursive: true, force: true });
  }
}
process.exit(failed === 0 ? 0 : 1);
