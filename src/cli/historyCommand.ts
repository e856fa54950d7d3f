import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { writeFileAtomic } from '../job/cache/writeFileAtomic';
import { deleteRun, findRun, listRuns, type KeptRun } from '../job/history/runHistory';
import { cacheDirectory } from '../job/prepare';
import {
  countOf,
  formatBytes,
  formatLoss,
  formatMetric,
  formatPercent,
  formatSeconds,
  metricName,
} from '../job/report/formatNumbers';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import type { HistoryOutput } from './outputSchemas';
import { requireFile } from './requireFile';
import { showPath } from './showPath';
import { formatTable } from './table';
import type { Style } from './terminal';

export const historyCommand: CommandRun = ({ terminal, folder, arguments: args }) => {
  const recipe = requireFile(resolve(folder, args.values[0]!), 'recipe');
  const cache = cacheDirectory(recipe);
  const restored = args.text('--restore');
  const deleted = args.text('--delete');
  const out = args.text('--out');
  if (restored !== undefined) {
    if (out === undefined) {
      throw badValue('--restore', restored, 'a run, with --out F for the file to write');
    }
    const target = resolve(folder, out);
    if (existsSync(target)) {
      throw badValue('--out', out, 'a file that is not there yet');
    }
    writeFileAtomic(target, readFileSync(findRun(cache, recipe, restored).recipePath, 'utf8'));
    terminal.err(`Written: ${showPath(target, folder)}`);
  }
  if (deleted !== undefined) {
    deleteRun(cache, recipe, deleted);
    terminal.err(`Deleted: ${deleted}`);
  }
  const runs = listRuns(cache, recipe);
  if (args.has('--json')) {
    const output: HistoryOutput = { recipe, runs: runs.map(runOutput) };
    terminal.out(`${JSON.stringify(output, null, 2)}\n`);
  } else if (restored === undefined && deleted === undefined) {
    terminal.out(historyText(runs, showPath(recipe, folder), terminal.outStyle, terminal.columns));
  }
  return Promise.resolve(ExitCode.done);
};

function runOutput({ id, recipePath, lockPath, reportPath, report }: KeptRun): HistoryOutput['runs'][number] {
  const { accuracy, size, loss } = report;
  return {
    id,
    createdAt: report.createdAt,
    seconds: report.seconds,
    size: size.nominal,
    fileBytes: size.fileBytes,
    accuracy:
      accuracy === undefined ? null : { metric: accuracy.metric, float: accuracy.float, simulated: accuracy.simulated },
    loss: loss.measured ?? null,
    lossUnit: loss.unit,
    withinLimits: report.limits.within,
    recipePath,
    lockPath,
    reportPath,
  };
}

function historyText(runs: readonly KeptRun[], recipe: string, style: Style, width: number): string {
  const [first] = runs;
  if (first === undefined) {
    return `${recipe}: no runs yet: lathe run keeps each.\n`;
  }
  const metric = runs.find(({ report }) => report.accuracy !== undefined)?.report.accuracy?.metric;
  const table = formatTable(
    [
      { title: 'Run', max: 60 },
      { title: 'Finished (UTC)' },
      ...['Size', 'File', ...(metric === undefined ? [] : [metricName(metric)]), 'Loss', 'Took'].map((title) => ({
        title,
        align: 'right' as const,
      })),
      { title: '' },
    ],
    runs.map(({ id, report }) => [
      id,
      report.createdAt.slice(0, 16).replace('T', ' '),
      formatPercent(report.size.nominal),
      formatBytes(report.size.fileBytes),
      ...(metric === undefined
        ? []
        : [report.accuracy === undefined ? '–' : formatMetric(report.accuracy.metric, report.accuracy.simulated)]),
      report.loss.measured === undefined ? '–' : formatLoss(report.loss.measured),
      formatSeconds(report.seconds),
      report.limits.within ? '' : 'outside a limit',
    ]),
    { width, paint: style.dim },
  );
  return `${table}\n${countOf(runs.length, 'run')} of ${recipe}\n`;
}
