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
    panel.onDidDispose(() => {
      this.panels.delete(view);
      view.dispose();
    });
  }
}
