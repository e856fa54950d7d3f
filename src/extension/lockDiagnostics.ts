import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { DocumentChecks } from './documentChecks';
import { isLock } from './fileNames';
import type { Log } from './log';
import { toDiagnostic } from './recipeDiagnostics';
import type { RecipeIndex } from './recipeIndex';
import type { WorkerClient } from './workerClient';

/** A lock, its recipe and its report are written one after the other. */
const SETTLE_MS = 300;

/** Problems of open locks: a damaged one, and what made one stale, at the field that says so. Trusted workspaces only. */
export class LockDiagnostics implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly collection = this.store.add(vscode.languages.createDiagnosticCollection('lathe-lock'));
  private readonly checks: DocumentChecks;

  constructor(
    private readonly worker: WorkerClient,
    recipes: RecipeIndex,
    log: Log,
  ) {
    this.checks = this.store.add(new DocumentChecks((document, signal) => this.check(document, signal), log));
    this.store.add(recipes.onDidChange(() => this.scheduleAll()));
    this.store.add(vscode.workspace.onDidOpenTextDocument((document) => this.schedule(document)));
    this.store.add(vscode.workspace.onDidChangeTextDocument(({ document }) => this.schedule(document)));
    this.store.add(vscode.workspace.onDidSaveTextDocument(() => this.scheduleAll()));
    this.store.add(vscode.workspace.onDidCloseTextDocument((document) => this.forget(document)));
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.scheduleAll()));
    this.scheduleAll();
  }

  dispose(): void {
    this.store.dispose();
  }

  private scheduleAll(): void {
    for (const document of vscode.workspace.textDocuments) {
      this.schedule(document);
    }
  }

  private schedule(document: vscode.TextDocument): void {
    if (!isLock(document.uri) || document.uri.scheme !== 'file' || !vscode.workspace.isTrusted) {
      return;
    }
    this.checks.schedule(document, SETTLE_MS);
  }

  private async check(document: vscode.TextDocument, signal: AbortSignal): Promise<void> {
    const { version } = document;
    const params = { path: document.uri.fsPath, text: document.getText() };
    const { diagnostics } = await this.worker.request('lock/outlook', params, signal);
    if (!signal.aborted && document.version === version && !document.isClosed) {
      this.collection.set(
        document.uri,
        diagnostics.map((data) => toDiagnostic(document, data)),
      );
    }
  }

  private forget(document: vscode.TextDocument): void {
    this.checks.stop(document);
    this.collection.delete(document.uri);
  }
}
