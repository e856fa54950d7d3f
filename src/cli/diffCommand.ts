import { resolve } from 'node:path';
import { diffFiles } from '../job/diff/diffFiles';
import type { FileDiff } from '../job/diff/diffTypes';
import { isSame, layerCells, layerColumns, layerCount, renderDiffMarkdown } from '../job/diff/renderDiff';
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
  const figures = diff.figures.filter(({ before, after }) => before !== '–' || after !== '–');
  if (figures.length > 0) {
    parts.push(
      formatTable(
        [
          { title: '' },
          { title: 'Before', align: 'right' },
          { title: 'After', align: 'right' },
          { title: 'Change', align: 'right' },
        ],
        figures.map(({ label, before, after, change }) => [label, before, after, change]),
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
