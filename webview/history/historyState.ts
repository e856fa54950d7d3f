import type { PersistedHistoryState } from '../../src/protocol/history';

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
