// Runs one suite of test/extension inside the real extension host of a real VS Code server.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from './setup.mjs';
import { startServer } from './vscodeServer.mjs';
import { openWorkbench } from './workbench.mjs';

/** What each suite of test/extension is run with; see {@link runHostSuite}. */
export const HOST_SUITES = {
  workspace: {},
  restricted: { trust: true },
  folders: { folders: ['first', 'second'] },
};

/** Bundles every suite: the extension host loads plain JavaScript. */
export function buildHostSuites() {
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'buildHostSuites.mjs')], {
    cwd: root,
    stdio: 'inherit',
  });
  if (built.status !== 0) {
    throw new Error('The tests of the extension host did not build.');
  }
}

/** A copy of the sample to work in, with nothing measured yet, in each of the named folders. */
export function sampleWorkspace(folders = ['sample']) {
  const workspace = mkdtempSync(join(tmpdir(), 'lathe-workspace-'));
  const source = join(root, 'samples', 'fmnist-resnet20');
  for (const folder of folders) {
    mkdirSync(join(workspace, folder));
    for (const name of ['resnet20.onnx', 'calibration.npz', 'evaluation.npz', 'resnet20.lathe.json']) {
      cpSync(join(source, name), join(workspace, folder, name));
    }
  }
  return workspace;
}

/** Opens the named folders as one workspace. @returns path of its file */
export function workspaceOf(workspace, folders) {
  const file = join(workspace, 'lathe.code-workspace');
  writeFileSync(file, JSON.stringify({ folders: folders.map((path) => ({ path })) }));
  return file;
}

/**
 * @param suite             folder under test/extension
 * @param options.trust     leave workspace trust on
 * @param options.install   run against this installed .vsix instead of the working tree
 * @param options.folders   open these as the folders of one workspace, each with the sample
 * @param options.timeout   milliseconds for all of it
 * @returns mocha's figures: { passes, failures, pending }
 */
export async function runHostSuite(suite, { trust = false, install, folders, timeout = 600_000, env = {} } = {}) {
  const workspace = sampleWorkspace(folders);
  const target = folders === undefined ? workspace : workspaceOf(workspace, folders);
  const result = join(workspace, '..', `${suite}-${process.pid}-${Date.now()}.json`);
  const server = await startServer({
    trust,
    ...(install === undefined ? {} : { install }),
    env: { LATHE_TEST_RESULT: result, LATHE_TEST_SUITE: suite, ...env },
  });
  let opened;
  try {
    const development = install === undefined ? root : join(root, 'test', 'extension', 'host');
    opened = await openWorkbench(
      server.url(target, [
        ['extensionDevelopmentPath', server.remote(development)],
        ['extensionTestsPath', server.remote(join(root, 'out', 'test', 'extension', 'index.js'))],
        ['skipWelcome', 'true'],
      ]),
    );
    const deadline = Date.now() + timeout;
    while (!existsSync(result)) {
      if (Date.now() > deadline) {
        const shot = join(root, 'out', `${suite}-timeout.png`);
        await opened.page.screenshot({ path: shot });
        throw new Error(
          `The suite "${suite}" did not end in ${timeout / 1000} s (picture: ${shot}).\n${server.output()}\n${opened.messages.slice(-40).join('\n')}`,
        );
      }
      await delay(200);
    }
    return JSON.parse(readFileSync(result, 'utf8'));
  } finally {
    await opened?.browser.close();
    await server.stop();
    rmSync(result, { force: true });
    rmSync(workspace, { recursive: true, force: true });
  }
}

export function printResult(suite, { passes, failures, pending }) {
  for (const { title, milliseconds } of passes) {
    console.log(`  ✔ ${title}${milliseconds > 200 ? ` (${milliseconds} ms)` : ''}`);
  }
  for (const title of pending) {
    console.log(`  - ${title}`);
  }
  for (const { title, message } of failures) {
    console.log(`  ✖ ${title}\n${message.replace(/^/gm, '      ')}`);
  }
  console.log(`${suite}: ${passes.length} passing, ${failures.length} failing\n`);
}
