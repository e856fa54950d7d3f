import * as vscode from 'vscode';
import { ComparePanel, type CompareServices } from './comparePanel';
import { extensionError } from './errors';
import { baseName, EXCLUDED_GLOB, MODEL_GLOB } from './fileNames';
import { headVersion, placeOf } from './modelVersions';

export const COMPARE_VIEW_TYPE = 'lathe.compare';

/** More models than this are not offered: who has so many knows the path. */
const MOST_MODELS = 500;

/** The comparisons on show, and how they are opened. */
export class Comparisons implements vscode.Disposable, vscode.WebviewPanelSerializer {
  private readonly panels = new Set<ComparePanel>();

  constructor(
    private readonly assets: vscode.Uri,
    private readonly services: CompareServices,
  ) {}

  /** Comparisons that were open come back with the window. */
  register(): vscode.Disposable {
    return vscode.window.registerWebviewPanelSerializer(COMPARE_VIEW_TYPE, this);
  }

  get all(): readonly ComparePanel[] {
    return [...this.panels];
  }

  /** Shows the comparison of two models; one that is open already comes to the front. */
  open(before: vscode.Uri, after: vscode.Uri): ComparePanel {
    if (before.toString() === after.toString()) {
      throw extensionError('extension/no-model', vscode.l10n.t('A model is compared with another one: choose two.'));
    }
    const open = this.all.find((panel) => panel.shows(before, after));
    if (open !== undefined) {
      open.panel.reveal();
      return open;
    }
    const panel = vscode.window.createWebviewPanel(
      COMPARE_VIEW_TYPE,
      `${baseName(before)} ↔ ${baseName(after)}`,
      vscode.ViewColumn.Active,
    );
    return this.adopt(panel, before, after);
  }

  /** Asks for what is not given. */
  async pickAndOpen(given: readonly vscode.Uri[]): Promise<ComparePanel | undefined> {
    const models = given.filter(({ path }) => /\.onnx$/i.test(path));
    const before = models[0] ?? (await pickModel(vscode.l10n.t('Compare which model?'), undefined));
    const after =
      before && (models[1] ?? (await pickModel(vscode.l10n.t('Compare {0} with…', baseName(before)), before)));
    return before === undefined || after === undefined ? undefined : this.open(before, after);
  }

  async openWithHead(uri: vscode.Uri): Promise<ComparePanel> {
    const file = uri.scheme === 'file' ? uri : vscode.Uri.file(uri.fsPath);
    const head = await headVersion(file);
    if (head === undefined) {
      throw extensionError(
        'extension/no-git',
        vscode.l10n.t('{0} is in no git repository that VS Code has open.', baseName(file)),
      );
    }
    return this.open(head, file);
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { before, after } = (typeof state === 'object' && state !== null ? state : {}) as Record<string, unknown>;
    if (typeof before === 'string' && typeof after === 'string') {
      this.adopt(panel, vscode.Uri.parse(before, true), vscode.Uri.parse(after, true));
    } else {
      panel.dispose(); // It never came to say what it compares.
    }
    return Promise.resolve();
  }

  dispose(): void {
    for (const panel of this.all) {
      panel.dispose();
    }
  }

  private adopt(panel: vscode.WebviewPanel, before: vscode.Uri, after: vscode.Uri): ComparePanel {
    const view = new ComparePanel(panel, { before, after }, this.assets, this.services);
    this.panels.add(view);
    panel.onDidDispose(() => {
      this.panels.delete(view);
      view.dispose();
    });
    return view;
  }
}

interface ModelItem extends vscode.QuickPickItem {
  readonly uri?: vscode.Uri;
}

/** A model of the workspace, or any other from a dialog. */
async function pickModel(title: string, except: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(MODEL_GLOB, EXCLUDED_GLOB, MOST_MODELS);
  const items: ModelItem[] = found
    .filter((uri) => uri.toString() !== except?.toString())
    .sort((a, b) => a.path.localeCompare(b.path))
    .map((uri) => ({ label: baseName(uri), description: placeOf(uri), uri }));
  items.push({ label: vscode.l10n.t('Browse…'), alwaysShow: true });
  const picked = await vscode.window.showQuickPick(items, { title, matchOnDescription: true });
  if (picked === undefined || picked.uri !== undefined) {
    return picked?.uri;
  }
  const chosen = await vscode.window.showOpenDialog({ title, filters: { ONNX: ['onnx'] }, canSelectMany: false });
  return chosen?.[0];
}
