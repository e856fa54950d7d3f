import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** The page of a webview: one bundled script and style, nothing else may load or run. */
export function webviewHtml(
  webview: vscode.Webview,
  assets: vscode.Uri,
  bundle: 'compare' | 'editor' | 'history' | 'review',
): string {
  const nonce = randomBytes(16).toString('base64url');
  const script = webview.asWebviewUri(vscode.Uri.joinPath(assets, `${bundle}.js`)).toString();
  const style = webview.asWebviewUri(vscode.Uri.joinPath(assets, `${bundle}.css`)).toString();
  const policy = [
    "default-src 'none'",
    `img-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    // The controls probe for :focus-visible with a style element; it carries the nonce they find in the page.
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    // The layout of graphs runs off the page's thread; its program is part of the bundled script.
    'worker-src blob:',
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="${vscode.env.language}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta property="csp-nonce" content="${nonce}">
    <link rel="stylesheet" href="${style}">
    <title>Lathe</title>
  </head>
  <body>
    <div id="root"></div>
    <script type="module" nonce="${nonce}" src="${script}"></script>
  </body>
</html>
`;
}
