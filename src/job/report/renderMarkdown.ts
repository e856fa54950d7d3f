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
} from './formatNumbers';
import { operatorsTexts } from './operatorsText';
import { markdownCode as code, markdownTable as table, markdownText as text } from './markdownText';
import type { Report } from './reportSchema';
import { proofText } from './proofText';

/** The report as GitHub-flavoured Markdown. Names from model and recipe are escaped. */
export function renderMarkdown(report: Report): string {
  const { size, accuracy, loss, solver, limits, latency } = report;
  const lines: string[] = [`# ${text(report.model.file)}, compressed`, ''];
  lines.push(
    ...table(
      ['', 'before', 'after', ''],
      ['left', 'right', 'right', 'right'],
      [
        [
          'Weights, nominal',
          formatBytes(size.floatBits / 8),
          formatBytes(size.nominalBits / 8),
          formatPercent(size.nominal),
        ],
        [
          'Weights, packed',
          formatBytes(size.floatBits / 8),
          formatBytes(size.packedBytes),
          formatPercent((size.packedBytes * 8) / size.floatBits),
        ],
        [
          'File',
          formatBytes(size.floatFileBytes),
          formatBytes(size.fileBytes),
          formatPercent(size.fileBytes / size.floatFileBytes),
        ],
        ...(accuracy === undefined ? [] : accuracyRows(accuracy)),
        ...(latency === undefined
          ? []
          : [
              [
                `One sample (median of ${latency.runs} runs)`,
                formatMilliseconds(latency.floatMs),
                formatMilliseconds(latency.compressedMs),
                formatSpeed(latency),
              ],
            ]),
      ],
    ),
    '',
  );
  for (const message of limits.messages) {
    lines.push(`**Outside its limit:** ${text(message)}`, '');
  }
  const measured = loss.measured === undefined ? 'not measured' : formatLoss(loss.measured);
  lines.push(
    `Loss in ${text(loss.unit)}: predicted ${formatLoss(loss.predicted)}, measured ${measured}. ` +
      `Allocation by ${text(solver.engine)}, ${proofText(solver, report.policies)}.`,
    '',
    '## Layers',
    '',
    ...table(
      ['Layer', 'Parameters', 'W bits', 'A bits', 'Stored as', 'Size', 'Loss, predicted', 'Weights', 'Output', 'Why'],
      ['left', 'right', 'right', 'right', 'left', 'right', 'right', 'right', 'right', 'left'],
      report.layers.map((layer) => [
        code(layer.shortName),
        groupDigits(layer.parameters),
        formatBits(layer.weightBits),
        formatBits(layer.activationBits),
        text(layer.container),
        formatBytes(layer.sizeBits / 8),
        formatLoss(layer.predictedLoss),
        layer.weightSqnr === undefined ? '–' : formatDecibel(layer.weightSqnr),
        layer.outputSqnr === undefined ? '–' : formatDecibel(layer.outputSqnr),
        text([layer.reason ?? '', ...layer.notes].filter((note) => note !== '').join('; ')),
      ]),
    ),
    '',
    'Weights and Output: signal-to-noise ratio; the output includes errors of earlier layers.',
    '',
  );
  lines.push(...sparsityLines(report), ...policyLines(report), ...stepLines(report));
  if (report.refused.length > 0) {
    lines.push(
      '## Left as they are',
      '',
      ...report.refused.map(({ layer, reason }) => `- ${code(layer)}: ${text(reason)}`),
      '',
    );
  }
  for (const sentence of operatorsTexts(report)) {
    lines.push(text(sentence), '');
  }
  if (report.stages.length > 0) {
    lines.push(
      '## Stages',
      '',
      ...table(
        ['Stage', 'Time', 'Before', 'After'],
        ['left', 'right', 'left', 'left'],
        report.stages.map((stage) => [
          text(stage.name),
          stage.seconds === undefined ? '–' : formatSeconds(stage.seconds),
          text(stage.before ?? ''),
          text(stage.after ?? ''),
        ]),
      ),
      '',
    );
  }
  lines.push(
    '## How it was measured',
    '',
    `- ${text(report.engine)}, seed ${report.seed}, Lathe ${text(report.lathe)}`,
    `- ${text(report.machine.cpu)}, ${report.machine.cores} cores, ${text(report.machine.platform)} ${text(report.machine.arch)}, Node ${text(report.machine.node)}`,
    `- ${formatSeconds(report.seconds)}${report.resumedSteps > 0 ? `, ${countOf(report.resumedSteps, 'step')} taken over from an earlier run` : ''}`,
    `- model \`${report.model.sha256.slice(0, 16).replace(/[^0-9a-f]/g, '')}\`, recipe ${code(report.recipe)}, written to ${code(report.compressed.file)}`,
    '',
  );
  return lines.join('\n');
}

