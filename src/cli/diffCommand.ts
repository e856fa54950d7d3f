import { resolve } from 'node:path';
import { diffFiles } from '../job/diff/diffFiles';
import type { FileDiff } from '../job/diff/diffTypes';
import { figureTable, isSame, layerCells, layerColumns, layerCount, renderDiffMarkdown } from '../job/diff/renderDiff';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import { showPath } from './showPath';
import { formatTable } from './table';
import type { Style } from './terminal';

export const diffCommand: CommandRun = ({ arguments: args, terminal, folder }) => {
  const format = args.has('--json') ? 'json' : (args.text('--format') ?? 'text');
  if (format !== 'text' && format !== 'markdown' && format !== 'json') {
    throw badValue('--format', format, 'text, markdown or json');
  }
  const [before, after] = args.values.map((path) => resolve(folder, path)) as [string, string];
  const found = diffFiles(before, after);
  const diff = { ...found, before: showPath(before, folder), after: showPath(after, folder) };
  terminal.out(
    format === 'json'
      ? `${JSON.stringify(diff, null, 2)}\n`
      : format === 'markdown'
        ? renderDiffMarkdown(diff)
        : diffText(diff, terminal.outStyle, terminal.columns),
  );
  return Promise.resolve(ExitCode.done);
};

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
    parts.push(
      '\n',
      formatTable(
        [{ title: 'Field' }, { title: 'Before', cut: 'end' }, { title: 'After', cut: 'end' }],
        diff.fields.map(({ field, before, after }) => [field, before ?? '–', after ?? '–']),
        { width, paint: style.dim },
      ),
    );
  }
  return parts.join('');
}
