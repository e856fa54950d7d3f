import { Channel, RemoteError } from '../../src/protocol/channel';
import {
  COMPARE_PROTOCOL_VERSION,
  type CompareHostSide,
  type CompareRequests,
  type CompareState,
  type CompareView,
  type CompareViewSide,
  type ModelComparison,
  type PersistedCompareState,
} from '../../src/protocol/comparison';
import type { WireError } from '../../src/protocol/job';
import { windowLink } from '../host/vscodeApi';

/** The channel's own signature computes its parameters in a way no generic caller can satisfy. */
type SendRequest = <K extends keyof CompareRequests>(type: K, params: CompareRequests[K]['params']) => Promise<unknown>;

/** What is compared, and how it is looked at. Tells once a frame that something changed. */
export class CompareModel {
  state: CompareState | undefined;
  view: PersistedCompareState;
  failure: { readonly what: string; readonly error: WireError } | undefined;
  private readonly api = acquireVsCodeApi();
  private readonly channel: Channel<CompareViewSide, CompareHostSide>;
  private readonly listeners: (() => void)[] = [];
  private frame = 0;

  constructor() {
    this.view = parseCompareState(this.api.getState());
    this.channel = new Channel<CompareViewSide, CompareHostSide>(
      windowLink(this.api),
      {},
      { 'state/changed': (state) => this.receive(state) },
      { version: COMPARE_PROTOCOL_VERSION },
    );
  }

  get comparison(): ModelComparison | undefined {
    return this.state?.comparison.status === 'ready' ? this.state.comparison.value : undefined;
  }

  async start(): Promise<void> {
    try {
      this.receive(await this.channel.request('view/ready', null));
    } catch (error) {
      this.fail('The comparison did not load', error);
    }
  }

  onDidChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  ask<K extends keyof CompareRequests>(type: K, params: CompareRequests[K]['params'], what: string): void {
    const send = this.channel.request.bind(this.channel) as SendRequest;
    send(type, params).catch((error: unknown) => this.fail(what, error));
  }

  /** A field that is undefined goes back to its default. */
  remember(changed: { readonly [K in keyof PersistedCompareState]?: PersistedCompareState[K] | undefined }): void {
    this.view = parseCompareState({ ...this.view, ...changed });
    this.api.setState(this.view);
    this.changed();
  }

  dismissFailure(): void {
    this.failure = undefined;
    this.changed();
  }

  reportError(message: string, stack: string | undefined): void {
    this.channel.notify('view/error', stack === undefined ? { message } : { message, stack });
  }

  private receive(state: CompareState): void {
    this.state = state;
    // VS Code hands this back when the window is loaded again: it says which files were compared.
    this.remember({ before: state.before.uri, after: state.after.uri });
  }

  private fail(what: string, error: unknown): void {
    const wire =
      error instanceof RemoteError
        ? { code: error.code, message: error.message }
        : { code: 'internal', message: String(error) };
    this.failure = { what, error: wire };
    this.changed();
  }

  private changed(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      for (const listener of this.listeners) {
        listener();
      }
    });
  }
}

const views: readonly CompareView[] = ['layers', 'operators', 'nodes'];

/** What an older build left there is not trusted: foreign fields fall back to the defaults. */
export function parseCompareState(value: unknown): PersistedCompareState {
  const given = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const state = given.version === 1 ? given : {};
  const sort = typeof state.sort === 'object' && state.sort !== null ? (state.sort as Record<string, unknown>) : {};
  return {
    version: 1,
    view: views.find((known) => known === state.view) ?? 'layers',
    onlyDifferent: state.onlyDifferent === true,
    ...(typeof state.before === 'string' && { before: state.before }),
    ...(typeof state.after === 'string' && { after: state.after }),
    ...(typeof sort.column === 'string' && { sort: { column: sort.column, descending: sort.descending === true } }),
    ...(typeof state.filter === 'string' && { filter: state.filter }),
    ...(typeof state.selected === 'string' && { selected: state.selected }),
  };
}
