import type { RunView } from '../../src/protocol/history';
import type { Column } from '../table/column';
import { UNKNOWN, bytes, duration, loss, metricName, metricValue, share } from '../text/numbers';
import { budgetText, optimizerText, timeText } from './runText';

/** What a run was asked for and what it came to. Columns that no run has anything for are left out. */
export function historyColumns(runs: readonly RunView[]): readonly Column<RunView>[] {
  const metrics = [...new Set(runs.flatMap(({ accuracy }) => (accuracy === undefined ? [] : [accuracy.metric])))];
  const units = [...new Set(runs.map(({ lossUnit }) => lossUnit))];
  const [metric] = metrics;
  const name = metric === undefined || metrics.length > 1 ? 'Metric' : metricName(metric);
  const unit = units.length === 1 ? `, ${units[0]}` : '';
  const columns: Column<RunView>[] = [
    {
      id: 'time',
      header: 'Finished',
      explanation: 'When the run ended; its name is in the tooltip',
      align: 'start',
      value: (run) => Date.parse(run.createdAt),
      text: (run) => timeText(run.createdAt),
      cellTitle: (run) => run.id,
    },
    {
      id: 'size',
      header: 'Size',
      explanation: 'Bits of all weights as a share of their float size',
      align: 'end',
      value: (run) => run.size,
      text: (run) => share(run.size),
    },
    {
      id: 'file',
      header: 'File',
      explanation: 'The compressed model as written',
      align: 'end',
      value: (run) => run.fileBytes,
      text: (run) => bytes(run.fileBytes),
      cellTitle: (run) => `was ${bytes(run.floatFileBytes)}`,
    },
  ];
  if (metrics.length > 0) {
    columns.push(
      {
        id: 'before',
        header: `${name} before`,
        explanation: 'Of the float model on the evaluation data',
        align: 'end',
        quiet: true,
        value: (run) => run.accuracy?.float,
        text: ({ accuracy }) => (accuracy === undefined ? UNKNOWN : metricValue(accuracy.metric, accuracy.float)),
      },
      {
        id: 'after',
        header: `${name} after`,
        explanation: 'Of the compressed model on the evaluation data, simulated',
        align: 'end',
        value: (run) => run.accuracy?.simulated,
        text: ({ accuracy }) => (accuracy === undefined ? UNKNOWN : metricValue(accuracy.metric, accuracy.simulated)),
        cellTitle: ({ accuracy }) =>
          accuracy?.deployed === undefined
            ? undefined
            : `${metricValue(accuracy.metric, accuracy.deployed)} as ONNX Runtime runs it by default`,
      },
    );
  }
  columns.push(
    {
      id: 'predicted',
      header: `Predicted${unit}`,
      explanation: 'Loss as the allocation predicted it: the sum over the layers',
      align: 'end',
      quiet: true,
      value: (run) => run.predictedLoss,
      text: (run) => loss(run.predictedLoss),
    },
    {
      id: 'measured',
      header: `Measured${unit}`,
      explanation: 'Loss of the exported network against the float one',
      align: 'end',
      value: (run) => run.measuredLoss,
      text: (run) => (run.measuredLoss === undefined ? UNKNOWN : loss(run.measuredLoss)),
    },
    {
      id: 'budget',
      header: 'Budget',
      explanation: 'What the recipe allowed: size and bit-operations as shares, loss as predicted',
      align: 'start',
      quiet: true,
      maxWidth: 200,
      value: (run) => run.budget.size ?? run.budget.bops ?? run.budget.loss,
      text: budgetText,
    },
    {
      id: 'took',
      header: 'Took',
      explanation: 'Duration of the run; steps taken over from earlier runs cost nothing',
      align: 'end',
      quiet: true,
      value: (run) => run.seconds,
      text: (run) => duration(run.seconds),
    },
    {
      id: 'optimizer',
      header: 'Optimizer',
      explanation: 'Pipeline and method that decided the codes',
      align: 'start',
      quiet: true,
      maxWidth: 240,
      value: (run) => (run.settings === undefined ? undefined : optimizerText(run)),
      text: optimizerText,
    },
  );
  if (runs.some(({ settings }) => settings?.sparsity !== undefined)) {
    columns.push({
      id: 'sparsity',
      header: 'N:M',
      explanation: 'Patterns that layers could get',
      align: 'start',
      quiet: true,
      maxWidth: 160,
      value: ({ settings }) => settings?.sparsity,
      text: ({ settings }) => settings?.sparsity ?? UNKNOWN,
    });
  }
  columns.push({
    id: 'notes',
    header: 'Notes',
    explanation: 'Limits it left, and whether the recipe is still the same',
    align: 'start',
    quiet: true,
    maxWidth: 260,
    value: (run) => notesOf(run) || undefined,
    text: notesOf,
    cellTitle: (run) => [notesOf(run), ...run.limitMessages].filter((text) => text !== '').join('\n'),
  });
  return columns;
}

function notesOf(run: RunView): string {
  return [run.withinLimits ? '' : 'outside a limit', run.isPresentRecipe ? 'the present recipe' : '']
    .filter((text) => text !== '')
    .join(', ');
}
