import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import type { RecipeDiagnostic } from '../protocol/job';
import type { RecipeSummary } from '../protocol/workerProtocol';
import { baseName, EXCLUDED_GLOB, isRecipe, OUTCOME_GLOB, parentOf, RECIPE_GLOB, samePath } from './fileNames';
import type { WorkerClient } from './workerClient';

export interface ParsedRecipeFile {
  readonly uri: vscode.Uri;
  readonly name: string;
  readonly text: string;
  readonly diagnostics: readonly RecipeDiagnostic[];
  readonly summary: RecipeSummary | undefined;
}

/** A recipe is a page or two; what is larger is not read. */
const LARGEST_RECIPE = 4 * 1024 * 1024;
/** A workspace with more recipes than this is listed in part. */
const MOST_RECIPES = 500;

/** The recipes of the workspace and beside open models, parsed by the background process as they are on disk. */
export class RecipeIndex implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly parsed = new Map<string, { readonly stamp: string; readonly file: Promise<ParsedRecipeFile> }>();
  private readonly didChange = this.store.add(new vscode.EventEmitter<vscode.Uri>());
  /** A recipe, its lock or its report changed on disk. */
  readonly onDidChange = this.didChange.event;
  private watching = false;

  constructor(private readonly worker: WorkerClient) {}

  /** Recipes whose model is this file, those beside it first, then by path. */
  async forModel(model: vscode.Uri): Promise<ParsedRecipeFile[]> {
    this.watch();
    const found = new Map<string, vscode.Uri>();
    const folder = parentOf(model);
    for (const uri of [...(await this.beside(folder)), ...(await this.inWorkspace())]) {
      found.set(uri.toString(), uri);
    }
    const files = await Promise.all(
      [...found.values()].filter(({ scheme }) => scheme === model.scheme).map((uri) => this.read(uri)),
    );
    return files
      .filter((file) => file?.summary !== undefined && samePath(file.summary.modelPath, model.fsPath))
      .map((file) => file!);
  }

  /** Recipes that may have to do with a model: those beside it, in the folders around it, and of the workspace. */
  async near(model: vscode.Uri): Promise<vscode.Uri[]> {
    this.watch();
    const found = new Map<string, vscode.Uri>();
    const folder = parentOf(model);
    for (const uris of [await this.beside(folder), await this.beside(parentOf(folder)), await this.inWorkspace()]) {
      for (const uri of uris) {
        found.set(uri.toString(), uri);
      }
    }
    return [...found.values()];
  }

  async inWorkspace(): Promise<vscode.Uri[]> {
    this.watch();
    const uris = await vscode.workspace.findFiles(RECIPE_GLOB, EXCLUDED_GLOB, MOST_RECIPES);
    return uris.sort((a, b) => a.path.localeCompare(b.path));
  }

  /** `undefined` when the file cannot be read. Parsed again only when it changed. */
  async read(uri: vscode.Uri): Promise<ParsedRecipeFile | undefined> {
    const key = uri.toString();
    try {
      const stat = await vscode.workspace.fs.stat(uri);
      const stamp = `${stat.mtime}:${stat.size}:${vscode.workspace.isTrusted}`;
      const known = this.parsed.get(key);
      if (known?.stamp === stamp) {
        return await known.file;
      }
      if (stat.size > LARGEST_RECIPE) {
        return undefined;
      }
      const file = this.parse(uri);
      this.parsed.set(key, { stamp, file });
      return await file;
    } catch {
      // Gone between the listing and the reading, or the background process failed: both are shown where they matter.
      this.parsed.delete(key);
      return undefined;
    }
  }

  dispose(): void {
    this.store.dispose();
  }

  private async parse(uri: vscode.Uri): Promise<ParsedRecipeFile> {
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
    const { diagnostics, summary } = await this.worker.request('recipe/parse', {
      path: uri.fsPath,
      text,
      followExternalData: vscode.workspace.isTrusted,
    });
    return { uri, name: baseName(uri), text, diagnostics, summary };
  }

  private async beside(folder: vscode.Uri): Promise<vscode.Uri[]> {
    try {
      const entries = await vscode.workspace.fs.readDirectory(folder);
      return entries
        .filter(([, type]) => (type & vscode.FileType.File) !== 0)
        .map(([name]) => vscode.Uri.joinPath(folder, name))
        .filter(isRecipe)
        .sort((a, b) => a.path.localeCompare(b.path));
    } catch {
      // A folder that cannot be listed has no recipes to offer.
      return [];
    }
  }

  /** From now on `onDidChange` tells of changes; asking for recipes starts it too. */
  watch(): void {
    if (this.watching) {
      return;
    }
    this.watching = true;
    const changed = (uri: vscode.Uri) => this.didChange.fire(uri);
    for (const glob of [RECIPE_GLOB, OUTCOME_GLOB]) {
      const watcher = this.store.add(vscode.workspace.createFileSystemWatcher(glob));
      this.store.add(watcher.onDidChange(changed));
      this.store.add(watcher.onDidCreate(changed));
      this.store.add(watcher.onDidDelete(changed));
    }
  }
}