function sparsityLines(report: Report): string[] {
  const sparse = report.layers.flatMap((layer) =>
    layer.sparsity === undefined ? [] : [{ ...layer.sparsity, name: layer.shortName }],
  );
  if (sparse.length === 0) {
    return [];
  }
  const share = (value: number | undefined): string => (value === undefined ? '–' : formatPercent(value));
  return [
    '## Sparsity',
    '',
    ...table(
      ['Layer', 'Pattern', 'Zeros', 'Magnitude kept', 'Error, mask alone', 'Error, fitted'],
      ['left', 'left', 'right', 'right', 'right', 'right'],
      sparse.map((layer) => [
        code(layer.name),
        text(`${layer.pattern}${layer.transposable ? ' transposable' : ''}`),
        formatPercent(layer.zeros),
        formatPercent(layer.retained),
        share(layer.maskError),
        share(layer.error),
      ]),
    ),
    '',
    'Errors: mean squared error of the layer output relative to the output, on samples the fit has not seen.',
    '',
  ];
}

function stepLines({ steps, accuracy, loss }: Report): string[] {
  if (steps === undefined || steps.length < 2) {
    return [];
  }
  return [
    '## What each step bought',
    '',
    ...table(
      ['Network', `Loss, ${loss.unit}`, accuracy === undefined ? '' : `${metricName(accuracy.metric)}, simulated`],
      ['left', 'right', 'right'],
      steps.map((step) => [
        text(step.undone === true ? `${step.name}, undone` : step.name),
        formatLoss(step.loss),
        step.accuracy === undefined || accuracy === undefined ? '–' : formatMetric(accuracy.metric, step.accuracy),
      ]),
    ),
    '',
  ];
}

function policyLines({ policies, loss }: Report): string[] {
  if (policies === undefined || policies.length === 0) {
    return [];
  }
  return [
    '## Policies measured',
    '',
    ...table(
      ['Policy', 'Size', `Loss predicted, ${loss.unit}`, 'Measured', ''],
      ['left', 'right', 'right', 'right', 'left'],
      policies.map((policy, index) => [
        index === 0 ? 'optimum of the programme' : text(describeChange(policy.changed)),
        formatPercent(policy.size),
        formatLoss(policy.predicted),
        formatLoss(policy.measured),
        policy.kept ? 'kept' : '',
      ]),
    ),
    '',
    'Measured: the whole network with layers as the scan had them, before they are fitted in sequence or tuned.',
    '',
  ];
}

const CHANGES_SHOWN = 3;

function describeChange(changed: NonNullable<Report['policies']>[number]['changed']): string {
  const shown = changed
    .slice(0, CHANGES_SHOWN)
    .map(({ shortName, weightBits, activationBits }) => `${shortName} at ${weightBits}/${activationBits}`);
  const rest = changed.length - shown.length;
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function accuracyRows(accuracy: NonNullable<Report['accuracy']>): string[][] {
  const { metric, float, simulated, deployed, samples } = accuracy;
  const change = (value: number): string =>
    metric === 'mse' ? '' : `${(100 * (value - float)).toFixed(2).replace('-', '−')} points`;
  const name = metricName(metric);
  const before = metric === 'mse' ? '–' : formatMetric(metric, float);
  return [
    ...(deployed === undefined
      ? []
      : [[`${name}, as ONNX Runtime runs it`, before, formatMetric(metric, deployed), change(deployed)]]),
    [`${name}, simulated in float (${samples} samples)`, before, formatMetric(metric, simulated), change(simulated)],
  ];
}
