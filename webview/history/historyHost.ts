import { Channel } from '../../src/protocol/channel';
import {
  HISTORY_PROTOCOL_VERSION,
  type HistoryHostSide,
  type HistoryState,
  type HistoryViewSide,
  type PersistedHistoryState,
} from '../../src/protocol/history';
import { windowLink, type VsCodeApi } from '../host/vscodeApi';

/** The extension host as the history sees it: the typed channel, and the state VS Code keeps over a reload. */
export class HistoryHost {
  readonly channel: Channel<HistoryViewSide, HistoryHostSide>;
  private readonly api: VsCodeApi;

  constructor(onState: (state: HistoryState) => void) {
    this.api = acquireVsCodeApi();
    this.channel = new Channel<HistoryViewSide, HistoryHostSide>(
      windowLink(this.api),
      {},
      { 'state/changed': onState },
      { version: HISTORY_PROTOCOL_VERSION },
    );
  }

  load(): PersistedHistoryState {
    return parseHistoryState(this.api.getState());
  }

  save(state: PersistedHistoryState): void {
    this.api.setState(state);
  }
}

/** What an older build or a hand has left there is not trusted: foreign fields fall back to the defaults. */
export function parseHistoryState(value: unknown): PersistedHistoryState {
  const state = isObject(value) && value.version === 1 ? value : {};
  const sort = isObject(state.sort) ? state.sort : {};
  const selected = Array.isArray(state.selected) ? state.selected : [];
  return {
    version: 1,
    ...(typeof state.recipe === 'string' && { recipe: state.recipe }),
    ...(typeof sort.column === 'string' && { sort: { column: sort.column, descending: sort.descending === true } }),
    selected: selected.filter((id): id is string => typeof id === 'string'),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
