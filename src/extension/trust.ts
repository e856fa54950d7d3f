import * as vscode from 'vscode';
import { extensionError } from './errors';

/** Throws `extension/not-trusted` in restricted mode. */
export function requireTrust(): void {
  if (!vscode.workspace.isTrusted) {
    throw extensionError(
      'extension/not-trusted',
      vscode.l10n.t('Restricted mode: inspection only. Trust the workspace to run jobs.'),
    );
  }
}
