import { isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { isRecipe } from './fileNames';
import { HistoryActions } from './historyActions';
import { HistoryPanel } from './historyPanel';
import type { DocumentServices } from './modelDocument';
import type { ReviewPanels } from './reviewPanels';
import { RunDocuments } from './runDocuments';

export const HISTORY_VIEW_TYPE = 'lathe.history';

/** The histories on show, one a recipe; VS Code brings them back after a reload of the window. */
export class HistoryPanels implements vscode.WebviewPanelSerializer, vscode.Disposable {
  readonly actions: HistoryActions;
  private readonly panels = new Set<HistoryPanel>();
  private readonly store = new DisposableStore();

  constructor(
    private readonly assets: vscode.Uri,
    private readonly services: DocumentServices,
    reviews: ReviewPanels,
  ) {
    this.actions = new HistoryActions(services, reviews);
    this.store.add(vscode.window.registerWebviewPanelSerializer(HISTORY_VIEW_TYPE, this));
    this.store.add(new RunDocuments(services.worker).register());
    this.store.add({ dispose: () => this.panels.forEach((view) => view.dispose()) });
  }

  find(recipe: vscode.Uri): HistoryPanel | undefined {
    return [...this.panels].find((view) => view.recipe.toString() === recipe.toString());
  }

  /** Brings the recipe's history to the front, or opens it. */
  show(recipe: vscode.Uri): HistoryPanel {
    const known = this.find(recipe);
    if (known !== undefined) {
      known.panel.reveal();
      return known;
    }
    return this.adopt(
      recipe,
      vscode.window.createWebviewPanel(HISTORY_VIEW_TYPE, '', vscode.ViewColumn.Active, { enableFindWidget: true }),
    );
  }

  /** `state` is what the webview kept: unknown until looked at. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const path = typeof state === 'object' && state !== null && 'recipe' in state ? state.recipe : undefined;
    if (typeof path !== 'string' || !isAbsolute(path) || !isRecipe(vscode.Uri.file(path))) {
      panel.dispose();
      return Promise.resolve();
    }
    this.adopt(vscode.Uri.file(path), panel);
    return Promise.resolve();
  }

  dispose(): void {
    this.store.dispose();
  }

  private adopt(recipe: vscode.Uri, panel: vscode.WebviewPanel): HistoryPanel {
    const view = new HistoryPanel(recipe, panel, this.assets, this.services, this.actions);
    panel.iconPath = vscode.Uri.joinPath(this.assets, '..', '..', 'media', 'lathe.svg');
    this.panels.add(view);
    panel.onDidDispose(() => {
      this.panels.delete(view);
      view.dispose();
    });
    return view;
  }
}
