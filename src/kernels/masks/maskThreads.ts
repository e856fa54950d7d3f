import { Worker } from 'node:worker_threads';
import { CancelledError } from '../../base/errors';
import type { MaskMethod } from './maskModule';
import { maskThreadSource } from './maskThread';

/** One call of `maskPlanes`, as its threads see it. Arrays are views of shared memory. */
export interface ThreadTask {
  readonly method: MaskMethod;
  readonly scores: Float32Array | Float64Array;
  readonly mask: Uint8Array;
  /** Counter of the bands handed out. */
  readonly next: Int32Array;
  readonly planes: number;
  readonly rows: number;
  readonly columns: number;
  readonly keep: number;
  readonly group: number;
  readonly bandRows: number;
}

/** Threads that wait for work. They do not keep the process alive. */
const idle: Worker[] = [];

/**
 * Does all bands of a task on so many threads. A thread that fails, or is stopped by the signal, is not used again.
 *
 * @throws CancelledError
 */
export async function runOnThreads(
  module: object,
  task: ThreadTask,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const team = Array.from({ length: threads }, () => idle.pop() ?? startThread(module));
  const cancel = new AbortController();
  const stop = (): void => cancel.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await Promise.all(team.map((thread) => runOnThread(thread, task, cancel.signal)));
  } catch (error) {
    await Promise.all(team.map((thread) => thread.terminate()));
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  idle.push(...team);
}

function runOnThread(thread: Worker, task: ThreadTask, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      signal.removeEventListener('abort', cancelled);
      thread.off('message', finished);
      thread.off('error', failed);
      thread.unref();
      end();
    };
    const cancelled = (): void => settle(() => reject(new CancelledError()));
    const finished = (): void => settle(resolve);
    const failed = (error: Error): void => settle(() => reject(error));
    signal.addEventListener('abort', cancelled);
    thread.on('message', finished);
    thread.on('error', failed);
    thread.ref();
    thread.postMessage(task);
  });
}

function startThread(module: object): Worker {
  // Loaders given to this process (for TypeScript, say) are of no use to the text and would delay it.
  return new Worker(maskThreadSource, { eval: true, workerData: module, execArgv: [], name: 'masks' });
}
