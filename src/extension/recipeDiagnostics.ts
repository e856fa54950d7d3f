import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import type { RecipeDiagnostic } from '../protocol/job';
import { DocumentChecks } from './documentChecks';
import { isRecipe } from './fileNames';
import type { Log } from './log';
import type { RecipeIndex } from './recipeIndex';
import type { WorkerClient } from './workerClient';

/** Typing settles before the text is parsed. */
const DEBOUNCE_MS = 300;

/** Problems of open recipes, as they are typed. */
export class RecipeDiagnostics implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly collection = this.store.add(vscode.languages.createDiagnosticCollection('lathe'));
  /** What mends the problems on show, by document and place. */
  private readonly fixes = new Map<
    string,
    ReadonlyMap<string, { readonly range: vscode.Range; readonly text: string }>
  >();
  private readonly checks: DocumentChecks;

  constructor(
    private readonly worker: WorkerClient,
    recipes: RecipeIndex,
    log: Log,
  ) {
    this.checks = this.store.add(new DocumentChecks((document, signal) => this.check(document, signal), log));
    // Locks, reports and other recipes' files change what a recipe leads to.
    this.store.add(recipes.onDidChange(() => this.scheduleAll()));
    this.store.add(vscode.workspace.onDidOpenTextDocument((document) => this.schedule(document, 0)));
    this.store.add(vscode.workspace.onDidChangeTextDocument(({ document }) => this.schedule(document, DEBOUNCE_MS)));
    this.store.add(vscode.workspace.onDidSaveTextDocument((document) => this.schedule(document, 0)));
    this.store.add(vscode.workspace.onDidCloseTextDocument((document) => this.forget(document)));
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.scheduleAll()));
    this.scheduleAll();
  }

  dispose(): void {
    this.store.dispose();
  }

  /** The edit that mends a problem; undefined where a person must decide. */
  fixOf(
    document: vscode.TextDocument,
    diagnostic: vscode.Diagnostic,
  ): { readonly range: vscode.Range; readonly text: string } | undefined {
    return this.fixes.get(document.uri.toString())?.get(placeKey(diagnostic));
  }

  private scheduleAll(): void {
    for (const document of vscode.workspace.textDocuments) {
      this.schedule(document, 0);
    }
  }

  private schedule(document: vscode.TextDocument, delay: number): void {
    if (!isRecipe(document.uri) || document.uri.scheme !== 'file') {
      return;
    }
    this.checks.schedule(document, delay);
  }

  private async check(document: vscode.TextDocument, signal: AbortSignal): Promise<void> {
    const { version } = document;
    const { diagnostics } = await this.worker.request(
      'recipe/parse',
      { path: document.uri.fsPath, text: document.getText(), followExternalData: vscode.workspace.isTrusted },
      signal,
    );
    const isCurrent = () => !signal.aborted && document.version === version && !document.isClosed;
    const show = (all: readonly RecipeDiagnostic[]) => {
      if (isCurrent()) {
        const fixes = new Map<string, { readonly range: vscode.Range; readonly text: string }>();
        const shown = all.map((data) => {
          const diagnostic = toDiagnostic(document, data);
          if (data.fix !== undefined) {
            const { text, offset = data.offset, length = data.length } = data.fix;
            fixes.set(placeKey(diagnostic), { range: rangeOf(document, offset, length), text });
          }
          return diagnostic;
        });
        this.fixes.set(document.uri.toString(), fixes);
        this.collection.set(document.uri, shown);
      }
    };
    show(diagnostics);
    const hasErrors = diagnostics.some((diagnostic) => diagnostic.severity === 'error');
    if (isCurrent() && !hasErrors && !document.isDirty && vscode.workspace.isTrusted) {
      const outlook = await this.worker.request('recipe/outlook', { recipePath: document.uri.fsPath }, signal);
      show([...diagnostics, ...outlook.diagnostics]);
    }
  }

  private forget(document: vscode.TextDocument): void {
    this.checks.stop(document);
    this.fixes.delete(document.uri.toString());
    this.collection.delete(document.uri);
  }
}

export function toDiagnostic(document: vscode.TextDocument, data: RecipeDiagnostic): vscode.Diagnostic {
  const range = rangeOf(document, data.offset, data.length);
  const diagnostic = new vscode.Diagnostic(range, data.message, severities[data.severity]);
  diagnostic.code = data.code;
  diagnostic.source = 'lathe';
  return diagnostic;
}

function rangeOf(document: vscode.TextDocument, offset: number, length: number): vscode.Range {
  return new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
}

/** VS Code hands diagnostics back as copies: code and place tell them apart. */
function placeKey({ code, range: { start, end } }: vscode.Diagnostic): string {
  return JSON.stringify([code, start.line, start.character, end.line, end.character]);
}

const severities = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
};
