import * as vscode from 'vscode';
import type { RunView } from '../protocol/history';
import { extensionError } from './errors';
import { baseName, exists, parentOf, RECIPE_SUFFIX } from './fileNames';
import type { DocumentServices } from './modelDocument';
import type { ReviewPanels } from './reviewPanels';
import { runUri } from './runDocuments';
import { requireTrust } from './trust';

/** Names tried for a recipe brought back. */
const MOST_NAMES = 1000;

/** What a user can do with the kept runs of a recipe. */
export class HistoryActions {
  constructor(
    private readonly services: DocumentServices,
    private readonly reviews: ReviewPanels,
  ) {}

  async list(recipe: vscode.Uri): Promise<readonly RunView[]> {
    const { runs } = await this.services.worker.request('history/list', { recipePath: recipe.fsPath });
    return runs;
  }

  /** Recipe, lock and report of two runs, layer by layer. */
  async compare(recipe: vscode.Uri, ids: readonly string[]): Promise<void> {
    const [newer, older] = [...new Set(ids)].sort().reverse();
    if (older === undefined || newer === undefined || ids.length !== 2) {
      throw extensionError('extension/wrong-selection', vscode.l10n.t('Select two runs to compare.'));
    }
    const runs = await this.list(recipe);
    const [before, after] = [older, newer].map((id) => runs.find((run) => run.id === id)?.files.report);
    if (before === undefined || after === undefined) {
      throw extensionError('extension/wrong-selection', vscode.l10n.t('Select two runs to compare.'));
    }
    this.reviews.compareFiles(vscode.Uri.file(before), vscode.Uri.file(after));
  }

  /** Starts the recipe where it is what the run had; else its recipe goes into a file of its own, which is opened. */
  async again(recipe: vscode.Uri, id: string): Promise<{ readonly started: boolean; readonly written?: string }> {
    requireTrust();
    const { worker, jobs } = this.services;
    const { text } = await worker.request('history/read', { recipePath: recipe.fsPath, id, file: 'recipe' });
    if (text === (await presentText(recipe))) {
      await jobs.start('run', recipe);
      return { started: true };
    }
    const target = await freeName(vscode.Uri.joinPath(parentOf(recipe), id));
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
    await vscode.window.showTextDocument(target, { preview: false });
    const run = vscode.l10n.t('Run');
    const name = baseName(target);
    void vscode.window
      .showInformationMessage(vscode.l10n.t('{0} holds the recipe of this run. Run it?', name), run)
      .then((answer) => (answer === run ? vscode.commands.executeCommand('lathe.optimize', target) : undefined));
    return { started: false, written: target.fsPath };
  }

  /** Asks first. The compressed models that the runs wrote are not touched. */
  async delete(recipe: vscode.Uri, ids: readonly string[], ask = true): Promise<number> {
    requireTrust();
    const [first] = ids;
    if (first === undefined) {
      return 0;
    }
    if (ask) {
      const confirm = vscode.l10n.t('Delete');
      const question =
        ids.length === 1
          ? vscode.l10n.t('Delete the run {0} from the history?', first)
          : vscode.l10n.t('Delete {0} runs from the history?', ids.length);
      const detail = vscode.l10n.t(
        'Their kept recipes, locks and reports are deleted for good. Files beside the recipe and compressed models stay.',
      );
      if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, confirm)) !== confirm) {
        return 0;
      }
    }
    const { deleted } = await this.services.worker.request('history/delete', { recipePath: recipe.fsPath, ids });
    return deleted;
  }

  async openReport(recipe: vscode.Uri, id: string): Promise<void> {
    await vscode.commands.executeCommand('markdown.showPreview', runUri(recipe, id, 'markdown'));
  }

  async openRecipe(recipe: vscode.Uri, id: string): Promise<void> {
    await vscode.window.showTextDocument(runUri(recipe, id, 'recipe'), { preview: true });
  }
}

/** As a run would read it, unsaved changes included: they are saved before it starts. */
async function presentText(recipe: vscode.Uri): Promise<string | undefined> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === recipe.toString());
  if (open !== undefined) {
    return open.getText();
  }
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(recipe));
  } catch {
    // The recipe is gone, its history is not: what is brought back is a file of its own.
    return undefined;
  }
}

/** "resnet20-20261126-173005.lathe.json", or with "-2" and so on where that is taken. */
async function freeName(base: vscode.Uri): Promise<vscode.Uri> {
  for (let again = 1; again <= MOST_NAMES; again++) {
    const uri = base.with({ path: `${base.path}${again === 1 ? '' : `.${again}`}${RECIPE_SUFFIX}` });
    if (!(await exists(uri))) {
      return uri;
    }
  }
  throw extensionError(
    'extension/edit-refused',
    vscode.l10n.t('No free name for the recipe: there are {0} of {1} already.', MOST_NAMES, baseName(base)),
  );
}
