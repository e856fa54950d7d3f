import { resolve } from 'node:path';
import { formatMetric, metricName } from '../job/report/formatNumbers';
import type { CommandRun } from './command';
import { missingArgument } from './errors';
import { ExitCode } from './exitCodes';
import { jobHooks } from './jobHooks';
import type { EvaluateOutput } from './outputSchemas';
import { formatTable } from './table';
import { requireFile } from './requireFile';

export const evaluateCommand: CommandRun = async (context) => {
  const { terminal, folder, arguments: args } = context;
  const recipe = args.text('--recipe');
  if (recipe === undefined) {
    throw missingArgument('--recipe RECIPE', 'evaluate');
  }
  const { evaluateJob } = await import('../job/jobs');
  const { metric, deployed, engine, modelPath } = await evaluateJob(
    requireFile(resolve(folder, args.values[0]!), 'the model'),
    resolve(folder, recipe),
    jobHooks(context),
  );
  terminal.status('');
  if (args.has('--json')) {
    const output: EvaluateOutput = {
      model: modelPath,
      metric: metric.metric,
      samples: metric.samples,
      value: metric.value,
      deployed: deployed ?? null,
      engine,
    };
    terminal.out(`${JSON.stringify(output, null, 2)}\n`);
  } else {
    const value = (v: number | undefined): string =>
      v === undefined ? 'does not run' : formatMetric(metric.metric, v);
    terminal.out(
      formatTable(
        [{ title: '' }, { title: '', align: 'right' }],
        [
          [`${metricName(metric.metric)}, quantisation simulated`, value(metric.value)],
          [`${metricName(metric.metric)}, as deployed`, value(deployed)],
          ['Samples', String(metric.samples)],
        ],
      ),
    );
  }
  return ExitCode.done;
};
