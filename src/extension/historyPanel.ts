import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { Channel, type Handlers } from '../protocol/channel';
import {
  HISTORY_PROTOCOL_VERSION,
  type HistoryHostSide,
  type HistoryState,
  type HistoryViewSide,
} from '../protocol/history';
import { toWireError } from './errors';
import { baseName, samePath } from './fileNames';
import type { HistoryActions } from './historyActions';
import type { DocumentServices } from './modelDocument';
import { parseIds, parseText } from './webviewInput';
import { logViewErrors, panelLink } from './panelLink';
import { webviewHtml } from './webviewHtml';

/** Files are written in several steps; what follows a change waits for it to settle. */
const SETTLE_MS = 250;

/** The history of one recipe on show: its webview and what its messages do. */
export class HistoryPanel implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly channel: Channel<HistoryHostSide, HistoryViewSide>;
  private state: HistoryState;
  private timer: NodeJS.Timeout | undefined;
  private isReady = false;

  constructor(
    readonly recipe: vscode.Uri,
    readonly panel: vscode.WebviewPanel,
    assets: vscode.Uri,
    private readonly services: DocumentServices,
    private readonly actions: HistoryActions,
  ) {
    const { webview } = panel;
    const { log, jobs, recipes } = services;
    this.state = {
      recipe: { path: recipe.fsPath, name: baseName(recipe) },
      trusted: vscode.workspace.isTrusted,
      runs: { status: 'loading' },
      running: this.isBusy(),
    };
    panel.title = vscode.l10n.t('History of {0}', baseName(recipe));
    webview.options = { enableScripts: true, localResourceRoots: [assets] };
    this.channel = this.store.add(
      new Channel<HistoryHostSide, HistoryViewSide>(
        panelLink(panel, 'the history was closed'),
        this.handlers(),
        {
          'view/error': logViewErrors(log, 'history'),
        },
        { version: HISTORY_PROTOCOL_VERSION, toErrorData: toWireError, log: (message) => log.warn(message) },
      ),
    );
    this.store.add(vscode.workspace.onDidGrantWorkspaceTrust(() => this.update({ trusted: true })));
    this.store.add(
      jobs.onDidChange((snapshot) => {
        const running = this.isBusy();
        if (running !== this.state.running) {
          this.update({ running });
        }
        if (snapshot?.status === 'done' && samePath(snapshot.recipePath, recipe.fsPath)) {
          this.refreshSoon();
        }
      }),
    );
    recipes.watch();
    // The recipe itself, or what a run of the command line wrote beside it.
    this.store.add(recipes.onDidChange((uri) => uri.path.startsWith(stemOf(recipe)) && this.refreshSoon()));
    this.store.add({ dispose: () => clearTimeout(this.timer) });
    webview.html = webviewHtml(webview, assets, 'history');
    void this.refresh();
  }

  get snapshot(): HistoryState {
    return this.state;
  }

  async refresh(): Promise<void> {
    try {
      const runs = await this.actions.list(this.recipe);
      this.update({
        runs:
          runs.length === 0
            ? { status: 'none', reason: vscode.l10n.t('No runs yet: Optimize keeps each run here.') }
            : { status: 'ready', value: runs },
      });
    } catch (error) {
      this.update({ runs: { status: 'failed', error: toWireError(error) } });
    }
  }

  dispose(): void {
    this.store.dispose();
  }

  private refreshSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), SETTLE_MS);
  }

  private isBusy(): boolean {
    return this.services.jobs.all.some((job) => job.isRunning && samePath(job.snapshot.recipePath, this.recipe.fsPath));
  }

  private update(changed: Partial<HistoryState>): void {
    this.state = { ...this.state, ...changed };
    // Before the view is ready it would miss the change; it asks for the whole state then.
    if (this.isReady) {
      this.channel.notify('state/changed', this.state);
    }
  }

  /** What a webview sends is unknown until parsed here. */
  private handlers(): Handlers<HistoryHostSide> {
    const { recipe, actions } = this;
    return {
      'view/ready': () => {
        this.isReady = true;
        return this.state;
      },
      'runs/compare': async ({ ids }) => {
        await actions.compare(recipe, parseIds(ids));
        return null;
      },
      'run/again': ({ id }) => actions.again(recipe, parseText(id)),
      'runs/delete': async ({ ids }) => {
        const deleted = await actions.delete(recipe, parseIds(ids));
        await this.refresh();
        return { deleted };
      },
      'run/openReport': async ({ id }) => {
        await actions.openReport(recipe, parseText(id));
        return null;
      },
      'run/openRecipe': async ({ id }) => {
        await actions.openRecipe(recipe, parseText(id));
        return null;
      },
      'recipe/open': async () => {
        await vscode.window.showTextDocument(recipe);
        return null;
      },
      'recipe/run': async () => {
        await this.services.jobs.start('run', recipe);
        return null;
      },
    };
  }
}

/** "/a/net." of "/a/net.lathe.json": recipe, lock and report all start so. */
function stemOf(recipe: vscode.Uri): string {
  return recipe.path.slice(0, -'lathe.json'.length);
}
