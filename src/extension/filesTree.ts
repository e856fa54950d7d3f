import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { baseName, EDITOR_VIEW_TYPE, EXCLUDED_GLOB, folderWithin, MODEL_GLOB, samePath } from './fileNames';
import type { RecipeIndex } from './recipeIndex';

/** A workspace with more models than this is listed in part. */
const MOST_MODELS = 1000;

/** Models of the workspace with their recipes below them; recipes without a model stand at the end. */
export class FilesTree implements vscode.TreeDataProvider<FileNode>, vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly didChange = this.store.add(new vscode.EventEmitter<undefined>());
  readonly onDidChangeTreeData = this.didChange.event;
  private watching = false;

  constructor(private readonly recipes: RecipeIndex) {}

  register(): vscode.Disposable {
    return vscode.window.createTreeView('lathe.files', { treeDataProvider: this, showCollapseAll: true });
  }

  refresh(): void {
    this.didChange.fire(undefined);
  }

  async getChildren(node?: FileNode): Promise<FileNode[]> {
    if (node !== undefined) {
      return node.kind === 'model' ? [...node.recipes] : [];
    }
    this.watch();
    const [models, recipes] = await Promise.all([
      vscode.workspace.findFiles(MODEL_GLOB, EXCLUDED_GLOB, MOST_MODELS),
      this.recipes.inWorkspace(),
    ]);
    const files = await Promise.all(recipes.map((uri) => this.recipes.read(uri)));
    const claimed = new Set<string>();
    const nodes: FileNode[] = models
      .sort((a, b) => a.path.localeCompare(b.path))
      .map((uri) => {
        const own = recipes.filter(
          (recipe, i) => recipe.scheme === uri.scheme && samePath(files[i]?.summary?.modelPath ?? '', uri.fsPath),
        );
        own.forEach((recipe) => claimed.add(recipe.toString()));
        return { kind: 'model', uri, recipes: own.map((recipe) => ({ kind: 'recipe', uri: recipe })) };
      });
    for (const recipe of recipes) {
      if (!claimed.has(recipe.toString())) {
        nodes.push({ kind: 'recipe', uri: recipe });
      }
    }
    return nodes;
  }

  getTreeItem(node: FileNode): vscode.TreeItem {
    const hasChildren = node.kind === 'model' && node.recipes.length > 0;
    const item = new vscode.TreeItem(
      node.uri,
      hasChildren ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.None,
    );
    item.id = `${node.kind}:${node.uri.toString()}`;
    item.contextValue = node.kind;
    item.iconPath = new vscode.ThemeIcon(node.kind === 'model' ? 'symbol-structure' : 'json');
    item.description = node.kind === 'model' ? folderWithin(node.uri).replace(/^\.$/, '') : '';
    item.accessibilityInformation = { label: [baseName(node.uri), item.description].filter(Boolean).join(', ') };
    item.command =
      node.kind === 'model'
        ? { command: 'vscode.openWith', title: vscode.l10n.t('Open Model'), arguments: [node.uri, EDITOR_VIEW_TYPE] }
        : { command: 'vscode.open', title: vscode.l10n.t('Open Recipe'), arguments: [node.uri] };
    return item;
  }

  dispose(): void {
    this.store.dispose();
  }

  private watch(): void {
    if (this.watching) {
      return;
    }
    this.watching = true;
    const watcher = this.store.add(vscode.workspace.createFileSystemWatcher(MODEL_GLOB, false, true, false));
    const refresh = () => this.refresh();
    this.store.add(watcher.onDidCreate(refresh));
    this.store.add(watcher.onDidDelete(refresh));
    this.store.add(this.recipes.onDidChange(refresh));
  }
}

export type FileNode =
  | { readonly kind: 'model'; readonly uri: vscode.Uri; readonly recipes: readonly FileNode[] }
  | { readonly kind: 'recipe'; readonly uri: vscode.Uri };
