import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { Channel, type Handlers } from '../protocol/channel';
import {
  COMPARE_PROTOCOL_VERSION,
  type ComparedFile,
  type CompareHostSide,
  type CompareState,
  type CompareViewSide,
  type SideName,
} from '../protocol/comparison';
import { isCancellation, toWireError } from './errors';
import { baseName, parentOf } from './fileNames';
import type { LocalCopies } from './localCopies';
import type { Log } from './log';
import { placeOf, versionedName } from './modelVersions';
import { logViewErrors, panelLink } from './panelLink';
import { webviewHtml } from './webviewHtml';
import { parseSide, parseText } from './webviewInput';
import type { WorkerClient } from './workerClient';

export interface CompareServices {
  readonly worker: WorkerClient;
  readonly copies: LocalCopies;
  readonly log: Log;
  /** Opens a model, at a layer when given. */
  openModel(uri: vscode.Uri, layer?: string): Promise<void>;
}

/** Files are written in several steps: what follows a change waits for it to settle. */
const SETTLE_MS = 400;

/** One comparison of two models: what is compared, the answer of the background process, and the view of it. */
export class ComparePanel implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly channel: Channel<CompareHostSide, CompareViewSide>;
  private watchers = new DisposableStore();
  private comparing = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private state: CompareState;

  constructor(
    readonly panel: vscode.WebviewPanel,
    private uris: Readonly<Record<SideName, vscode.Uri>>,
    assets: vscode.Uri,
    private readonly services: CompareServices,
  ) {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [assets] };
    this.state = this.freshState();
    this.channel = this.store.add(
      new Channel<CompareHostSide, CompareViewSide>(
        panelLink(panel, 'the comparison was closed'),
        this.handlers(),
        {
          'view/error': logViewErrors(services.log, 'comparison'),
        },
        {
          version: COMPARE_PROTOCOL_VERSION,
          toErrorData: toWireError,
          log: (message) => services.log.warn(message),
        },
      ),
    );
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.compare()));
    this.store.add({
      dispose: () => {
        clearTimeout(this.timer);
        this.comparing.abort();
        this.watchers.dispose();
      },
    });
    webview.html = webviewHtml(webview, assets, 'compare');
    this.start();
  }

  get snapshot(): CompareState {
    return this.state;
  }

  /** Whether it shows these two files, whichever way round. */
  shows(one: vscode.Uri, other: vscode.Uri): boolean {
    const shown = [this.uris.before.toString(), this.uris.after.toString()].sort();
    return [one.toString(), other.toString()].sort().every((uri, i) => uri === shown[i]);
  }

  dispose(): void {
    this.store.dispose();
  }

  private start(): void {
    const { before, after } = this.uris;
    this.panel.title = `${versionedName(before)} ↔ ${versionedName(after)}`;
    this.watchers.dispose();
    this.watchers = new DisposableStore();
    for (const uri of [before, after].filter(({ scheme }) => scheme === 'file')) {
      const watcher = this.watchers.add(
        vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(parentOf(uri), baseName(uri))),
      );
      const changed = () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.compare(), SETTLE_MS);
      };
      this.watchers.add(watcher.onDidChange(changed));
      this.watchers.add(watcher.onDidCreate(changed));
      this.watchers.add(watcher.onDidDelete(changed));
    }
    this.compare();
  }

  private compare(): void {
    this.comparing.abort();
    this.comparing = new AbortController();
    const { signal } = this.comparing;
    this.update(this.freshState());
    this.ask(signal).catch((error: unknown) => {
      if (!signal.aborted && !isCancellation(error)) {
        this.update({ ...this.state, comparison: { status: 'failed', error: toWireError(error) } });
      }
    });
  }

  private async ask(signal: AbortSignal): Promise<void> {
    const { worker, copies } = this.services;
    const { before, after } = this.uris;
    const followExternalData = vscode.workspace.isTrusted;
    const [left, right] = await Promise.all([copies.path(before), copies.path(after)]);
    signal.throwIfAborted();
    const value = await worker.request(
      'model/compare',
      { before: { path: left, followExternalData }, after: { path: right, followExternalData } },
      signal,
    );
    signal.throwIfAborted();
    this.update({ ...this.state, comparison: { status: 'ready', value } });
  }

  private freshState(): CompareState {
    return {
      before: describe(this.uris.before),
      after: describe(this.uris.after),
      comparison: { status: 'loading' },
    };
  }

  private update(state: CompareState): void {
    this.state = state;
    this.channel.notify('state/changed', state);
  }

  /** What a webview sends is unknown until parsed here. */
  private handlers(): Handlers<CompareHostSide> {
    return {
      'view/ready': () => this.state,
      'layer/open': async ({ side, layer }) => {
        await this.services.openModel(this.uris[parseSide(side)], parseText(layer));
        return null;
      },
      'model/open': async ({ side }) => {
        await this.services.openModel(this.uris[parseSide(side)]);
        return null;
      },
      'sides/swap': () => {
        this.uris = { before: this.uris.after, after: this.uris.before };
        this.start();
        return null;
      },
      'report/open': async ({ side }) => {
        const { comparison } = this.state;
        const report = comparison.status === 'ready' ? comparison.value[parseSide(side)].measured?.report : undefined;
        if (report !== undefined) {
          await vscode.window.showTextDocument(vscode.Uri.file(report));
        }
        return null;
      },
      'compare/again': () => {
        this.compare();
        return null;
      },
      'clipboard/write': async ({ text, what }) => {
        await vscode.env.clipboard.writeText(parseText(text, 64 * 1024 * 1024));
        vscode.window.setStatusBarMessage(vscode.l10n.t('Copied {0}', parseText(what)), 3000);
        return null;
      },
      'log/show': () => {
        this.services.log.show();
        return null;
      },
    };
  }
}

function describe(uri: vscode.Uri): ComparedFile {
  return { uri: uri.toString(), name: baseName(uri), place: placeOf(uri) };
}
