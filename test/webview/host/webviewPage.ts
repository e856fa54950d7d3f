import { createServer, type Server } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type Browser } from 'playwright-core';
import themes from './themes.json';

export type ThemeKind = keyof typeof themes;
export const themeKinds: readonly ThemeKind[] = ['dark', 'light', 'high-contrast', 'high-contrast-light'];

const repository = join(__dirname, '../../..');
const assets = join(repository, 'out/test/webview');
const nonce = 'for-this-page-only';

/** Builds the webviews as they ship, apart from the other bundles. */
export async function buildWebview(): Promise<void> {
  const { inlineWorker } = await import('../../../scripts/inlineWorker.mjs');
  await build({
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    logLevel: 'warning',
    outdir: assets,
    entryPoints: {
      editor: join(repository, 'webview/editor/editor.ts'),
      compare: join(repository, 'webview/compare/compare.ts'),
      history: join(repository, 'webview/history/history.ts'),
      review: join(repository, 'webview/review/review.ts'),
    },
    loader: { '.ttf': 'file', '.svg': 'text' },
    plugins: [inlineWorker],
  });
}

/** Bundles that pages are made of. */
export type ViewName = 'compare' | 'editor' | 'history' | 'review';
const views: readonly ViewName[] = ['compare', 'editor', 'history', 'review'];

/** A page as VS Code makes it: the extension's content security policy, the theme's variables, `acquireVsCodeApi`. */
function page(theme: ThemeKind, view: ViewName): string {
  const { bodyClass, kind, variables } = themes[theme];
  const policy = [
    "default-src 'none'",
    "img-src 'self'",
    "font-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    'worker-src blob:',
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta property="csp-nonce" content="${nonce}">
    <link rel="stylesheet" href="/webviewDefaults.css">
    <link rel="stylesheet" href="/${view}.css">
    <title>Lathe</title>
    <script nonce="${nonce}">
      for (const [name, value] of Object.entries(${JSON.stringify(variables)})) {
        document.documentElement.style.setProperty(name, value);
      }
      window.violations = [];
      document.addEventListener('securitypolicyviolation', (event) => {
        window.violations.push([event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber].join(' '));
      });
      window.acquireVsCodeApi = () => ({
        postMessage: (message) => window.toHost(JSON.stringify(message)),
        getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') ?? undefined,
        setState: (state) => sessionStorage.setItem('state', JSON.stringify(state)),
      });
    </script>
  </head>
  <body class="${bodyClass}" data-vscode-theme-kind="${kind}">
    <div id="root"></div>
    <script type="module" nonce="${nonce}" src="/${view}.js"></script>
  </body>
</html>
`;
}

const types: Partial<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css' };

/** Serves the page and the bundle on the loopback interface. */
export async function startServer(): Promise<{ server: Server; address: string }> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://host');
    if (url.pathname === '/') {
      const wanted = themeKinds.find((kind) => kind === url.searchParams.get('theme')) ?? 'dark';
      response.setHeader('content-type', 'text/html');
      const wantedView = views.find((view) => view === url.searchParams.get('view')) ?? 'editor';
      response.end(page(wanted, wantedView));
      return;
    }
    if (url.pathname === '/favicon.ico') {
      response.statusCode = 204;
      response.end();
      return;
    }
    const file =
      url.pathname === '/webviewDefaults.css' ? join(__dirname, 'webviewDefaults.css') : join(assets, url.pathname);
    const type = types[extname(file)];
    if (type === undefined) {
      response.statusCode = 404;
      response.end();
      return;
    }
    response.setHeader('content-type', type);
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('The page host has no port');
  }
  return { server, address: `http://127.0.0.1:${address.port}` };
}

export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    // Scroll bars take room in VS Code: they must here.
    ignoreDefaultArgs: ['--hide-scrollbars'],
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--force-color-profile=srgb',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
