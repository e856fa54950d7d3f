// `npm run package`: a .vsix for the present platform, holding one platform's native files and nothing that does not ship.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, setup } from './setup.mjs';

/** VS Code's name for this platform: "linux-x64", "alpine-x64", "darwin-arm64"… */
export function presentTarget() {
  const musl = process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined;
  return `${musl ? 'alpine' : process.platform}-${process.arch}`;
}

/** Packages that stay packages beside the bundle, and the part of each that runs. */
function nativePackages() {
  const { platform, arch } = process;
  const all = () => true;
  const sharpPlatform = presentTarget().startsWith('alpine') ? `linuxmusl-${arch}` : `${platform}-${arch}`;
  const images = readdirSync(join(root, 'node_modules', '@img')).filter(
    (name) => name === 'colour' || name === `sharp-${sharpPlatform}` || name === `sharp-libvips-${sharpPlatform}`,
  );
  return [
    ['onnxruntime-node', (path) => path.startsWith('dist/') || path.startsWith(`bin/napi-v6/${platform}/${arch}/`)],
    ['onnxruntime-common', (path) => path.startsWith('dist/cjs/')],
    ['highs', (path) => path === 'build/highs.js' || path === 'build/highs.wasm'],
    ['sharp', (path) => path.startsWith('dist/') && path.endsWith('.cjs')],
    ['detect-libc', (path) => path.startsWith('lib/')],
    ['semver', (path) => path.endsWith('.js') && !path.startsWith('bin/')],
    ...images.map((name) => [`@img/${name}`, name === 'colour' ? (path) => path.endsWith('.cjs') : all]),
  ];
}

function copyPackage(name, keep, target) {
  const source = join(root, 'node_modules', name);
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) {
      continue;
    }
    const path = join(entry.parentPath, entry.name)
      .slice(source.length + 1)
      .replaceAll('\\', '/');
    const always = path === 'package.json' || /^licen[sc]e/i.test(path);
    // Declarations and headers serve compilers.
    if ((always || keep(path)) && !/\.(map|h)$|\.d\.[cm]?ts$/.test(path)) {
      mkdirSync(dirname(join(target, name, path)), { recursive: true });
      cpSync(join(source, path), join(target, name, path), { dereference: true });
    }
  }
}

/** Builds the package and returns its path. */
export function buildPackage() {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const target = presentTarget();
  const stage = join(root, 'out', 'package');
  const vsix = join(root, 'out', `${manifest.name}-${manifest.version}-${target}.vsix`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  run(process.execPath, ['esbuild.config.mjs', '--production'], root);
  for (const name of [
    'package.nls.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    '.vscodeignore',
    'dist',
    'l10n',
    'media',
    'schemas',
    'samples',
  ]) {
    if (existsSync(join(root, name))) {
      cpSync(join(root, name), join(stage, name), { recursive: true });
    }
  }
  for (const [name, keep] of nativePackages()) {
    copyPackage(name, keep, join(stage, 'dist', 'node_modules'));
  }
  // What only builders need stays behind; the dependencies are bundled or copied.
  for (const field of ['scripts', 'dependencies', 'devDependencies', 'bin', 'private']) {
    delete manifest[field];
  }
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
  run(
    process.execPath,
    [
      vsce,
      'package',
      '--no-dependencies',
      '--target',
      target,
      '--out',
      vsix,
      '--allow-missing-repository',
      '--no-rewrite-relative-links',
    ],
    stage,
  );
  rmSync(stage, { recursive: true, force: true });
  return vsix;
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status !== 0) {
    throw new Error(`${args.slice(0, 2).join(' ')} failed`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setup();
  const { checkPackage } = await import('./checkPackage.mjs');
  const vsix = buildPackage();
  const { files, bytes } = checkPackage(vsix);
  console.log(`${vsix}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB`);
}
