import { resolve } from 'node:path';
import type { MaskModelResult } from '../job/sparsity/maskModel';
import { countOf, formatBytes, formatPercent, groupDigits } from '../job/report/formatNumbers';
import type { CommandRun } from './command';
import { badValue, missingArgument, valueConflict } from './errors';
import { ExitCode } from './exitCodes';
import type { MaskOutput } from './outputSchemas';
import { requireFile } from './requireFile';
import { showPath } from './showPath';
import { formatTable } from './table';
import type { Style } from './terminal';

const METHODS = ['exact', 'greedy', 'exactly-k', 'intersection'] as const;
const SCORES = ['magnitude', 'squared'] as const;

export const maskCommand: CommandRun = async ({ arguments: args, terminal, folder }) => {
  const model = requireFile(resolve(folder, args.values[0]!), 'the model');
  const out = args.text('--out');
  const pattern = args.text('--pattern');
  if (pattern === undefined) {
    throw missingArgument('--pattern N:M', 'mask');
  }
  if (out === undefined) {
    throw missingArgument('--out F', 'mask');
  }
  const transposable = args.has('--transposable');
  const method = oneOf('--method', args.text('--method') ?? 'exact', METHODS);
  if (!transposable && method !== 'exact') {
    throw valueConflict(
      '--method',
      method,
      'goes with --transposable: a mask along one axis is always the best there is',
    );
  }
  const { maskModel } = await import('../job/sparsity/maskModel');
  const layers = args.text('--layers');
  const result = maskModel(model, resolve(folder, out), {
    pattern: parsePattern(pattern),
    transposable,
    method,
    score: oneOf('--score', args.text('--score') ?? 'magnitude', SCORES),
    fold: args.has('--fold'),
    layers: layers === undefined ? [] : layers.split(',').map((name) => name.trim()),
    overwrite: args.has('--force'),
  });
  if (args.has('--json')) {
    terminal.out(`${JSON.stringify(output(model, result), null, 2)}\n`);
  } else {
    terminal.out(text(result, terminal.outStyle, terminal.columns, folder));
  }
  return ExitCode.done;
};

function parsePattern(text: string): { keep: number; group: number } {
  const [keep, group] = (/^([1-9]\d?):([1-9]\d?)$/.exec(text)?.slice(1) ?? []).map(Number);
  if (keep === undefined || group === undefined || keep >= group || group > 32) {
    throw badValue('--pattern', text, 'kept:group with group at most 32, e.g. 2:4');
  }
  return { keep, group };
}

function oneOf<T extends string>(option: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined) {
    throw badValue(option, value, known.join(', '));
  }
  return found;
}

function output(model: string, result: MaskModelResult): MaskOutput {
  return {
    model,
    output: result.path,
    pattern: `${result.pattern.keep}:${result.pattern.group}`,
    transposable: result.transposable,
    zeros: result.zeros,
    layers: result.layers.map((layer) => ({ ...layer, reason: layer.reason ?? null })),
  };
}

function text(result: MaskModelResult, style: Style, width: number, folder: string): string {
  const { pattern, transposable } = result;
  const layers = formatTable(
    [
      { title: 'Layer', max: 40 },
      { title: 'Parameters', align: 'right' },
      { title: 'Kept', align: 'right' },
      { title: 'Magnitude', align: 'right' },
      { title: 'Dense because', cut: 'end' },
    ],
    result.layers.map((layer) => [
      layer.shortName,
      groupDigits(layer.parameters),
      formatPercent(layer.density),
      formatPercent(layer.retained),
      layer.reason ?? '',
    ]),
    { width, paint: style.dim },
  );
  const masked = result.layers.filter((layer) => layer.reason === undefined).length;
  const name = `${pattern.keep}:${pattern.group}${transposable ? ' transposable' : ''}`;
  return `${layers}
${countOf(masked, 'layer')} at ${name}, ${formatPercent(result.zeros)} of all weights zero

Written:
  ${showPath(result.path, folder)}  ${formatBytes(result.bytes)}
`;
}
