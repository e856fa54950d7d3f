// Starts the real VS Code server with settings and folders of its own.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { vscodeFolder } from './setup.mjs';

async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/**
 * @param options.trust      leave workspace trust on (restricted mode until the user says otherwise)
 * @param options.settings   more user settings
 * @param options.env        more environment for the server and so for the extension host
 * @param options.directory  keep data here instead of in a temporary folder
 * @param options.install    a .vsix to install first
 */
export async function startServer({ trust = false, settings = {}, env = {}, directory, install } = {}) {
  const home = directory ?? mkdtempSync(join(tmpdir(), 'lathe-vscode-'));
  const data = join(home, 'data');
  const extensions = join(home, 'extensions');
  mkdirSync(join(data, 'data', 'User'), { recursive: true });
  mkdirSync(extensions, { recursive: true });
  const userSettings = {
    'security.workspace.trust.enabled': trust,
    'security.workspace.trust.startupPrompt': 'never',
    'telemetry.telemetryLevel': 'off',
    'workbench.startupEditor': 'none',
    'update.mode': 'none',
    'extensions.autoUpdate': false,
    'extensions.autoCheckUpdates': false,
    'workbench.enableExperiments': false,
    'git.enabled': true,
    'git.openRepositoryInParentFolders': 'never',
    ...settings,
  };
  writeFileSync(join(data, 'data', 'User', 'settings.json'), JSON.stringify(userSettings, null, 2));
  const main = join(vscodeFolder, 'out', 'server-main.js');
  const folders = ['--server-data-dir', data, '--extensions-dir', extensions, '--accept-server-license-terms'];
  const environment = { ...process.env, ...env };
  // Flags of a test runner must not reach the extension host.
  delete environment.NODE_OPTIONS;
  if (install !== undefined) {
    await runToEnd(process.execPath, [main, ...folders, '--install-extension', install, '--force'], environment);
  }
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [main, '--host', '127.0.0.1', '--port', String(port), '--without-connection-token', ...folders],
    { env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-20_000);
    });
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`The VS Code server did not start:\n${output}`);
    }
    try {
      await fetch(`http://127.0.0.1:${port}/version`);
      break;
    } catch {
      await delay(200);
    }
  }
  return {
    port,
    home,
    output: () => output,
    url: (workspace, payload = []) => address(port, workspace, payload),
    remote: (path) => `vscode-remote://127.0.0.1:${port}${path}`,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
      if (directory === undefined) {
        rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      }
    },
  };
}

/**
 * The page for a workspace folder, for a `.code-workspace` file of several, or for an empty window; `payload` is a list of
 * pairs as VS Code's web workbench takes them.
 */
function address(port, workspace, payload) {
  const query = new URLSearchParams(
    workspace === undefined
      ? { ew: 'true' }
      : { [workspace.endsWith('.code-workspace') ? 'workspace' : 'folder']: workspace },
  );
  if (payload.length > 0) {
    query.set('payload', JSON.stringify(payload));
  }
  return `http://127.0.0.1:${port}/?${query}`;
}

async function runToEnd(command, args, env) {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) {
    throw new Error(`${args.join(' ')} ended with ${code}:\n${output}`);
  }
}
