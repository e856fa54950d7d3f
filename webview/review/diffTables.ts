import type { FieldDiffView, FigureDiffView } from '../../src/protocol/review';
import { element } from '../controls/element';
import { UNKNOWN } from '../text/numbers';

/** Fields with their value before and after; what is long is cut and whole in the tooltip. */
export function fieldTable(label: string, fields: readonly FieldDiffView[]): HTMLElement {
  return table(
    label,
    ['Field', 'Before', 'After'],
    fields.map(({ field, before = UNKNOWN, after = UNKNOWN }) => [field, before, after]),
    'fields',
  );
}

/** Measured figures; undefined where neither side has any. */
export function figureTable(figures: readonly FigureDiffView[]): HTMLElement | undefined {
  const known = figures.filter(({ before, after }) => before !== UNKNOWN || after !== UNKNOWN);
  if (known.length === 0) {
    return undefined;
  }
  const limited = known.some(({ limit }) => limit !== undefined);
  return table(
    'Figures',
    ['', 'Before', 'After', 'Change', ...(limited ? ['Limit'] : [])],
    known.map(({ label, before, after, change, limit, kept }) => [
      label,
      before,
      after,
      change,
      ...(limited ? [limit === undefined ? '' : `${limit} ${kept === true ? '✓ kept' : '✗ broken'}`] : []),
    ]),
    'figures',
  );
}

function table(
  label: string,
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  kind: 'fields' | 'figures',
): HTMLElement {
  return element(
    'table',
    { class: `diff-table is-${kind}`, attributes: { 'aria-label': label } },
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        ...titles.map((title) =>
          title === '' ? element('td') : element('th', { text: title, attributes: { scope: 'col' } }),
        ),
      ),
    ),
    element(
      'tbody',
      {},
      ...rows.map(([name = '', ...cells]) =>
        element(
          'tr',
          {},
          element('th', { text: name, title: name, attributes: { scope: 'row' } }),
          ...cells.map((cell) => element('td', { text: cell, title: cell })),
        ),
      ),
    ),
  );
}
