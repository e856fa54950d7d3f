import type * as vscode from 'vscode';
import type { Link } from '../protocol/channel';
import type { Log } from './log';

/** The pipe to a webview; requests under way fail with `closed` when its panel goes. */
export function panelLink(panel: vscode.WebviewPanel, closed: string): Link {
  const { webview } = panel;
  return {
    send: (message) => void webview.postMessage(message),
    onMessage: (listener) => webview.onDidReceiveMessage(listener),
    onClose: (listener) => panel.onDidDispose(() => listener(closed)),
  };
}

/** Writes what a webview reports of itself to the log, under a name of the view. */
export function logViewErrors(
  log: Log,
  view: string,
): (error: { readonly message: string; readonly stack?: string }) => void {
  return ({ message, stack }) => log.error(`${view}: ${message}${stack === undefined ? '' : `\n${stack}`}`);
}
