import * as vscode from 'vscode';
import { RUN_FILES, type RunFile } from '../protocol/history';
import { LOCK_SUFFIX, RECIPE_SUFFIX, REPORT_SUFFIX } from './fileNames';
import type { WorkerClient } from './workerClient';

export const RUN_SCHEME = 'lathe-run';

/** The kept files of runs as read-only documents: what was kept is looked at and compared, never edited. */
export class RunDocuments implements vscode.TextDocumentContentProvider {
  constructor(private readonly worker: WorkerClient) {}

  register(): vscode.Disposable {
    return vscode.workspace.registerTextDocumentContentProvider(RUN_SCHEME, this);
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const { recipePath, id, file } = runOf(uri);
    const { text } = await this.worker.request('history/read', { recipePath, id, file });
    return text;
  }
}

/** Named as the file beside the recipe is, so that the same language, schema and links apply. */
export function runUri(recipe: vscode.Uri, id: string, file: RunFile): vscode.Uri {
  const stem = recipe.path.slice(0, -RECIPE_SUFFIX.length);
  const endings: Record<RunFile, string> = {
    recipe: RECIPE_SUFFIX,
    lock: LOCK_SUFFIX,
    report: REPORT_SUFFIX,
    markdown: '.lathe.report.md',
  };
  return recipe.with({
    scheme: RUN_SCHEME,
    path: `${stem}${endings[file]}`,
    query: JSON.stringify({ recipe: recipe.fsPath, id, file }),
  });
}

/** Such addresses can be typed by anybody: the parts are checked, and the worker serves kept runs only. */
function runOf(uri: vscode.Uri): { recipePath: string; id: string; file: RunFile } {
  const query: unknown = JSON.parse(uri.query);
  const { recipe, id, file } = (typeof query === 'object' && query !== null ? query : {}) as Record<string, unknown>;
  const known = RUN_FILES.find((one) => one === file);
  if (typeof recipe !== 'string' || !recipe.endsWith(RECIPE_SUFFIX) || typeof id !== 'string' || known === undefined) {
    throw new Error(`${uri.toString()} names no kept run.`);
  }
  return { recipePath: recipe, id, file: known };
}
