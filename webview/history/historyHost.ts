import { Channel } from '../../src/protocol/channel';
import {
  HISTORY_PROTOCOL_VERSION,
  type HistoryHostSide,
  type HistoryState,
  type HistoryViewSide,
  type PersistedHistoryState,
} from '../../src/protocol/history';
import { parseHistoryState } from './historyState';
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
