import * as vscode from 'vscode';
import type { DisposableStore } from '../base/disposable';
import { baseName, folderWithin } from './fileNames';
import { gitApi, type GitApi, type GitRepository } from './gitApi';

/** Which version of a file a uri stands for: "HEAD", "index", the start of a commit; undefined for the file itself. */
export function versionOf(uri: vscode.Uri): string | undefined {
  if (uri.scheme === 'file') {
    return undefined;
  }
  if (uri.scheme === 'git') {
    try {
      const { ref } = JSON.parse(uri.query) as { ref?: unknown };
      if (typeof ref === 'string') {
        // Git's own way to name the index: "~" falls back on HEAD, which is the same where nothing is staged.
        return ref === '' || ref === '~' ? 'index' : /^[0-9a-f]{40}$/.test(ref) ? ref.slice(0, 8) : ref;
      }
    } catch {
      // Another extension's git: its scheme will have to do.
    }
  }
  return uri.scheme;
}

/** Folder within the workspace, or the version. */
export function placeOf(uri: vscode.Uri): string {
  const version = versionOf(uri);
  return version ?? folderWithin(uri);
}

/** "resnet20.onnx (HEAD)". */
export function versionedName(uri: vscode.Uri): string {
  const version = versionOf(uri);
  return version === undefined ? baseName(uri) : `${baseName(uri)} (${version})`;
}

/** The uri of a file as it is in git's HEAD; undefined where git does not know the file or is not there. */
export async function headVersion(uri: vscode.Uri): Promise<vscode.Uri | undefined> {
  const git = await quietGit();
  return git === undefined || git.getRepository(uri) === null ? undefined : git.toGitUri(uri, 'HEAD');
}

/**
 * Keeps the context `lathe.modelChangedInGit` true while git lists a changed model: menus of the source control view know
 * no file names.
 */
export async function watchChangedModels(store: DisposableStore): Promise<void> {
  const git = await quietGit();
  if (git === undefined) {
    return;
  }
  let shown = false;
  const update = (): void => {
    const changed = git.repositories.some(({ state }) =>
      [...state.workingTreeChanges, ...state.indexChanges].some(({ uri }) => /\.onnx$/i.test(uri.path)),
    );
    if (changed !== shown) {
      shown = changed;
      void vscode.commands.executeCommand('setContext', 'lathe.modelChangedInGit', changed);
    }
  };
  const watch = (repository: GitRepository): void => {
    store.add(repository.state.onDidChange(update));
    update();
  };
  git.repositories.forEach(watch);
  store.add(git.onDidOpenRepository(watch));
  store.add(git.onDidCloseRepository(update));
}

/** Nothing here needs git: where it does not start, there are no other versions. */
async function quietGit(): Promise<GitApi | undefined> {
  try {
    return await gitApi();
  } catch {
    return undefined;
  }
}
