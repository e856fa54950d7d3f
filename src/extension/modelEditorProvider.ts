import * as vscode from 'vscode';
import type { EditorActions } from './editorActions';
import { EditorPanel } from './editorPanel';
import { EDITOR_VIEW_TYPE } from './fileNames';
import { ModelDocument, type DocumentServices } from './modelDocument';

/** The read-only editor for `*.onnx`: one document a file, any number of views of it. */
export class ModelEditorProvider implements vscode.CustomReadonlyEditorProvider<ModelDocument> {
  private readonly panels = new Set<EditorPanel>();
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

  find(uri: vscode.Uri): EditorPanel | undefined {
    return [...this.panels].find((panel) => panel.document.uri.toString() === uri.toString());
  }

  /** Shows a model with this layer selected: the view that is open, or a new one beside what is in front. */
  async openLayer(uri: vscode.Uri, layer: string): Promise<void> {
    const open = this.find(uri);
    if (open !== undefined) {
      open.document.selectLayer(layer);
      open.panel.reveal(undefined, false);
      return;
    }
    this.wanted.set(uri.toString(), layer);
    await vscode.commands.executeCommand('vscode.openWith', uri, EDITOR_VIEW_TYPE, vscode.ViewColumn.Beside);
  }

  openCustomDocument(uri: vscode.Uri): ModelDocument {
    return new ModelDocument(uri, this.services);
  }

  resolveCustomEditor(document: ModelDocument, panel: vscode.WebviewPanel): void {
    const view = new EditorPanel(document, panel, this.assets, this.actions, this.services.log);
    this.panels.add(view);
    const layer = this.wanted.get(document.uri.toString());
    if (layer !== undefined) {
      this.wanted.delete(document.uri.toString());
      document.selectLayer(layer);
    }
    panel.onDidDispose(() => {
      this.panels.delete(view);
      view.dispose();
    });
  }
}
