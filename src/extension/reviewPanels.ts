import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import type { ReviewTarget } from '../protocol/review';
import { recipeOfOutcome, requireOnDisk, REVIEW_VIEW_TYPE } from './fileNames';
import { ReviewPanel, type ReviewServices } from './reviewPanel';
import { parseTarget } from './reviewTarget';

/** The review panels of the window, one for each thing compared; VS Code brings them back after a reload. */
export class ReviewPanels implements vscode.WebviewPanelSerializer, vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly panels = new Set<ReviewPanel>();

  constructor(
    private readonly assets: vscode.Uri,
    private readonly services: ReviewServices,
  ) {
    this.store.add(vscode.window.registerWebviewPanelSerializer(REVIEW_VIEW_TYPE, this));
  }

  /** Open panels, for tests and other extensions. */
  get all(): readonly ReviewPanel[] {
    return [...this.panels];
  }

  /** Recipe, lock and report of a recipe (or of the lock or report given) against the last commit. */
  compareWithHead(uri: vscode.Uri): ReviewPanel {
    requireOnDisk(uri);
    return this.open({ type: 'revision', recipePath: recipeOfOutcome(uri.fsPath), revision: 'HEAD' });
  }

  compareFiles(before: vscode.Uri, after: vscode.Uri): ReviewPanel {
    requireOnDisk(before);
    requireOnDisk(after);
    return this.open({ type: 'files', beforePath: before.fsPath, afterPath: after.fsPath });
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const target = parseTarget(state);
    if (target === undefined) {
      // Of an older build, or it was closed before it had anything to keep.
      panel.dispose();
    } else {
      this.add(panel, target);
    }
    return Promise.resolve();
  }

  dispose(): void {
    // The panels themselves stay: VS Code brings them back after a reload of the window.
    for (const view of this.panels) {
      view.dispose();
    }
    this.store.dispose();
  }

  private open(target: ReviewTarget): ReviewPanel {
    const open = this.all.find((view) => keyOf(view.target) === keyOf(target));
    if (open !== undefined) {
      open.panel.reveal();
      if (JSON.stringify(open.target) !== JSON.stringify(target)) {
        open.show(target);
      }
      return open;
    }
    const panel = vscode.window.createWebviewPanel(REVIEW_VIEW_TYPE, '', vscode.ViewColumn.Active);
    return this.add(panel, target);
  }

  private add(panel: vscode.WebviewPanel, target: ReviewTarget): ReviewPanel {
    const view = new ReviewPanel(panel, target, this.assets, this.services);
    this.panels.add(view);
    panel.onDidDispose(() => {
      this.panels.delete(view);
      view.dispose();
    });
    return view;
  }
}

/** A recipe has one panel, whatever it is compared with. */
function keyOf(target: ReviewTarget): string {
  return JSON.stringify(target.type === 'revision' ? [target.recipePath] : [target.beforePath, target.afterPath]);
}
