import { dirname, isAbsolute, relative, sep } from 'node:path';
import * as vscode from 'vscode';
import type { CancelSignal } from '../protocol/channel';
import type { AllocationView, FrontierView, JobId } from '../protocol/job';
import type { Budget, Pin, RelatedModel } from '../protocol/webviewProtocol';
import { extensionError } from './errors';
import { copyModelFiles } from './exportAs';
import { baseName, EDITOR_VIEW_TYPE, exists } from './fileNames';
import type { Job } from './job';
import type { DocumentServices, ModelDocument } from './modelDocument';
import type { ParsedRecipeFile } from './recipeIndex';
import { requireTrust } from './trust';

export type ReportFormat = 'html' | 'markdown' | 'json';

/** What a user can do with a model or a recipe; commands, trees and webviews all come here. */
export class EditorActions {
  constructor(private readonly services: DocumentServices) {}

  requireRecipe(document: ModelDocument): ParsedRecipeFile {
    if (document.recipe === undefined) {
      throw extensionError('extension/no-recipe', vscode.l10n.t('No recipe for this model: create one.'));
    }
    return document.recipe;
  }

  async solve(
    document: ModelDocument,
    budget: Budget,
    pins: readonly Pin[],
    precision: 'hull' | 'exact',
    signal: CancelSignal,
  ): Promise<AllocationView> {
    const recipePath = this.requireRecipe(document).uri.fsPath;
    requireTrust();
    return this.services.worker.request('allocation/solve', { recipePath, budget, pins, precision }, signal);
  }

  async frontier(
    document: ModelDocument,
    pins: readonly Pin[],
    precision: 'hull' | 'exact',
    signal: CancelSignal,
  ): Promise<FrontierView> {
    const recipePath = this.requireRecipe(document).uri.fsPath;
    requireTrust();
    return this.services.worker.request('allocation/frontier', { recipePath, pins, precision }, signal);
  }

  /** Writes pins and budget as one edit of the text document, so that undo works, and saves it. */
  async writeRecipe(document: ModelDocument, budget: Budget | undefined): Promise<{ changed: number }> {
    const recipe = this.requireRecipe(document);
    const text = await vscode.workspace.openTextDocument(recipe.uri);
    const { edits, changed } = await this.services.worker.request('recipe/edits', {
      path: recipe.uri.fsPath,
      text: text.getText(),
      pins: document.pins,
      ...(budget === undefined ? {} : { budget }),
    });
    if (edits.length > 0) {
      const edit = new vscode.WorkspaceEdit();
      for (const { offset, length, text: replacement } of edits) {
        const range = new vscode.Range(text.positionAt(offset), text.positionAt(offset + length));
        edit.replace(recipe.uri, range, replacement);
      }
      if (!(await vscode.workspace.applyEdit(edit)) || !(await text.save())) {
        throw extensionError(
          'extension/edit-refused',
          vscode.l10n.t('{0} could not be changed. Is it read-only?', recipe.name),
        );
      }
    }
    document.setPins([]);
    document.refreshRecipe();
    return { changed };
  }

  /** At a line (1-based) where one is given, else at the override of the layer that wins. */
  async openRecipe(document: ModelDocument, layer?: string, line?: number): Promise<void> {
    const recipe = this.requireRecipe(document);
    if (line !== undefined) {
      await showAtLine(recipe.uri, line);
      return;
    }
    const reaching = (recipe.summary?.overrides ?? []).filter((o) => layer !== undefined && o.layers.includes(layer));
    // The last match wins.
    const override = reaching.at(-1);
    const text = await vscode.workspace.openTextDocument(recipe.uri);
    const start = text.positionAt(override?.offset ?? 0);
    await vscode.window.showTextDocument(text, {
      viewColumn: vscode.ViewColumn.Beside,
      ...(override === undefined ? {} : { selection: new vscode.Range(start, start) }),
    });
  }

  /** Opens the lock of the recipe in use where it decides on the layer. */
  async openLock(document: ModelDocument, layer: string): Promise<void> {
    const found = await document.lockEntry(layer);
    if (found?.entry === undefined) {
      throw extensionError('extension/no-lock', vscode.l10n.t('No lock says anything of this layer: run Optimize.'));
    }
    await showAtLine(vscode.Uri.file(found.path), found.entry.line);
  }

