import { resolve } from 'node:path';
import type { CommandRun } from './command';
import { ExitCode } from './exitCodes';
import { jobHooks } from './jobHooks';
import type { CheckOutput } from './outputSchemas';
import { showPath } from './showPath';
import { printable } from './terminal';

export const checkCommand: CommandRun = async (context) => {
  const { terminal, folder, arguments: args } = context;
  const { checkJob } = await import('../job/jobs');
  const { recipePath, current, problems } = await checkJob(resolve(folder, args.values[0]!), jobHooks(context));
  if (args.has('--json')) {
    const output: CheckOutput = { recipe: recipePath, current, problems: problems.map((problem) => ({ ...problem })) };
    terminal.out(`${JSON.stringify(output, null, 2)}\n`);
  } else {
    const shown = showPath(recipePath, folder);
    terminal.out(
      problems.length === 0
        ? `${shown}: lock and report are current\n`
        : problems.map(({ kind, message }) => `${shown}: ${kind}: ${printable(message)}\n`).join(''),
    );
  }
  if (!current) {
    return ExitCode.failed;
  }
  return problems.some(({ kind }) => kind === 'limit') ? ExitCode.outsideLimits : ExitCode.done;
};
