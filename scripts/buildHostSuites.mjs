// Bundles test/extension for the extension host: one file a suite file, found by their names.
import { readdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const source = 'test/extension';
const outdir = 'out/test/extension';
rmSync(outdir, { recursive: true, force: true });
const files = readdirSync(source, { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.test.ts') && !name.startsWith('view/'));
await build({
  entryPoints: ['index.ts', ...files].map((name) => ({ in: `${source}/${name}`, out: name.replace(/\.ts$/, '') })),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  sourcemap: 'inline',
  logLevel: 'warning',
  outdir,
  // Mocha is an ES module of its own; the host's require knows vscode.
  external: ['vscode', 'mocha'],
});
