import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { Channel, type Handlers } from '../protocol/channel';
import type { JobId } from '../protocol/job';
import {
  WEBVIEW_PROTOCOL_VERSION,
  type EditorCommand,
  type EditorHostSide,
  type EditorTab,
  type EditorViewSide,
} from '../protocol/webviewProtocol';
import type { EditorActions } from './editorActions';
import { toWireError } from './errors';
import { baseName } from './fileNames';
import type { Log } from './log';
import type { ModelDocument } from './modelDocument';
import {
  parseBudget,
  parseCount,
  parsePattern,
  parsePatterns,
  parsePictureQuestion,
  parsePins,
  parsePlace,
  parseRelation,
  parseText,
} from './webviewInput';
import { logViewErrors, panelLink } from './panelLink';
import { webviewHtml } from './webviewHtml';

/** One view of a model: the webview, the channel to it, and what its messages do. */
export class EditorPanel implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly channel: Channel<EditorHostSide, EditorViewSide>;
  private currentTab: EditorTab = 'overview';
  private isReady = false;
  private tabWhenReady: EditorTab | undefined;

  constructor(
    readonly document: ModelDocument,
    readonly panel: vscode.WebviewPanel,
    assets: vscode.Uri,
    private readonly actions: EditorActions,
    private readonly log: Log,
  ) {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [assets] };
    this.channel = this.store.add(
      new Channel<EditorHostSide, EditorViewSide>(
        panelLink(panel, 'the editor was closed'),
        this.handlers(),
        {
          'view/tab': ({ tab }) => {
            this.currentTab = tab;
          },
          'view/error': logViewErrors(log, 'webview'),
        },
        { version: WEBVIEW_PROTOCOL_VERSION, toErrorData: toWireError, log: (message) => this.log.warn(message) },
      ),
    );
    this.store.add(
      document.onDidChange((change) => {
        // Before the view is ready it would miss the change; it asks for the whole state then.
        if (!this.isReady) {
          return;
        }
        if (change.type === 'statistics') {
          this.channel.notify('statistics/received', { layers: change.layers, complete: change.complete });
        } else if (change.type === 'sparsity') {
          this.channel.notify('sparsity/received', { layers: change.layers, state: change.state });
        } else {
          this.channel.notify('state/changed', { changed: change.changed, cleared: change.cleared });
        }
      }),
    );
    this.store.add(
      panel.onDidChangeViewState(() => {
        // A view out of sight is unloaded, and asks for the state again when it is shown.
        this.isReady &&= panel.visible;
      }),
    );
    webview.html = webviewHtml(webview, assets, 'editor');
  }

  get tab(): EditorTab {
    return this.currentTab;
  }

  /** Selects a layer and shows it in the table; a view that is still loading does so when it is ready. */
  showLayer(layer: string): void {
    this.document.selectLayer(layer);
    if (this.isReady) {
      this.run({ type: 'showTab', tab: 'layers' });
    } else {
      this.tabWhenReady = 'layers';
    }
  }

  run(command: EditorCommand): void {
    this.channel.notify('view/run', { command });
  }

  dispose(): void {
    this.store.dispose();
  }

  /** What a webview sends is unknown until parsed here. */
  private handlers(): Handlers<EditorHostSide> {
    const { document, actions } = this;
    return {
      'view/ready': () => {
        this.isReady = true;
        if (this.tabWhenReady !== undefined) {
          const tab = this.tabWhenReady;
          this.tabWhenReady = undefined;
          // After the answer: the view shows nothing before it has the state.
          setTimeout(() => this.run({ type: 'showTab', tab }), 0);
        }
        return document.snapshot;
      },
      'view/selectLayer': ({ layer }) => {
        document.selectLayer(layer === undefined ? undefined : parseText(layer));
        return null;
      },
      'allocation/solve': ({ budget, pins, precision }, signal) =>
        actions.solve(document, parseBudget(budget), parsePins(pins), precision === 'exact' ? 'exact' : 'hull', signal),
      'allocation/frontier': ({ pins, precision }, signal) =>
        actions.frontier(document, parsePins(pins), precision === 'exact' ? 'exact' : 'hull', signal),
      'sparsity/measure': ({ patterns }) => {
        document.measureSparsity(parsePatterns(patterns));
        return null;
      },
      'sparsity/block': ({ place, pattern }, signal) =>
        document.maskBlock(parsePlace(place), parsePattern(pattern), signal),
      'weight/picture': ({ question }, signal) => document.weightPicture(parsePictureQuestion(question), signal),
      'weight/channels': ({ layer, channel }, signal) =>
        document.channelRanges(parseText(layer), channel === undefined ? undefined : parseCount(channel), signal),
      'lock/entry': async ({ layer }, signal) => {
        const found = await document.lockEntry(parseText(layer), signal);
        return found === undefined
          ? {}
          : {
              name: baseName(vscode.Uri.file(found.path)),
              ...(found.entry !== undefined && { entry: found.entry }),
            };
      },
      'lock/open': async ({ layer }) => {
        await actions.openLock(document, parseText(layer));
        return null;
      },
      'graph/read': ({ graph }, signal) => document.graph(parseCount(graph), signal),
      'pins/set': ({ pins }) => {
        document.setPins(parsePins(pins));
        return null;
      },
      'recipe/write': ({ budget }) =>
        actions.writeRecipe(document, budget === undefined ? undefined : parseBudget(budget)),
      'recipe/open': async ({ layer, line }) => {
        await actions.openRecipe(
          document,
          layer === undefined ? undefined : parseText(layer),
          line === undefined ? undefined : parseCount(line),
        );
        return null;
      },
      'recipe/create': async () => ({ path: (await actions.createRecipe(document.uri, document)).fsPath }),
      'recipe/choose': ({ path }) => {
        document.chooseRecipe(parseText(path));
        return null;
      },
      'job/start': async ({ kind }) => {
        const parsed = kind === 'run' || kind === 'allocate' ? kind : 'analyze';
        return { id: (await actions.startJob(document, parsed)).snapshot.id };
      },
      'job/cancel': ({ id }) => {
        actions.cancelJob(parseText(id) as JobId);
        return null;
      },
      'job/showLog': async ({ id }) => {
        await actions.showJobLog(parseText(id) as JobId);
        return null;
      },
      'model/export': async () => {
        const saved = await actions.exportModel(document);
        return saved === undefined ? {} : { saved: saved.fsPath };
      },
      'model/openCompressed': async () => {
        await actions.openCompressed(document);
        return null;
      },
      'model/compare': async ({ relation }) => {
        await actions.compareRelated(document, parseRelation(relation));
        return null;
      },
      'model/reload': () => {
        document.reload();
        return null;
      },
      'report/open': async ({ format }) => {
        const recipe = actions.requireRecipe(document);
        await actions.openReport(recipe.uri, format === 'html' || format === 'json' ? format : 'markdown');
        return null;
      },
      'file/reveal': async ({ path }) => {
        await actions.revealFile(document, parseText(path));
        return null;
      },
      'clipboard/write': async ({ text, what }) => {
        await vscode.env.clipboard.writeText(parseText(text, 64 * 1024 * 1024));
        vscode.window.setStatusBarMessage(vscode.l10n.t('Copied {0}', parseText(what)), 3000);
        return null;
      },
      'trust/manage': async () => {
        await vscode.commands.executeCommand('workbench.trust.manage');
        return null;
      },
      'log/show': () => {
        this.log.show();
        return null;
      },
    };
  }
}
