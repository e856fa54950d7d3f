import * as vscode from 'vscode';
import { gitApi, type GitApi, type GitCommit, type GitRef, type GitRepository } from './gitApi';

/** The Git extension looks for repositories when the window opens; longer than this nobody waits. */
const STARTUP_MS = 15_000;
/** Commits offered for comparison. */
const MOST_COMMITS = 50;

/** A file's history, or why there is none. */
export type FoundHistory =
  { readonly found: true; readonly history: FileHistory } | { readonly found: false; readonly reason: string };

/** The repository of one file. */
export class FileHistory {
  constructor(private readonly repository: GitRepository) {}

  /** The commit that HEAD is; undefined before the first. */
  get head(): string | undefined {
    return this.repository.state.HEAD?.commit;
  }

  get branch(): string | undefined {
    return this.repository.state.HEAD?.name;
  }

  /** HEAD, branches or the working tree changed. */
  onDidChange(listener: () => void): vscode.Disposable {
    return this.repository.state.onDidChange(listener);
  }

  /** Path below the root of the repository, as Git writes it. */
  relativePath(path: string): string {
    const root = this.repository.rootUri.path.replace(/\/$/, '');
    const { path: full } = vscode.Uri.file(path);
    return full.startsWith(`${root}/`) ? full.slice(root.length + 1) : full;
  }

  /** The file's text in a commit; undefined where the commit does not have it. Rejects for an unknown revision. */
  async read(revision: string, path: string): Promise<string | undefined> {
    try {
      await this.repository.getObjectDetails(revision, path);
    } catch (error) {
      if (codeOf(error) === 'UnknownPath') {
        return undefined;
      }
      throw error;
    }
    return this.repository.show(revision, path);
  }

  refs(): Promise<readonly GitRef[]> {
    return this.repository.getRefs({ sort: 'committerdate' });
  }

  /** Latest commits, newest first; of a file alone when given. */
  commits(path?: string): Promise<readonly GitCommit[]> {
    return this.repository.log({ maxEntries: MOST_COMMITS, ...(path === undefined ? {} : { path }) });
  }
}

/** The history of a file through the Git extension, which is given time to start. */
export async function historyOf(uri: vscode.Uri): Promise<FoundHistory> {
  if (!vscode.workspace.isTrusted) {
    return none(vscode.l10n.t('Restricted mode: Git is off. Trust the workspace to compare with a commit.'));
  }
  const api = await gitApi();
  if (api === undefined) {
    return none(vscode.l10n.t('Git is not there: the setting git.enabled is off, or Git is not installed.'));
  }
  await initialized(api);
  const repository = api.getRepository(uri);
  if (repository === null) {
    return none(
      vscode.l10n.t('{0} is in no Git repository that is open in this window.', vscode.workspace.asRelativePath(uri)),
    );
  }
  return { found: true, history: new FileHistory(repository) };
}

/** Tells when a repository is opened, which may be after a file of it was asked for. */
export async function onDidOpenRepository(listener: () => void): Promise<vscode.Disposable | undefined> {
  const api = await gitApi();
  return api?.onDidOpenRepository(listener);
}

function initialized(api: GitApi): Promise<void> {
  if (api.state === 'initialized') {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      listening.dispose();
      resolve();
    };
    const timer = setTimeout(done, STARTUP_MS);
    const listening = api.onDidChangeState((state) => {
      if (state === 'initialized') {
        done();
      }
    });
  });
}

function none(reason: string): FoundHistory {
  return { found: false, reason };
}

/** The Git extension's errors carry a code. */
function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'gitErrorCode' in error ? error.gitErrorCode : undefined;
}
