// Bundles each process on its own: the extension host, the background process, the command line, the webview.
// `vscode` is external in the extension bundle only, so that the others fail to build if it leaks into the core.
import { build, context } from 'esbuild';
import { inlineWorker } from './scripts/inlineWorker.mjs';

const watch = process.argv.includes('--watch');
const production = process.argv.includes('--production');

const node = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // The UMD build of jsonc-parser requires its parts by computed names, which no bundler can follow.
  mainFields: ['module', 'main'],
  sourcemap: production ? false : 'linked',
  minify: production,
  keepNames: true,
  logLevel: 'warning',
  outdir: 'dist',
};

/**
 * The command line starts with a bundle that knows the commands and no more: reading and compiling all of it takes longer
 * than `lathe inspect` does. Code behind these dynamic imports is built beside it, each with what it needs.
 */
const lazyCommands = ['inspectCommand', 'recipeCommands'];
const besideTheBundle = {
  name: 'beside-the-bundle',
  setup({ onResolve }) {
    const filter = new RegExp(`^\\./(${lazyCommands.join('|')})$`);
    onResolve({ filter }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path: `./cli/${path.slice('./'.length)}.js`, external: true } : undefined,
    );
  },
};

const bundles = [
  { ...node, entryPoints: { extension: 'src/extension/extension.ts' }, external: ['vscode'] },
  {
    ...node,
    entryPoints: {
      worker: 'src/worker/worker.ts',
      fitThread: 'src/job/fitThread.ts',
      cli: 'src/cli/cli.ts',
      ...Object.fromEntries(lazyCommands.map((name) => [`cli/${name}`, `src/cli/${name}.ts`])),
    },
    plugins: [besideTheBundle],
    // A plain require: Node's loader of ES modules costs a fifth of a start.
    supported: { 'dynamic-import': false },
    // Native or WebAssembly packages stay as packages beside the bundle.
    external: ['onnxruntime-node', 'sharp', 'highs'],
  },
  {
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    sourcemap: production ? false : 'linked',
    minify: production,
    logLevel: 'warning',
    outdir: 'dist/webview',
    entryPoints: {
      editor: 'webview/editor/editor.ts',
      compare: 'webview/compare/compare.ts',
      history: 'webview/history/history.ts',
      review: 'webview/review/review.ts',
    },
    loader: { '.ttf': 'file', '.svg': 'text' },
    plugins: [inlineWorker],
  },
];

if (watch) {
  for (const options of bundles) {
    await (await context(options)).watch();
  }
} else {
  await Promise.all(bundles.map((options) => build(options)));
}
