import { resolve } from 'node:path';
import type { AnalyzeResult, LayerMeasurement } from '../job/jobTypes';
import {
  countOf,
  formatBits,
  formatBytes,
  formatLoss,
  formatMetric,
  formatSeconds,
  groupDigits,
  metricName,
} from '../job/report/formatNumbers';
import { masksOutput, masksText } from './analyzeMasks';
import type { CommandRun } from './command';
import { ExitCode } from './exitCodes';
import { jobHooks } from './jobHooks';
import type { AnalyzeOutput } from './outputSchemas';
import { formatTable } from './table';
import { printable, type Style } from './terminal';

export const analyzeCommand: CommandRun = async (context) => {
  const { terminal, folder, arguments: args } = context;
  const { analyzeJob } = await import('../job/jobs');
  const result = await analyzeJob(resolve(folder, args.values[0]!), jobHooks(context));
  terminal.status('');
  terminal.out(
    args.has('--json')
      ? `${JSON.stringify(analyzeOutput(result), null, 2)}\n`
      : analyzeText(result, terminal.outStyle, terminal.columns),
  );
  return ExitCode.done;
};

function analyzeOutput(result: AnalyzeResult): AnalyzeOutput {
  return {
    recipe: result.recipePath,
    model: result.modelPath,
    modelSha256: result.modelHash,
    engine: result.engine,
    lossUnit: result.lossUnit,
    baseline: result.baseline ?? null,
    folded: result.folded,
    seconds: result.seconds,
    resumedSteps: result.resumedSteps,
    memory: { ...result.memory },
    layers: result.layers.map((layer) => ({
      name: layer.name,
      shortName: layer.shortName,
      parameters: layer.parameters,
      macs: layer.macs ?? null,
      // The histogram of the inputs is for the editor.
      activation: layer.activation === undefined ? null : rangeOutput(layer.activation),
      weightSqnr: layer.weightSqnr.map(({ bits, decibel }) => ({
        bits,
        decibel: Number.isFinite(decibel) ? decibel : null,
      })),
      candidates: layer.candidates.map(({ weightBits, activationBits, pattern, loss }) => ({
        weightBits,
        activationBits,
        ...(pattern === undefined ? {} : { pattern: { ...pattern } }),
        loss,
      })),
    })),
    masks: (result.masks?.layers ?? []).map(masksOutput),
    refused: result.refused.map(({ layer, reason }) => ({ layer, reason })),
  };
}

function rangeOutput({ min, max, zeros }: NonNullable<LayerMeasurement['activation']>) {
  return { min, max, zeros };
}

/** One row a layer, one column a weight width, at the widest input measured: what people compare first. */
function analyzeText(result: AnalyzeResult, style: Style, width: number): string {
  const measured = result.layers.filter((layer) => layer.candidates.length > 0);
  const weightBits = [...new Set(measured.flatMap((layer) => layer.candidates.map((c) => c.weightBits)))].sort(
    (a, b) => a - b,
  );
  const widest = (layer: LayerMeasurement): number => Math.max(...layer.candidates.map((c) => c.activationBits));
  const inputBits = [...new Set(measured.map(widest))].sort((a, b) => b - a);
  const table = formatTable(
    [
      { title: 'Layer', max: 36 },
      { title: 'Parameters', align: 'right' },
      ...weightBits.map((bits) => ({ title: `W${bits}`, align: 'right' as const })),
      { title: 'Input range', align: 'right' },
    ],
    measured.map((layer) => [
      layer.shortName,
      groupDigits(layer.parameters),
      ...weightBits.map((bits) => {
        const found = layer.candidates.find((c) => c.weightBits === bits && c.activationBits === widest(layer));
        return found === undefined ? '–' : formatLoss(found.loss);
      }),
      layer.activation === undefined ? '–' : `${rangeText(layer.activation.min)} … ${rangeText(layer.activation.max)}`,
    ]),
    { width, paint: style.dim },
  );
  const parts = [
    `Loss in ${result.lossUnit} with one layer quantised (inputs at ${inputBits.map(formatBits).join(' or ')} bits):\n\n${table}\n`,
  ];
  if (result.baseline !== undefined) {
    const { metric, value, samples } = result.baseline;
    parts.push(`${metricName(metric)} of the float model: ${formatMetric(metric, value)} (${samples} samples)\n`);
  }
  parts.push(masksText(result, style, width));
  for (const { layer, reason } of result.refused) {
    parts.push(`Not measured: ${printable(layer)}: ${printable(reason)}\n`);
  }
  parts.push(
    `${result.engine} · ${formatSeconds(result.seconds)}${result.memory.peak > 0 ? ` · at most ${formatBytes(result.memory.peak)} of activations` : ''}` +
      `${result.resumedSteps > 0 ? ` · ${countOf(result.resumedSteps, 'step')} from an earlier run` : ''}\n`,
  );
  return parts.join('');
}

function rangeText(value: number): string {
  return String(Number(value.toPrecision(3))).replace('-', '−');
}
