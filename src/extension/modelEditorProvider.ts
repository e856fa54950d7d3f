import * as vscode from 'vscode';
import type { EditorActions } from './editorActions';
import { EditorPanel } from './editorPanel';
import { EDITOR_VIEW_TYPE } from './fileNames';
import { ModelDocument, type DocumentServices } from './modelDocument';

/** The read-only editor for `*.onnx`: one document a file, any number of views of it. */
export class ModelEditorProvider implements vscode.CustomReadonlyEditorProvider<ModelDocument> {
  private readonly panels = new Set<EditorPanel>();

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

  find(uri: vscode.Uri): EditorPanel | undefined {
    return [...this.panels].find((panel) => panel.document.uri.toString() === uri.toString());
  }

  openCustomDocument(uri: vscode.Uri): ModelDocument {
    return new ModelDocument(uri, this.services);
  }

  resolveCustomEditor(document: ModelDocument, panel: vscode.WebviewPanel): void {
    const view = new EditorPanel(document, panel, this.assets, this.actions, this.services.log);
    this.panels.add(view);
    panel.onDidChangeViewState(() => this.pairSides());
    panel.onDidDispose(() => {
      this.panels.delete(view);
      view.dispose();
      this.pairSides();
    });
    this.pairSides();
  }

  /** Opens a model, and shows one of its layers. */
  async openLayer(uri: vscode.Uri, layer?: string): Promise<void> {
    await vscode.commands.executeCommand('vscode.openWith', uri, EDITOR_VIEW_TYPE);
    if (layer !== undefined) {
      const views = [...this.panels].filter(({ document }) => document.uri.toString() === uri.toString());
      (views.find(({ panel }) => panel.active) ?? views.at(-1))?.showLayer(layer);
    }
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
    }
  }
}
