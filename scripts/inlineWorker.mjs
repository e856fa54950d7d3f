// Bundles what is imported as "…?worker" on its own and gives its text, to be run as a worker from a blob: a webview may
// not start workers from its resources, which are of another origin.
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

export const inlineWorker = {
  name: 'inline-worker',
  setup(outer) {
    outer.onResolve({ filter: /\?worker$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.replace(/\?worker$/, '.ts')),
      namespace: 'inline-worker',
    }));
    outer.onLoad({ filter: /.*/, namespace: 'inline-worker' }, async ({ path }) => {
      const { target, minify } = outer.initialOptions;
      const result = await build({
        entryPoints: [path],
        bundle: true,
        write: false,
        metafile: true,
        platform: 'browser',
        format: 'iife',
        target,
        minify: minify ?? false,
        logLevel: 'warning',
      });
      return {
        contents: result.outputFiles[0].text,
        loader: 'text',
        watchFiles: Object.keys(result.metafile.inputs).map((file) => resolve(file)),
        watchDirs: [dirname(path)],
      };
    });
  },
};
