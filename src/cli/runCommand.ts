import { resolve } from 'node:path';
import type { RunResult } from '../job/jobTypes';
import {
  countOf,
  formatBits,
  formatBytes,
  formatDecibel,
  formatLoss,
  formatMetric,
  formatMilliseconds,
  formatPercent,
  formatSeconds,
  formatSpeed,
  groupDigits,
  metricName,
} from '../job/report/formatNumbers';
import { proofText } from '../job/report/proofText';
import type { CommandRun } from './command';
import { ExitCode } from './exitCodes';
import { jobHooks } from './jobHooks';
import { showPath } from './showPath';
import { formatTable } from './table';
import { printable, type Style } from './terminal';
import { wrapWords } from './wrapWords';

export const runCommand: CommandRun = async (context) => {
  const { terminal, folder, arguments: args } = context;
  const [{ runJob }, { readReport }] = await Promise.all([import('../job/jobs'), import('../job/report/reportFile')]);
  const result = await runJob(resolve(folder, args.values[0]!), jobHooks(context));
  terminal.status('');
  terminal.out(
    args.has('--json')
      ? `${JSON.stringify(readReport(result.outputs.reportJson), null, 2)}\n`
      : runText(result, terminal.outStyle, terminal.columns, folder),
  );
  for (const message of result.limitMessages) {
    terminal.err(printable(message));
  }
  return result.withinLimits ? ExitCode.done : ExitCode.outsideLimits;
};

function runText(result: RunResult, style: Style, width: number, folder: string): string {
  const { outputs, allocate, resumedSteps } = result;
  const isSparse = result.layers.some((layer) => layer.sparsity !== undefined);
  const layers = formatTable(
    [
      { title: 'Layer', max: 32 },
      { title: 'Parameters', align: 'right' },
      { title: 'W', align: 'right' },
      { title: 'A', align: 'right' },
      ...(isSparse ? [{ title: 'Pattern' }, { title: 'Zeros', align: 'right' as const }] : []),
      { title: 'Stored as' },
      { title: 'Size', align: 'right' },
      { title: 'Loss', align: 'right' },
      { title: 'Output', align: 'right' },
      { title: 'Why', cut: 'end' },
    ],
    result.layers.map((layer) => [
      layer.shortName,
      groupDigits(layer.parameters),
      formatBits(layer.weightBits),
      formatBits(layer.activationBits),
      ...(isSparse ? patternCells(layer.sparsity) : []),
      layer.container,
      formatBytes(layer.sizeBits / 8),
      formatLoss(layer.predictedLoss),
      layer.outputSqnr === undefined ? '–' : formatDecibel(layer.outputSqnr),
      layer.reason ?? layer.notes[0] ?? '',
    ]),
    { width, paint: style.dim },
  );
  const { solution } = allocate;
  const resumed = resumedSteps > 0 ? ` · ${countOf(resumedSteps, 'step')} from an earlier run` : '';
  const facts =
    `${solution.engine}, ${proofText(solution, allocate.policies)}\n` +
    `${result.analyze.engine} · ${formatSeconds(result.seconds)}${resumed}\n`;
  const paths = [outputs.model, outputs.lock, outputs.reportJson, outputs.reportMarkdown, outputs.reportHtml];
  const written = paths.map((path) => `  ${showPath(path, folder)}\n`).join('');
  const advice = result.advice.map((sentence) => `${wrapWords(sentence, width)}\n`).join('');
  return `${layers}\n${summary(result, style, width)}\n${advice}${facts}\nWritten:\n${written}`;
}

function patternCells(sparsity: RunResult['layers'][number]['sparsity']): string[] {
  if (sparsity === undefined) {
    return ['dense', '–'];
  }
  const { keep, group, transposable } = sparsity.pattern;
  return [`${keep}:${group}${transposable ? ' T' : ''}`, formatPercent(sparsity.zeros)];
}

/** Size, accuracy, loss and time, before and after. */
function summary(result: RunResult, style: Style, width: number): string {
  const { size, accuracy, allocate, measuredLoss, latency } = result;
  const float = allocate.floatBits / 8;
  const rows = [
    ['Weights, nominal', formatBytes(float), formatBytes(size.nominalBits / 8), formatPercent(size.nominal)],
    ['Weights, packed', formatBytes(float), formatBytes(size.packedBytes), formatPercent(size.packedBytes / float)],
  ];
  if (size.fileBytes !== undefined) {
    rows.push([
      'File',
      formatBytes(size.floatFileBytes),
      formatBytes(size.fileBytes),
      formatPercent(size.fileBytes / size.floatFileBytes),
    ]);
  }
  if (accuracy !== undefined) {
    const name = metricName(accuracy.metric);
    const value = (v: number | undefined): string => (v === undefined ? '–' : formatMetric(accuracy.metric, v));
    const before = accuracy.metric === 'mse' ? '–' : value(accuracy.float);
    const change = (v: number | undefined): string =>
      v === undefined || accuracy.metric === 'mse' ? '' : `${signedPoints(v - accuracy.float)} points`;
    rows.push(
      [`${name}, simulated`, before, value(accuracy.simulated), change(accuracy.simulated)],
      [`${name}, as deployed`, before, value(accuracy.deployed), change(accuracy.deployed)],
    );
  }
  const delivered = result.steps.filter(({ kept }) => kept).at(-1);
  for (const step of result.steps.filter((other) => other !== delivered)) {
    rows.push([
      `  ${step.name}${step.kept ? '' : ', undone'}`,
      '',
      step.accuracy === undefined || accuracy === undefined ? '' : formatMetric(accuracy.metric, step.accuracy),
      `loss ${formatLoss(step.loss)}`,
    ]);
  }
  rows.push([
    `Loss, ${allocate.lossUnit}`,
    '–',
    formatLoss(measuredLoss),
    `predicted ${formatLoss(allocate.solution.loss)}`,
  ]);
  if (latency !== undefined) {
    rows.push([
      'One sample',
      formatMilliseconds(latency.floatMs),
      formatMilliseconds(latency.compressedMs),
      formatSpeed(latency),
    ]);
  }
  return formatTable(
    [
      { title: accuracy === undefined ? 'Whole network' : `Whole network (${accuracy.samples} samples)` },
      { title: 'Before', align: 'right' },
      { title: 'After', align: 'right' },
      { title: '' },
    ],
    rows,
    { width, paint: style.dim },
  );
}

function signedPoints(difference: number): string {
  const text = (100 * difference).toFixed(2);
  return Number(text) === 0 ? '0.00' : difference < 0 ? text.replace('-', '−') : `+${text}`;
}
