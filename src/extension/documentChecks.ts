import type * as vscode from 'vscode';
import { isCancellation, toWireError } from './errors';
import type { Log } from './log';

/** Checks of open documents that wait until typing settles: one a document, the latest; an earlier one is cancelled. */
export class DocumentChecks implements vscode.Disposable {
  private readonly pending = new Map<string, { timer: NodeJS.Timeout; abort: AbortController }>();

  constructor(
    private readonly check: (document: vscode.TextDocument, signal: AbortSignal) => Promise<void>,
    private readonly log: Log,
  ) {}

  schedule(document: vscode.TextDocument, delay: number): void {
    this.stop(document);
    const abort = new AbortController();
    const timer = setTimeout(() => {
      this.check(document, abort.signal).catch((error: unknown) => {
        if (!isCancellation(error)) {
          this.log.error(`${document.uri.fsPath}: ${toWireError(error).message}`);
        }
      });
    }, delay);
    this.pending.set(document.uri.toString(), { timer, abort });
  }

  stop(document: vscode.TextDocument): void {
    this.cancel(document.uri.toString());
  }

  dispose(): void {
    for (const key of [...this.pending.keys()]) {
      this.cancel(key);
    }
  }

  private cancel(key: string): void {
    const pending = this.pending.get(key);
    if (pending !== undefined) {
      clearTimeout(pending.timer);
      pending.abort.abort();
      this.pending.delete(key);
    }
  }
}
