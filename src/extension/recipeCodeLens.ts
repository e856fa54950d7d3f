import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { RECIPE_SELECTOR } from './fileNames';
import { settings } from './settings';

/** Run · Allocate · Open model · Changes since HEAD · History, above a recipe. In restricted mode only what inspects. */
export class RecipeCodeLens implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly didChange = this.store.add(new vscode.EventEmitter<void>());
  readonly onDidChangeCodeLenses = this.didChange.event;

  constructor() {
    this.store.add(vscode.languages.registerCodeLensProvider(RECIPE_SELECTOR, this));
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.didChange.fire()));
    this.store.add(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('lathe.codeLens')) {
          this.didChange.fire();
        }
      }),
    );
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (!settings.codeLensEnabled() || document.uri.scheme !== 'file') {
      return [];
    }
    const range = new vscode.Range(0, 0, 0, 0);
    const lens = (title: string, command: string) =>
      new vscode.CodeLens(range, { title, command, arguments: [document.uri] });
    const history = lens(vscode.l10n.t('History'), 'lathe.showHistory');
    const openModel = lens(vscode.l10n.t('Open model'), 'lathe.openModel');
    if (!vscode.workspace.isTrusted) {
      return [openModel, history];
    }
    return [
      lens(`$(play) ${vscode.l10n.t('Run')}`, 'lathe.optimize'),
      lens(vscode.l10n.t('Allocate'), 'lathe.allocate'),
      openModel,
      lens(vscode.l10n.t('Changes since HEAD'), 'lathe.reviewChanges'),
      history,
    ];
  }

  dispose(): void {
    this.store.dispose();
  }
}
