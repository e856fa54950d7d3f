import * as vscode from 'vscode';
import type { EditorActions } from './editorActions';
import { EditorPanel } from './editorPanel';
import { EDITOR_VIEW_TYPE } from './fileNames';
import { settings } from './settings';
import { ModelDocument, type DocumentServices } from './modelDocument';

/** The read-only editor for `*.onnx`: one document a file, any number of views of it. */
export class ModelEditorProvider implements vscode.CustomReadonlyEditorProvider<ModelDocument> {
  private readonly panels = new Set<EditorPanel>();
  private last: EditorPanel | undefined;
  /** Right sides of diffs whose comparison was opened. */
  private readonly compared = new WeakSet<vscode.WebviewPanel>();
  /** Layers to select in models that are being opened, by uri. */
  private readonly wanted = new Map<string, string>();

  constructor(
    private readonly assets: vscode.Uri,
    private readonly services: DocumentServices,
    private readonly actions: EditorActions,
  ) {}

  register(): vscode.Disposable {
    return vscode.window.registerCustomEditorProvider(EDITOR_VIEW_TYPE, this, {
      supportsMultipleEditorsPerDocument: true,
    });
  }

  /** The view in front. */
  get active(): EditorPanel | undefined {
    return [...this.panels].find((panel) => panel.panel.active);
  }

  /** The view in front, else the one that was last: behind the walkthrough, whose buttons are about it. */
  get latest(): EditorPanel | undefined {
    return this.active ?? this.last;
  }

  find(uri: vscode.Uri): EditorPanel | undefined {
    return [...this.panels].find((panel) => panel.document.uri.toString() === uri.toString());
  }

  /** Shows a model, with this layer selected where one is named: the view that is open, or a new one beside what is in front. */
  async openLayer(uri: vscode.Uri, layer?: string): Promise<void> {
    const open = this.find(uri);
    if (open !== undefined) {
      if (layer !== undefined) {
        open.showLayer(layer);
      }
      open.panel.reveal(undefined, false);
      return;
    }
    if (layer !== undefined) {
      this.wanted.set(uri.toString(), layer);
    }
    await vscode.commands.executeCommand('vscode.openWith', uri, EDITOR_VIEW_TYPE, vscode.ViewColumn.Beside);
  }

  openCustomDocument(uri: vscode.Uri): ModelDocument {
    return new ModelDocument(uri, this.services);
  }

  resolveCustomEditor(document: ModelDocument, panel: vscode.WebviewPanel): void {
    const view = new EditorPanel(document, panel, this.assets, this.actions, this.services.log);
    this.panels.add(view);
    this.last = view;
    const layer = this.wanted.get(document.uri.toString());
    if (layer !== undefined) {
      this.wanted.delete(document.uri.toString());
      view.showLayer(layer);
    }
    panel.onDidChangeViewState(() => {
      if (panel.active) {
        this.last = view;
      }
      this.pairSides();
    });
    panel.onDidDispose(() => {
      this.panels.delete(view);
      if (this.last === view) {
        this.last = undefined;
      }
      view.dispose();
      this.pairSides();
    });
    this.pairSides();
  }

  /**
   * VS Code shows two models beside each other in a diff editor without telling that it does. An editor group has one
   * editor in sight, so two that are in sight in the same group are the sides of a diff.
   */
  private pairSides(): void {
    const visible = [...this.panels].filter(({ panel }) => panel.visible);
    for (const { document, panel } of this.panels) {
      const other = visible.find(
        (view) => view.panel !== panel && view.panel.viewColumn === panel.viewColumn && view.document !== document,
      );
      document.setOtherSide(panel.visible ? other?.document.uri : undefined);
      if (other !== undefined && panel.visible) {
        void this.compareOnce(panel, document.uri, other);
      }
    }
  }

  /**
   * A diff of two versions is there to be compared: their comparison opens in front of it, once; behind it both sides stay to
   * be looked at. Only for versions of one file: of two files either may be meant to come first.
   */
  private async compareOnce(panel: vscode.WebviewPanel, uri: vscode.Uri, other: EditorPanel): Promise<void> {
    const isSide =
      uri.path === other.document.uri.path && uri.scheme === 'file' && other.document.uri.scheme !== 'file';
    if (!isSide || this.compared.has(panel) || !settings.compareDiffs() || !isDiffInFront(panel.viewColumn)) {
      return;
    }
    this.compared.add(panel);
    await vscode.commands.executeCommand('lathe.compareModels', other.document.uri, uri);
  }
}

/** Whether the tab in front of a group is no single custom editor: VS Code has no name for a diff of two of them. */
function isDiffInFront(column: vscode.ViewColumn | undefined): boolean {
  const group = vscode.window.tabGroups.all.find(({ viewColumn }) => viewColumn === column);
  return group?.activeTab !== undefined && !(group.activeTab.input instanceof vscode.TabInputCustom);
}
