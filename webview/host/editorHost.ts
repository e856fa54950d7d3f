import { LARGEST_GROUP, MASK_METHODS } from '../../src/protocol/sparsity';
import { Channel, type ChannelOptions } from '../../src/protocol/channel';
import {
  WEBVIEW_PROTOCOL_VERSION,
  type EditorHostSide,
  type EditorNotifications,
  type EditorTab,
  type EditorViewSide,
  type PersistedViewState,
  type SparsityChoice,
} from '../../src/protocol/webviewProtocol';
import { vsCodeApi, windowLink, type VsCodeApi } from './vsCodeApi';

export type Listeners = {
  readonly [K in keyof EditorNotifications]: (params: EditorNotifications[K]) => void;
};

/** The extension host as the webview sees it: the typed channel, and the state VS Code keeps for a hidden view. */
export class EditorHost {
  readonly channel: Channel<EditorViewSide, EditorHostSide>;
  private readonly api: VsCodeApi;

  constructor(listeners: Listeners) {
    const api = vsCodeApi();
    this.api = api;
    const options: ChannelOptions = { version: WEBVIEW_PROTOCOL_VERSION };
    this.channel = new Channel<EditorViewSide, EditorHostSide>(windowLink(api), {}, listeners, options);
  }

  load(): PersistedViewState {
    return parseViewState(this.api.getState());
  }

  save(state: PersistedViewState): void {
    this.api.setState(state);
  }
}

const tabs: readonly EditorTab[] = ['overview', 'layers', 'graph', 'bits', 'sparsity'];

/** What an older build or a hand has left there is not trusted: foreign fields fall back to the defaults. */
export function parseViewState(value: unknown): PersistedViewState {
  const state = isObject(value) && value.version === 1 ? value : {};
  const tab = tabs.find((known) => known === state.tab) ?? 'overview';
  const sort = isObject(state.sort) ? state.sort : {};
  const budget = isObject(state.budget) ? state.budget : undefined;
  const sparsity = parseSparsity(state.sparsity);
  return {
    version: 1,
    tab,
    ...(typeof sort.column === 'string' && { sort: { column: sort.column, descending: sort.descending === true } }),
    ...(typeof state.filter === 'string' && { filter: state.filter }),
    ...(isStrings(state.hiddenColumns) && { hiddenColumns: state.hiddenColumns }),
    ...(isFinite(state.scrollTop) && { scrollTop: state.scrollTop }),
    ...(typeof state.selectedLayer === 'string' && { selectedLayer: state.selectedLayer }),
    ...(typeof state.graphMeasure === 'string' && { graphMeasure: state.graphMeasure }),
    ...(isFinite(state.inspectorWidth) && { inspectorWidth: state.inspectorWidth }),
    ...(sparsity !== undefined && { sparsity }),
    ...(budget !== undefined && {
      budget: {
        ...(isFinite(budget.size) && { size: budget.size }),
        ...(isFinite(budget.bops) && { bops: budget.bops }),
        ...(isFinite(budget.loss) && { loss: budget.loss }),
      },
    }),
  };
}

function parseSparsity(value: unknown): SparsityChoice | undefined {
  const { keep, group, method } = isObject(value) ? value : {};
  const known = (['dense', ...MASK_METHODS] as const).find((one) => one === method);
  if (!isWhole(keep) || !isWhole(group) || known === undefined || keep < 1 || keep >= group || group > LARGEST_GROUP) {
    return undefined;
  }
  return { keep, group, method: known };
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isFinite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
