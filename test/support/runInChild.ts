import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { JobProgress, RunResult } from '../../src/job/jobTypes';

export type ChildMessage =
  | { readonly progress: JobProgress }
  | { readonly result: Pick<RunResult, 'resumedSteps' | 'outputs'> }
  | { readonly error: string };

export interface ChildRun {
  readonly result: Pick<RunResult, 'resumedSteps' | 'outputs'> | undefined;
  readonly error: string | undefined;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** The main job in a process of its own, as the editor and the shell run it. `onProgress` may kill it. */
export async function runInChild(
  recipePath: string,
  options: {
    readonly env?: NodeJS.ProcessEnv;
    onProgress?(progress: JobProgress, kill: () => void): void;
  } = {},
): Promise<ChildRun> {
  const script = fileURLToPath(new URL('./jobChild.ts', import.meta.url));
  const child = fork(script, [recipePath], {
    execArgv: ['--import', 'tsx'],
    env: options.env ?? process.env,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let result: ChildRun['result'];
  let error: string | undefined;
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.on('message', (message: ChildMessage) => {
    if ('progress' in message) {
      options.onProgress?.(message.progress, () => child.kill('SIGKILL'));
    } else if ('result' in message) {
      result = message.result;
    } else {
      error = message.error;
    }
  });
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('exit', (_, signal) => resolve(signal));
  });
  return { result, error, signal, stderr };
}