  /** Writes a first recipe beside the model and opens it; an existing file is opened, not written over. */
  async createRecipe(model: vscode.Uri, document?: ModelDocument): Promise<vscode.Uri> {
    requireTrust();
    if (model.scheme !== 'file') {
      throw extensionError('extension/not-on-disk', vscode.l10n.t('The model is not on a disk of this machine.'));
    }
    const { path, text } = await this.services.worker.request('model/initRecipe', { path: model.fsPath });
    const uri = vscode.Uri.file(path);
    if (!(await exists(uri))) {
      await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text));
    }
    document?.chooseRecipe(uri.fsPath);
    await vscode.window.showTextDocument(uri, { viewColumn: vscode.ViewColumn.Beside });
    return uri;
  }

  async startJob(document: ModelDocument, kind: 'analyze' | 'allocate' | 'run'): Promise<Job> {
    return this.services.jobs.start(kind, this.requireRecipe(document).uri);
  }

  cancelJob(id: JobId): void {
    this.services.jobs.find(id)?.cancel();
  }

  async showJobLog(id: JobId): Promise<void> {
    const job = this.services.jobs.find(id);
    if (job !== undefined) {
      await vscode.window.showTextDocument(job.logUri, { preview: true });
    }
  }

  /** Asks where to and copies the file there: the bytes go from disk to disk. */
  async exportModel(document: ModelDocument): Promise<vscode.Uri | undefined> {
    const source = await this.compressedModel(document);
    const target = await vscode.window.showSaveDialog({
      defaultUri: source,
      filters: { ONNX: ['onnx'] },
      title: vscode.l10n.t('Export Compressed Model'),
    });
    return target === undefined ? undefined : this.copyModel(document, source, target);
  }

  /** Copies the compressed model and its data files. Refuses to write over the original. */
  async copyModel(document: ModelDocument, source: vscode.Uri, target: vscode.Uri): Promise<vscode.Uri> {
    if (target.toString() === source.toString()) {
      return target;
    }
    if (target.toString() === document.uri.toString()) {
      throw extensionError(
        'extension/edit-refused',
        vscode.l10n.t('The original model is never written over: choose another name.'),
      );
    }
    await copyModelFiles(this.services.worker, source, target);
    vscode.window.setStatusBarMessage(vscode.l10n.t('Exported {0}', baseName(target)), 5000);
    return target;
  }

  async openCompressed(document: ModelDocument): Promise<void> {
    await this.openModel(await this.compressedModel(document));
  }

  async openModel(uri: vscode.Uri): Promise<void> {
    await vscode.commands.executeCommand('vscode.openWith', uri, EDITOR_VIEW_TYPE);
  }

  /** Opens the comparison of a model with one it belongs to; what is older or came first stands on the left. */
  async compareRelated(document: ModelDocument, relation: RelatedModel['relation']): Promise<void> {
    const other = document.related(relation);
    if (other === undefined) {
      throw extensionError('extension/no-model', vscode.l10n.t('There is no such model to compare with any more.'));
    }
    const otherFirst = relation === 'float' || (relation === 'diff' && other.scheme !== 'file');
    await vscode.commands.executeCommand(
      'lathe.compareModels',
      ...(otherFirst ? [other, document.uri] : [document.uri, other]),
    );
  }

  async openReport(recipe: vscode.Uri, format?: ReportFormat): Promise<void> {
    const uri = await this.reportFile(recipe, format);
    if (uri.path.endsWith('.md')) {
      await vscode.commands.executeCommand('markdown.showPreview', uri);
    } else if (uri.path.endsWith('.html')) {
      await vscode.env.openExternal(uri);
    } else {
      await vscode.window.showTextDocument(uri);
    }
  }

  async revealReport(recipe: vscode.Uri): Promise<void> {
    await vscode.commands.executeCommand('revealInExplorer', await this.reportFile(recipe, undefined));
  }

  /** A webview may only point at files below the folders of its model and recipe. */
  async revealFile(document: ModelDocument, path: string): Promise<void> {
    const folders = [dirname(document.uri.fsPath), ...(document.recipe ? [dirname(document.recipe.uri.fsPath)] : [])];
    if (folders.some((folder) => isBelow(folder, path))) {
      await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(path));
    }
  }

  private async reportFile(recipe: vscode.Uri, format: ReportFormat | undefined): Promise<vscode.Uri> {
    const { files } = await this.services.worker.request('report/read', { recipePath: recipe.fsPath });
    const path = format === undefined ? (files.markdown ?? files.html ?? files.json) : files[format];
    if (path === undefined) {
      throw extensionError('extension/no-report', vscode.l10n.t('No report yet: run Optimize.'));
    }
    return vscode.Uri.file(path);
  }

  /** The model of the last run. */
  async compressedModel(document: ModelDocument): Promise<vscode.Uri> {
    const recipePath = this.requireRecipe(document).uri.fsPath;
    const { view } = await this.services.worker.request('report/read', { recipePath });
    const uri = view === undefined ? undefined : vscode.Uri.file(view.modelPath);
    if (uri === undefined || !(await exists(uri))) {
      throw extensionError('extension/no-report', vscode.l10n.t('Nothing to export yet: run Optimize.'));
    }
    return uri;
  }
}

/** Beside the model, with the cursor at the start of the line. */
async function showAtLine(uri: vscode.Uri, line: number): Promise<void> {
  const start = new vscode.Position(Math.max(0, line - 1), 0);
  await vscode.window.showTextDocument(uri, {
    viewColumn: vscode.ViewColumn.Beside,
    selection: new vscode.Range(start, start),
  });
}

function isBelow(folder: string, path: string): boolean {
  const steps = relative(folder, path);
  return steps !== '' && !isAbsolute(steps) && steps !== '..' && !steps.startsWith(`..${sep}`);
}
