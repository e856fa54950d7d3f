import * as vscode from 'vscode';
import { extensionError } from './errors';

export const RECIPE_SUFFIX = '.lathe.json';
export const LOCK_SUFFIX = '.lathe.lock.json';
export const REPORT_SUFFIX = '.lathe.report.json';
export const RECIPE_GLOB = '**/*.lathe.json';
/** What runs write beside a recipe, also those of the command line. */
export const OUTCOME_GLOB = '**/*.lathe.{lock,report}.json';
export const MODEL_GLOB = '**/*.onnx';
/** Folders in which nothing of the user's is looked for. */
export const EXCLUDED_GLOB = '**/{node_modules,.lathe,.git}/**';
export const RECIPE_SELECTOR: vscode.DocumentSelector = { pattern: RECIPE_GLOB };
export const LOCK_SELECTOR: vscode.DocumentSelector = { pattern: '**/*.lathe.lock.json' };
export const EDITOR_VIEW_TYPE = 'lathe.onnx';
export const REVIEW_VIEW_TYPE = 'lathe.review';

export function isLock(uri: vscode.Uri): boolean {
  return uri.path.endsWith('.lathe.lock.json');
}

export function isRecipe(uri: vscode.Uri): boolean {
  return uri.path.endsWith(RECIPE_SUFFIX);
}

/** A recipe, or the lock or report beside one. */
export function isReviewed(uri: vscode.Uri): boolean {
  return /\.lathe(\.lock|\.report)?\.json$/.test(uri.path);
}

/** The recipe that a lock or report belongs to, by its name. */
export function recipeOfOutcome(path: string): string {
  return path.replace(/\.lathe\.(lock|report)\.json$/, '.lathe.json');
}

export function baseName(uri: vscode.Uri): string {
  return uri.path.slice(uri.path.lastIndexOf('/') + 1);
}

/** Path as worker and core say it; the same file has one spelling on a case-insensitive disk too. */
export function samePath(a: string, b: string): boolean {
  return process.platform === 'win32' ? a.toLowerCase() === b.toLowerCase() : a === b;
}

/** Whether a file is there. One that cannot be reached is not: for us the same. */
export async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}

export function parentOf(uri: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(uri, '..');
}

/**
 * Folder of a file within the workspace, with the name of its workspace folder in front where there are several; "." at the
 * root of the only one, and the whole path outside of all.
 */
export function folderWithin(uri: vscode.Uri): string {
  const folder = parentOf(uri);
  const root = vscode.workspace.getWorkspaceFolder(uri);
  if (root === undefined) {
    return folder.fsPath;
  }
  const path = folder.path.slice(root.uri.path.length).replace(/^\//, '');
  const isOnly = vscode.workspace.workspaceFolders?.length === 1;
  return [isOnly ? '' : root.name, path].filter((part) => part !== '').join('/') || '.';
}

/**
 * For what reads and writes beside a file. A path alone would do for a file of another file system too, and be another file.
 *
 * Throws `extension/not-on-disk`.
 */
export function requireOnDisk(uri: vscode.Uri): void {
  if (uri.scheme !== 'file') {
    throw extensionError('extension/not-on-disk', vscode.l10n.t('{0} is not on a disk of this machine.', uri.path));
  }
}
