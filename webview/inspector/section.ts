import { element, type Child } from '../controls/element';

/** A part of the inspector under its own small title. */
export function section(title: string | undefined, ...content: readonly Child[]): HTMLElement {
  return element(
    'section',
    {},
    title === undefined
      ? undefined
      : element('div', { class: 'section-head' }, element('h3', { class: 'section-title', text: title })),
    ...content,
  );
}

/** Names on the left, what they are on the right. */
export function pairs(rows: readonly (readonly [string, Child])[]): HTMLElement {
  return element(
    'dl',
    { class: 'pairs' },
    ...rows.flatMap(([name, value]) => [element('dt', { text: name }), element('dd', {}, value)]),
  );
}

/** A sentence in place of figures that are not there. */
export function hint(text: string): HTMLElement {
  return element('div', { class: 'hint', text });
}
