import { resolve } from 'node:path';
import { diffFiles } from '../job/diff/diffFiles';
import type { FileDiff } from '../job/diff/diffTypes';
import type { ComparedSide, ModelComparison } from '../job/diff/models/comparisonSchema';
import { comparisonNotes, layerTable, nodeLines, operatorTable } from '../job/diff/models/comparisonTable';
import {
  figureTable,
  isSame,
  layerCells,
  layerColumns,
  layerCount,
  otherFields,
  renderDiffMarkdown,
} from '../job/diff/renderDiff';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import { showPath } from './showPath';
import { formatTable } from './table';
import { printable, type Style } from './terminal';
import { wrapWords } from './wrapWords';

export const diffCommand: CommandRun = ({ arguments: args, terminal, folder }) => {
  const format = args.has('--json') ? 'json' : (args.text('--format') ?? 'text');
  if (format !== 'text' && format !== 'markdown' && format !== 'json') {
    throw badValue('--format', format, 'text, markdown or json');
  }
  const [before, after] = args.values.map((path) => resolve(folder, path)) as [string, string];
  const found = diffFiles(before, after);
  const diff = withShownPaths(found, (path) => showPath(path, folder));
  terminal.out(
    format === 'json'
      ? `${JSON.stringify(diff, null, 2)}\n`
      : format === 'markdown'
        ? renderDiffMarkdown(diff)
        : diffText(diff, terminal.outStyle, terminal.columns),
  );
  return Promise.resolve(ExitCode.done);
};

/** Paths as the user would write them. */
function withShownPaths(diff: FileDiff, show: (path: string) => string): FileDiff {
  const { comparison } = diff;
  const side = (one: ComparedSide): ComparedSide => ({
    ...one,
    path: show(one.path),
    ...(one.measured === undefined ? {} : { measured: { ...one.measured, report: show(one.measured.report) } }),
  });
  return {
    ...diff,
    before: show(diff.before),
    after: show(diff.after),
    ...(comparison === undefined
      ? {}
      : {
          comparison: {
            ...comparison,
            before: side(comparison.before),
            after: side(comparison.after),
            staleReports: comparison.staleReports.map(show),
          },
        }),
  };
}

function diffText(diff: FileDiff, style: Style, width: number): string {
  const parts = [`${style.bold(`${diff.before} → ${diff.after}`)}  ${style.dim(diff.kind)}\n\n`];
  if (isSame(diff)) {
    return `${parts.join('')}No difference in meaning.\n`;
  }
  const { titles, rows } = figureTable(diff);
  if (rows.length > 0) {
    parts.push(
      formatTable(
        titles.map((title, index) =>
          index === 0
            ? { title }
            : { title: `${title.charAt(0).toUpperCase()}${title.slice(1)}`, align: 'right' as const },
        ),
        rows,
        { width, paint: style.dim },
      ),
      '\n',
    );
  }
  if (diff.comparison !== undefined) {
    parts.push(...comparisonParts(diff, diff.comparison, style, width));
    return parts.join('');
  }
  if (diff.layers.length > 0) {
    const columns = layerColumns(diff);
    const withStatus = diff.layers.some(({ status }) => status !== 'changed');
    parts.push(
      formatTable(
        [
          { title: diff.kind === 'recipe' ? 'Override' : 'Layer', max: 36, min: 24 },
          ...(withStatus ? [{ title: '' }] : []),
          ...columns.map((title) => ({ title, cut: 'end' as const })),
        ],
        diff.layers.map((layer) => [
          layer.name,
          ...(withStatus ? [layer.status === 'changed' ? '' : layer.status] : []),
          ...layerCells(layer, columns),
        ]),
        { width, paint: style.dim },
      ),
      '\n',
    );
  }
  parts.push(`${layerCount(diff)}\n`);
  if (diff.fields.length > 0) {
    parts.push('\n', fieldTable(diff.fields, style, width));
  }
  return parts.join('');
}

/** Nodes that are listed before the rest is counted. */
const MOST_NODES = 20;

function comparisonParts(diff: FileDiff, comparison: ModelComparison, style: Style, width: number): string[] {
  const parts: string[] = [];
  const layers = layerTable(comparison);
  if (layers.rows.length > 0) {
    // Widths say what types say, in less room.
    const kept = layers.columns.map(
      ({ title }) => title !== 'Type' || !layers.columns.some((one) => one.title === 'W'),
    );
    const columns = layers.columns.map(({ title, align }) =>
      title === 'Layer' ? { title, align, max: 36 } : { title, align, min: 18, cut: 'end' as const },
    );
    parts.push(
      formatTable(
        columns.filter((_, i) => kept[i]),
        layers.rows.map((row) => row.filter((_, i) => kept[i])),
        { width, paint: style.dim },
      ),
      '\n',
    );
  }
  parts.push(`${layerCount(diff)}\n`);
  if (comparison.operators.length > 0) {
    const { columns, rows } = operatorTable(comparison);
    parts.push('\n', formatTable(columns, rows, { width, paint: style.dim }));
  }
  const { lines, more } = nodeLines(comparison, MOST_NODES);
  if (lines.length > 0) {
    parts.push(
      '\n',
      ...lines.map((line) => `${printable(line)}\n`),
      ...(more > 0 ? [`and ${more} more: --json lists all\n`] : []),
    );
  }
  const fields = otherFields(diff);
  if (fields.length > 0) {
    parts.push('\n', fieldTable(fields, style, width));
  }
  for (const note of comparisonNotes(comparison)) {
    parts.push('\n', wrapWords(printable(note), width));
  }
  return parts;
}

function fieldTable(fields: FileDiff['fields'], style: Style, width: number): string {
  return formatTable(
    [{ title: 'Field' }, { title: 'Before', cut: 'end' }, { title: 'After', cut: 'end' }],
    fields.map(({ field, before, after }) => [field, before ?? '–', after ?? '–']),
    { width, paint: style.dim },
  );
}
