import { resolve } from 'node:path';
import type { AllocateResult } from '../job/jobTypes';
import {
  formatBits,
  formatBytes,
  formatLoss,
  formatPercent,
  formatSeconds,
  groupDigits,
} from '../job/report/formatNumbers';
import { proofText } from '../job/report/proofText';
import type { CommandRun } from './command';
import { badValue } from './errors';
import { ExitCode } from './exitCodes';
import { jobHooks } from './jobHooks';
import type { AllocateOutput } from './outputSchemas';
import type { ParsedArguments } from './parseArguments';
import { showPath } from './showPath';
import { formatTable } from './table';
import type { Style } from './terminal';

export const allocateCommand: CommandRun = async (context) => {
  const { terminal, folder, arguments: args } = context;
  const budget = budgetOf(args);
  const { allocateJob } = await import('../job/jobs');
  const result = await allocateJob(resolve(folder, args.values[0]!), budget, jobHooks(context));
  terminal.status('');
  terminal.out(
    args.has('--json')
      ? `${JSON.stringify(allocateOutput(result), null, 2)}\n`
      : allocateText(result, terminal.outStyle, terminal.columns, folder),
  );
  return ExitCode.done;
};

/** Throws `cli/bad-value` for budgets that cannot be meant. */
export function budgetOf(args: ParsedArguments): { size?: number; bops?: number; loss?: number } {
  const size = args.positive('--size');
  const bops = args.positive('--bops');
  const loss = args.positive('--loss');
  if (size !== undefined && size > 1) {
    throw badValue('--size', args.text('--size') ?? '', 'a fraction of the float size, at most 1');
  }
  if (size !== undefined && loss !== undefined) {
    throw badValue('--loss', args.text('--loss') ?? '', 'the place of --size: with it the size is minimised');
  }
  return {
    ...(size === undefined ? {} : { size }),
    ...(bops === undefined ? {} : { bops }),
    ...(loss === undefined ? {} : { loss }),
  };
}

function allocateOutput(result: AllocateResult): AllocateOutput {
  const { solution, floatBits } = result;
  return {
    recipe: result.recipePath,
    lock: result.lockPath ?? null,
    size: result.size,
    sizeBits: solution.sizeBits,
    floatBits,
    bops: result.bops ?? null,
    predictedLoss: solution.loss,
    lossUnit: result.lossUnit,
    solver: {
      engine: solution.engine,
      proven: solution.proven,
      bound: Number.isFinite(solution.bound) ? solution.bound : null,
      seconds: solution.seconds,
    },
    layers: result.layers.map(({ reason, ...layer }) => ({ ...layer, reason: reason ?? null })),
    frontier: result.frontier.map(({ sizeBits, loss, kind }) => ({
      size: sizeBits / floatBits,
      loss,
      exact: kind === 'exact',
    })),
    policies: result.policies.map(({ sizeBits, changed, ...policy }) => ({
      ...policy,
      size: sizeBits / floatBits,
      changed: changed.map((layer) => ({ ...layer })),
    })),
    uniform: result.uniform.map(({ bits, sizeBits, loss }) => ({ bits, size: sizeBits / floatBits, loss })),
  };
}

function allocateText(result: AllocateResult, style: Style, width: number, folder: string): string {
  const { solution } = result;
  const table = formatTable(
    [
      { title: 'Layer', max: 36 },
      { title: 'Parameters', align: 'right' },
      { title: 'W', align: 'right' },
      { title: 'A', align: 'right' },
      { title: 'Size', align: 'right' },
      { title: 'Loss', align: 'right' },
      { title: 'Why', cut: 'end' },
    ],
    result.layers.map((layer) => [
      layer.shortName,
      groupDigits(layer.parameters),
      formatBits(layer.weightBits),
      formatBits(layer.activationBits),
      formatBytes(layer.sizeBits / 8),
      formatLoss(layer.predictedLoss),
      layer.reason ?? '',
    ]),
    { width, paint: style.dim },
  );
  const [optimum, ...rivals] = result.policies;
  // A neighbour that measured better is said with both figures.
  const proof = optimum?.kept === false ? '' : `${proofText(solution)}, `;
  const facts = [
    `${style.bold(formatPercent(result.size))} of ${formatBytes(result.floatBits / 8)}`,
    `predicted loss ${style.bold(formatLoss(solution.loss))} ${result.lossUnit}`,
    ...(result.bops === undefined ? [] : [`${formatPercent(result.bops)} of the 8-bit operations`]),
    `${solution.engine}, ${proof}${formatSeconds(solution.seconds)}`,
  ];
  if (optimum !== undefined) {
    const kept = result.policies.find((policy) => policy.kept) ?? optimum;
    facts.push(
      `measured ${formatLoss(kept.measured)}` +
        (optimum.kept
          ? `, the best of ${rivals.length + 1} policies`
          : `, better than the programme's optimum (${formatLoss(optimum.measured)})`),
    );
  }
  const lock = result.lockPath === undefined ? '' : `${showPath(result.lockPath, folder)}\n`;
  return `${table}\n${facts.join(' · ')}\n${lock}`;
}
