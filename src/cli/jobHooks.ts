import type { JobHooks, JobProgress, StageName } from '../job/jobTypes';
import { formatSeconds } from '../job/report/formatNumbers';
import type { CommandContext } from './command';
import { printable } from './terminal';

const stageWords: Readonly<Record<StageName, string>> = {
  open: 'opening',
  fold: 'folding batch norms',
  baseline: 'measuring the float model',
  prune: 'making weights sparse',
  ranges: 'measuring ranges',
  optimize: 'optimising layers',
  sensitivity: 'measuring sensitivity',
  masks: 'measuring masks',
  allocate: 'allocating bits',
  quantize: 'quantising',
  tune: 'tuning statistics',
  export: 'writing the model',
  verify: 'verifying',
  report: 'writing the report',
};

/** Progress as one line on a terminal, log lines on standard error. */
export function jobHooks({ terminal, signal }: CommandContext): JobHooks {
  return {
    signal,
    onProgress: (progress) => terminal.status(progressLine(progress)),
    log: (line) => terminal.err(printable(line)),
  };
}

/** "measuring sensitivity  34/88  layers.2.conv1  about 40 s left". */
export function progressLine(progress: JobProgress): string {
  const running = progress.stages.find((stage) => stage.status === 'running');
  if (running === undefined) {
    return '';
  }
  const left = progress.secondsLeft === undefined ? '' : `about ${formatSeconds(progress.secondsLeft)} left`;
  return [
    stageWords[running.name],
    running.total > 1 ? `${running.done}/${running.total}` : '',
    printable(running.detail),
    left,
  ]
    .filter((part) => part !== '')
    .join('  ');
}
