import { markdownCode, markdownTable, markdownText } from '../report/markdownText';
import type { FieldDiff, FigureDiff, FileDiff, LayerDiff } from './diffTypes';

/** Columns of the layer table: the fields that changed anywhere, in the order they are listed. */
export function layerColumns(diff: FileDiff): string[] {
  return [...new Set(diff.layers.flatMap((layer) => layer.fields.map(({ field }) => field)))];
}

/** "4 → 3"; "– → 3" for what was not there. */
export function changeText({ before, after }: FieldDiff): string {
  return `${before ?? '–'} → ${after ?? '–'}`;
}

export function layerCells(layer: LayerDiff, columns: readonly string[]): string[] {
  return columns.map((column) => {
    const change = layer.fields.find(({ field }) => field === column);
    if (change === undefined) {
      return '';
    }
    return layer.status === 'changed' ? changeText(change) : (change.after ?? change.before ?? '');
  });
}

/** "4 layers changed, 18 unchanged". */
export function layerCount(diff: FileDiff): string {
  const count = (status: LayerDiff['status']): number => diff.layers.filter((layer) => layer.status === status).length;
  const what = diff.kind === 'recipe' ? 'overrides' : 'layers';
  const parts = (['changed', 'added', 'removed'] as const)
    .filter((status) => count(status) > 0)
    .map((status) => `${count(status)} ${status}`);
  return `${what}: ${[...parts, `${diff.unchangedLayers} unchanged`].join(', ')}`;
}

export function isSame(diff: FileDiff): boolean {
  return diff.fields.length === 0 && diff.layers.length === 0 && diff.figures.every(({ change }) => change === '');
}

/** "91.17 %, kept"; '' without a limit. */
function limitText({ limit, kept }: FigureDiff): string {
  return limit === undefined ? '' : `${limit}, ${kept === true ? 'kept' : 'broken'}`;
}

/** The table of figures, with a column for limits where there are any. */
export function figureTable(diff: FileDiff): { readonly titles: readonly string[]; readonly rows: string[][] } {
  const figures = diff.figures.filter(({ before, after }) => before !== '–' || after !== '–');
  const limited = figures.some(({ limit }) => limit !== undefined);
  return {
    titles: ['', 'before', 'after', 'change', ...(limited ? ['limit'] : [])],
    rows: figures.map((figure) => [
      figure.label,
      figure.before,
      figure.after,
      figure.change,
      ...(limited ? [limitText(figure)] : []),
    ]),
  };
}

/** For a comment in a pull request. */
export function renderDiffMarkdown(diff: FileDiff): string {
  const lines = [`### ${markdownText(diff.before)} → ${markdownText(diff.after)}`, ''];
  if (isSame(diff)) {
    return [...lines, `No difference in meaning (${diff.kind}).`, ''].join('\n');
  }
  const { titles, rows } = figureTable(diff);
  if (rows.length > 0) {
    lines.push(
      ...markdownTable(
        titles,
        titles.map((_, index) => (index === 0 ? 'left' : 'right')),
        rows.map((row) => row.map(markdownText)),
      ),
      '',
    );
  }
  if (diff.layers.length > 0) {
    const columns = layerColumns(diff);
    lines.push(
      ...markdownTable(
        ['Layer', '', ...columns.map(markdownText)],
        ['left', 'left', ...columns.map(() => 'left' as const)],
        diff.layers.map((layer) => [
          markdownCode(layer.name),
          layer.status === 'changed' ? '' : layer.status,
          ...layerCells(layer, columns).map(markdownText),
        ]),
      ),
      '',
    );
  }
  lines.push(`${layerCount(diff)}.`, '');
  if (diff.fields.length > 0) {
    lines.push(
      ...markdownTable(
        ['Field', 'before', 'after'],
        ['left', 'left', 'left'],
        diff.fields.map(({ field, before, after }) => [
          markdownText(field),
          markdownText(before ?? '–'),
          markdownText(after ?? '–'),
        ]),
      ),
      '',
    );
  }
  return lines.join('\n');
}
