import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { Channel, type Handlers } from '../protocol/channel';
import {
  REVIEW_PROTOCOL_VERSION,
  type DiffView,
  type ReviewHostSide,
  type ReviewState,
  type ReviewTarget,
  type ReviewViewSide,
} from '../protocol/review';
import type { ActionState } from '../protocol/webviewProtocol';
import { extensionError, isCancellation, toWireError } from './errors';
import { exists, samePath } from './fileNames';
import { onDidOpenRepository, type FileHistory } from './gitHistory';
import type { DocumentServices } from './modelDocument';
import type { ModelEditorProvider } from './modelEditorProvider';
import { chooseRevision, chooseTwoFiles } from './reviewChoices';
import { readReview } from './reviewReader';
import { pairsOf, recipePathOf, shownPath, titleOf } from './reviewTarget';
import { logViewErrors, panelLink } from './panelLink';
import { webviewHtml } from './webviewHtml';
import { parseText } from './webviewInput';

export interface ReviewServices extends DocumentServices {
  readonly editors: ModelEditorProvider;
}

/** A run writes lock, report and model one after the other. */
const SETTLE_MS = 250;

/** One panel: what it compares, kept up to date, and what its buttons do. */
export class ReviewPanel implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly watched = this.store.add(new DisposableSlot());
  private readonly listening = this.store.add(new DisposableSlot());
  private readonly channel: Channel<ReviewHostSide, ReviewViewSide>;
  private readonly didChange = this.store.add(new vscode.EventEmitter<ReviewState>());
  /** The state was read anew. */
  readonly onDidChange = this.didChange.event;
  private current: ReviewState;
  private reading = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private copied = '';
  private modelPath: string | undefined;
  private history: FileHistory | undefined;
  private isReady = false;

  constructor(
    readonly panel: vscode.WebviewPanel,
    target: ReviewTarget,
    assets: vscode.Uri,
    private readonly services: ReviewServices,
  ) {
    this.current = emptyState(target);
    const { webview } = panel;
    const { log, recipes } = services;
    webview.options = { enableScripts: true, localResourceRoots: [assets] };
    this.channel = this.store.add(
      new Channel<ReviewHostSide, ReviewViewSide>(
        panelLink(panel, 'the panel was closed'),
        this.handlers(),
        {
          'view/error': logViewErrors(log, 'webview'),
        },
        { version: REVIEW_PROTOCOL_VERSION, toErrorData: toWireError, log: (message) => log.warn(message) },
      ),
    );
    this.store.add(recipes.onDidChange((uri) => this.fileChanged(uri)));
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.show(this.target)));
    this.store.add({
      dispose: () => {
        this.reading.abort();
        clearTimeout(this.timer);
      },
    });
    this.watchRepositories();
    this.show(target);
    webview.html = webviewHtml(webview, assets, 'review');
  }

  get target(): ReviewTarget {
    return this.current.target;
  }

  get state(): ReviewState {
    return this.current;
  }

  /** What its button copies. */
  get markdown(): string {
    return this.copied;
  }

  /** Compares something else from now on. */
  show(target: ReviewTarget): void {
    this.update(emptyState(target));
    this.panel.title = vscode.l10n.t('Changes: {0}', titleOf(target));
    this.watch();
    this.refresh();
  }

  dispose(): void {
    this.store.dispose();
  }

  private refresh(): void {
    clearTimeout(this.timer);
    this.reading.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    this.read(signal).catch((error: unknown) => {
      if (!isCancellation(error) && !signal.aborted) {
        this.update({ ...this.current, status: 'ready', problem: toWireError(error).message });
      }
    });
  }

  private async read(signal: AbortSignal): Promise<void> {
    const { worker } = this.services;
    const { target } = this;
    const [review, stale, modelPath] = await Promise.all([
      readReview(target, worker, signal),
      this.staleReasons(signal),
      this.findModel(),
    ]);
    if (signal.aborted) {
      return;
    }
    this.copied = review.markdown;
    this.modelPath = modelPath;
    this.follow(review.history);
    const { problem } = review;
    this.update({
      ...emptyState(target),
      status: 'ready',
      ...(problem === undefined ? {} : { problem }),
      parts: review.parts,
      stale,
      actions: this.actions(),
    });
  }

  private actions(): ReviewState['actions'] {
    return {
      allocate: vscode.workspace.isTrusted
        ? enabled
        : no(vscode.l10n.t('Restricted mode: inspection only. Trust the workspace to run jobs.')),
      openLayer: this.modelPath === undefined ? no(vscode.l10n.t('The model of the recipe cannot be found.')) : enabled,
      copyMarkdown: this.copied === '' ? no(vscode.l10n.t('Nothing was compared.')) : enabled,
    };
  }

  /** In restricted mode neither model nor data is read. */
  private async staleReasons(signal: AbortSignal): Promise<readonly string[]> {
    const recipePath = recipePathOf(this.target);
    if (recipePath === undefined || !vscode.workspace.isTrusted || !(await exists(vscode.Uri.file(recipePath)))) {
      return [];
    }
    try {
      return (await this.services.worker.request('recipe/lockState', { recipePath }, signal)).problems;
    } catch (error) {
      if (isCancellation(error)) {
        throw error;
      }
      // A recipe or model that cannot be read: the comparison says so where it matters.
      this.services.log.warn(`${recipePath}: ${toWireError(error).message}`);
      return [];
    }
  }

  private async findModel(): Promise<string | undefined> {
    const { target } = this;
    if (target.type === 'files' && /\.onnx$/i.test(target.afterPath)) {
      return target.afterPath;
    }
    const recipePath = recipePathOf(target);
    const recipe = recipePath === undefined ? undefined : await this.services.recipes.read(vscode.Uri.file(recipePath));
    const path = recipe?.summary?.modelPath;
    return path !== undefined && (await exists(vscode.Uri.file(path))) ? path : undefined;
  }

  /** Files that are compared, wherever they are: the index of recipes watches the workspace only. */
  private watch(): void {
    const folders = new Set(this.files().map((path) => dirname(path)));
    const watchers = [...folders].map((folder) => {
      const pattern = new vscode.RelativePattern(vscode.Uri.file(folder), '*.{json,onnx}');
      const watcher = vscode.workspace.createFileSystemWatcher(pattern);
      const changed = (uri: vscode.Uri) => this.fileChanged(uri);
      return vscode.Disposable.from(
        watcher,
        watcher.onDidChange(changed),
        watcher.onDidCreate(changed),
        watcher.onDidDelete(changed),
      );
    });
    this.watched.replace(vscode.Disposable.from(...watchers));
  }

  private files(): string[] {
    return pairsOf(this.target).flatMap(({ beforePath, afterPath }) => [beforePath, afterPath]);
  }

  private fileChanged(uri: vscode.Uri): void {
    const { fsPath } = uri;
    if ([...this.files(), this.modelPath ?? ''].some((path) => samePath(path, fsPath))) {
      this.refreshSoon();
    }
  }

  private refreshSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), SETTLE_MS);
  }

  /** Commits and branches move: what they hold is read again. */
  private follow(history: FileHistory | undefined): void {
    this.history = history;
    let head = history?.head;
    this.listening.replace(
      history?.onDidChange(() => {
        const { target } = this;
        if (history.head !== head || (target.type === 'revision' && target.revision !== 'HEAD')) {
          head = history.head;
          this.refreshSoon();
        }
      }),
    );
  }

  private watchRepositories(): void {
    if (this.target.type !== 'revision') {
      return;
    }
    onDidOpenRepository(() => {
      if (this.history === undefined) {
        this.refreshSoon();
      }
    }).then(
      (listening) => listening && this.store.add(listening),
      (error: unknown) => this.services.log.warn(`Git: ${toWireError(error).message}`),
    );
  }

  private update(state: ReviewState): void {
    this.current = state;
    if (this.isReady) {
      this.channel.notify('state/changed', state);
    }
    this.didChange.fire(state);
  }

  /** What a webview sends is unknown until parsed here. */
  private handlers(): Handlers<ReviewHostSide> {
    return {
      'view/ready': () => {
        this.isReady = true;
        return this.current;
      },
      'layer/open': async ({ layer }) => {
        if (this.modelPath === undefined) {
          throw extensionError('extension/no-model', vscode.l10n.t('The model of the recipe cannot be found.'));
        }
        await this.services.editors.openLayer(vscode.Uri.file(this.modelPath), parseText(layer));
        return null;
      },
      'file/open': async ({ kind }) => {
        await this.openFile(kind);
        return null;
      },
      'revision/choose': async () => {
        const { target } = this;
        const choice = this.history === undefined ? 'files' : await chooseRevision(this.history);
        if (choice === 'files') {
          await this.chooseFiles();
        } else if (choice !== undefined && target.type === 'revision') {
          this.show({ ...target, revision: choice.revision });
        }
        return null;
      },
      'files/choose': async () => {
        await this.chooseFiles();
        return null;
      },
      'lock/allocate': async () => {
        const recipePath = recipePathOf(this.target);
        if (recipePath !== undefined) {
          await this.services.jobs.start('allocate', vscode.Uri.file(recipePath));
        }
        return null;
      },
      'markdown/copy': async () => {
        await vscode.env.clipboard.writeText(this.copied);
        vscode.window.setStatusBarMessage(vscode.l10n.t('Copied {0}', vscode.l10n.t('changes as Markdown')), 3000);
        return null;
      },
    };
  }

  private async chooseFiles(): Promise<void> {
    const files = await chooseTwoFiles();
    if (files !== undefined) {
      this.show({ type: 'files', beforePath: files[0].fsPath, afterPath: files[1].fsPath });
    }
  }

  private async openFile(kind: DiffView['kind']): Promise<void> {
    const path = pairsOf(this.target).find((pair) => pair.kind === kind)?.afterPath;
    if (path === undefined) {
      return;
    }
    const uri = vscode.Uri.file(path);
    await vscode.commands.executeCommand('vscode.open', uri, vscode.ViewColumn.Beside);
  }
}

/** Holds one thing at a time; the former is disposed. */
class DisposableSlot implements vscode.Disposable {
  private held: vscode.Disposable | undefined;

  replace(next: vscode.Disposable | undefined): void {
    this.held?.dispose();
    this.held = next;
  }

  dispose(): void {
    this.replace(undefined);
  }
}

const enabled: ActionState = { enabled: true };

function no(reason: string): ActionState {
  return { enabled: false, reason };
}

function emptyState(target: ReviewTarget): ReviewState {
  const waiting = no(vscode.l10n.t('The files are being compared.'));
  return {
    target,
    title: titleOf(target),
    before: target.type === 'revision' ? target.revision : shownPath(target.beforePath),
    after: target.type === 'revision' ? vscode.l10n.t('working tree') : shownPath(target.afterPath),
    status: 'loading',
    parts: [],
    stale: [],
    actions: { allocate: waiting, openLayer: waiting, copyMarkdown: waiting },
  };
}
