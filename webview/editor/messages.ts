import type { WireError } from '../../src/protocol/job';
import type { Slot } from '../../src/protocol/webviewProtocol';
import { element, type Child } from '../controls/element';
import { icon, type IconName } from '../controls/icon';
import { progressRing } from '../controls/toolkit';

/** One line: an icon, a sentence, what can be done about it. */
export function messageLine(
  kind: 'error' | 'warning' | 'info' | 'pass',
  text: string,
  ...actions: readonly Child[]
): HTMLElement {
  const names: Record<typeof kind, IconName> = { error: 'error', warning: 'warning', info: 'info', pass: 'pass' };
  return element(
    'div',
    { class: `message is-${kind}`, attributes: kind === 'error' ? { role: 'alert' } : {} },
    icon(names[kind]),
    element('span', { class: 'message-text', text }),
    actions.some((action) => action !== undefined)
      ? element('span', { class: 'message-actions' }, ...actions)
      : undefined,
  );
}

/** An error where it happened. Failures say what, where and what to do; a bug says that it is one. */
export function errorLine(error: WireError, ...actions: readonly Child[]): HTMLElement {
  const text = error.code === 'internal' ? `Internal error: ${error.message}` : error.message;
  return messageLine('error', text, ...actions);
}

/** What stands in for a part that is not there: nothing yet and why, on its way, or failed. */
export function emptySlot(slot: Slot<unknown>, loading: string, action: Child): HTMLElement {
  switch (slot.status) {
    case 'none':
      return element('div', { class: 'empty-line' }, element('p', { text: slot.reason }), action);
    case 'loading':
      return loadingLine(loading);
    case 'failed':
      return errorLine(slot.error, action);
    case 'ready':
      return element('div');
  }
}

export function loadingLine(label: string): HTMLElement {
  return element('div', { class: 'loading-line' }, progressRing(label), `${label}…`);
}
