// Installs what is missing and is quick when nothing is. Plain Node only: it runs before node_modules exists.
//   node scripts/setup.mjs            the project's packages
//   node scripts/setup.mjs --vscode   those, a browser and a VS Code server for tests and `npm run vscode`
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
/** The newest server whose Node is 20. */
const CODE_SERVER = '4.100.3';
/** The server finds files with it; its own package would fetch it from elsewhere. */
const RIPGREP = `@vscode/ripgrep-${process.platform}-${process.arch}`;
const RIPGREP_VERSION = '1.18.0';
const serverFolder = join(root, '.vscode-test', 'code-server');
export const vscodeFolder = join(serverFolder, 'node_modules', 'code-server', 'lib', 'vscode');

/** Ends with a sentence instead of a stack: what is missing and what to do. */
export class SetupError extends Error {}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: options.quiet ? 'ignore' : 'inherit',
    shell: process.platform === 'win32',
    ...options,
  });
  return result.status === 0;
}

function step(text) {
  console.error(`setup: ${text}`);
}

/** Packages of package-lock.json, checked by its hash: a changed lock installs again. */
export function installPackages() {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.lathe-lock-hash');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) {
    return;
  }
  if (isInstalled()) {
    writeFileSync(stamp, hash);
    return;
  }
  step('installing packages (npm ci)');
  // Install scripts are off: those of the native packages only fetch what is in the packages already, or CUDA libraries.
  if (!run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])) {
    throw new SetupError('npm ci failed: see above. It needs the npm registry, nothing else.');
  }
  writeFileSync(stamp, hash);
}

/** Whether node_modules holds just what the lock file says, by npm's own record. */
function isInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) {
    return false;
  }
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || installed[path]?.version === entry.version,
  );
}

/** Path of a Chromium or Chrome, or undefined. LATHE_CHROMIUM names one. */
export function findChromium() {
  const named = process.env.LATHE_CHROMIUM;
  const places = [
    ...(named === undefined ? [] : [named]),
    ...(process.env.PATH ?? '')
      .split(delimiter)
      .flatMap((folder) =>
        ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].map((name) => join(folder, name)),
      ),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ];
  return places.find((path) => existsSync(path));
}

export function installChromium() {
  const present = findChromium();
  if (present !== undefined) {
    return present;
  }
  const apt = ['/usr/bin/apt-get', '/bin/apt-get'].some((path) => existsSync(path));
  if (apt && process.getuid?.() === 0) {
    step('installing Chromium (apt-get install chromium)');
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () =>
      run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { quiet: true, env: environment });
    // The package lists of a fresh image are empty.
    if (install() || (run('apt-get', ['update'], { quiet: true }) && install())) {
      const installed = findChromium();
      if (installed !== undefined) {
        return installed;
      }
    }
  }
  throw new SetupError(
    apt
      ? 'Chromium is missing and could not be installed by apt-get. Run "sudo apt-get install chromium", or set LATHE_CHROMIUM to a Chromium or Chrome.'
      : 'Chromium is missing, and this is no system with apt-get. Install Chromium or Chrome, or set LATHE_CHROMIUM to it.',
  );
}

const NATIVE = ['@vscode/spdlog', 'native-watchdog', 'node-pty', '@parcel/watcher'];

/** A real VS Code server from the npm registry; about a minute the first time. */
export function installVSCodeServer() {
  const ripgrep = join(vscodeFolder, 'node_modules', '@vscode', 'ripgrep', 'bin', 'rg');
  const ready = () =>
    existsSync(join(vscodeFolder, 'out', 'server-main.js')) &&
    existsSync(ripgrep) &&
    existsSync(join(vscodeFolder, 'node_modules', '@vscode', 'spdlog', 'build', 'Release', 'spdlog.node')) &&
    existsSync(join(vscodeFolder, 'node_modules', 'node-pty', 'build', 'Release'));
  if (ready()) {
    return;
  }
  step(`installing the VS Code server (code-server ${CODE_SERVER}) into .vscode-test`);
  mkdirSync(serverFolder, { recursive: true });
  const binary = join(serverFolder, 'node_modules', RIPGREP, 'bin', 'rg');
  if (!existsSync(join(vscodeFolder, 'out', 'server-main.js')) || !existsSync(binary)) {
    writeFileSync(join(serverFolder, 'package.json'), '{ "private": true }\n');
    const packages = [`code-server@${CODE_SERVER}`, `${RIPGREP}@${RIPGREP_VERSION}`];
    // Their install scripts fetch from elsewhere.
    run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], { cwd: serverFolder });
  }
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['install', '--omit=dev', '--ignore-scripts', ...quiet], { cwd: vscodeFolder });
  // Node's headers are beside most Nodes; else node-gyp fetches them. Some packages fail to build what is not needed here:
  // what counts is checked below.
  const prefix = join(dirname(process.execPath), '..');
  const headers = existsSync(join(prefix, 'include', 'node', 'node.h')) ? { npm_config_nodedir: prefix } : {};
  run('npm', ['rebuild', ...NATIVE, ...quiet], { cwd: vscodeFolder, quiet: true, env: { ...process.env, ...headers } });
  if (existsSync(binary)) {
    mkdirSync(dirname(ripgrep), { recursive: true });
    copyFileSync(binary, ripgrep);
    chmodSync(ripgrep, 0o755);
  }
  if (!ready()) {
    throw new SetupError(
      'The VS Code server could not be installed into .vscode-test: it needs the npm registry, python3, make and a C++ compiler (Debian: apt-get install python3 build-essential).',
    );
  }
}

export function setup({ vscode = false } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(`Node ${process.versions.node} is too old: Lathe is built with Node 20.19 or newer.`);
  }
  installPackages();
  if (vscode) {
    installVSCodeServer();
    return { chromium: installChromium() };
  }
  return {};
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setup({ vscode: process.argv.includes('--vscode') });
  } catch (error) {
    if (!(error instanceof SetupError)) {
      throw error;
    }
    console.error(error.message);
    process.exit(1);
  }
}
