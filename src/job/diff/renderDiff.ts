import { markdownCode, markdownTable, markdownText } from '../report/markdownText';
import type { FieldDiff, FigureDiff, FileDiff, LayerDiff } from './diffTypes';
import type { ModelComparison } from './models/comparisonSchema';
import { comparisonNotes, layerTable, nodeLines, operatorTable, type ComparisonTable } from './models/comparisonTable';

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
  if (diff.comparison !== undefined) {
    return [...lines, ...comparisonMarkdown(diff, diff.comparison)].join('\n');
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
  lines.push(...fieldsMarkdown(diff.fields));
  return lines.join('\n');
}

/** Fields of a model besides its operators, which have a table of their own. */
export function otherFields({ fields }: FileDiff): readonly FieldDiff[] {
  return fields.filter(({ field }) => !field.endsWith(' nodes'));
}

/** Nodes that are listed before the rest is counted. */
const MOST_NODES = 50;

function comparisonMarkdown(diff: FileDiff, comparison: ModelComparison): string[] {
  const table = ({ columns, rows }: ComparisonTable): string[] =>
    rows.length === 0
      ? []
      : [
          ...markdownTable(
            columns.map(({ title }) => markdownText(title)),
            columns.map(({ align }) => align),
            rows.map((row) =>
              row.map((cell, i) => (columns[i]?.title === 'Layer' ? markdownCode(cell) : markdownText(cell))),
            ),
          ),
          '',
        ];
  const { lines, more } = nodeLines(comparison, MOST_NODES);
  return [
    ...table(layerTable(comparison)),
    `${layerCount(diff)}.`,
    '',
    ...table(operatorTable(comparison)),
    ...lines.map((line) => `- ${markdownText(line)}`),
    ...(more > 0 ? [`- and ${more} more`] : []),
    ...(lines.length > 0 ? [''] : []),
    ...fieldsMarkdown(otherFields(diff)),
    ...comparisonNotes(comparison).flatMap((note) => [markdownText(note), '']),
  ];
}

function fieldsMarkdown(fields: readonly FieldDiff[]): string[] {
  return fields.length === 0
    ? []
    : [
        ...markdownTable(
          ['Field', 'before', 'after'],
          ['left', 'left', 'left'],
          fields.map(({ field, before, after }) => [
            markdownText(field),
            markdownText(before ?? '–'),
            markdownText(after ?? '–'),
          ]),
        ),
        '',
      ];
}
