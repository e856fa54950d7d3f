import { Worker } from 'node:worker_threads';
import { CancelledError } from '../../base/errors';
import type { Scores } from './maskKernel';
import type { MaskMethod } from './maskModule';
import { maskThreadSource } from './maskThread';

/** What stays the same over the bands of a weight. */
export interface BandTask {
  readonly method: MaskMethod;
  readonly scores: Scores;
  readonly mask: Uint8Array;
  readonly columns: number;
  readonly keep: number;
  readonly group: number;
}

/** Some whole tile rows of a plane: the index of their first cell, and how many rows. */
export interface Band {
  readonly first: number;
  readonly rows: number;
}

/** A band as its thread sees it: scores and mask are views of shared memory. */
interface BandMessage extends BandTask {
  readonly rows: number;
}

/** A thread, and the shared memory of the two bands it holds: one at work, one waiting. */
interface MaskThread {
  readonly worker: Worker;
  readonly slots: [SharedArrayBuffer, SharedArrayBuffer];
}

/** Threads that wait for work. They do not keep the process alive. */
const idle: MaskThread[] = [];

/**
 * Masks bands on so many threads. Bands pass through small buffers of shared memory that are used again: a copy stays in
 * the cache, while fresh memory for a whole weight costs more to touch than its mask to find. A thread that fails, or is
 * stopped by the signal, is not used again.
 *
 * @throws CancelledError
 */
export async function runOnThreads(
  module: object,
  task: BandTask,
  bands: Iterator<Band>,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const team = Array.from({ length: threads }, () => idle.pop() ?? startThread(module));
  try {
    await Promise.all(team.map((thread) => runOnThread(thread, task, bands, signal)));
  } catch (error) {
    await Promise.all(team.map(({ worker }) => worker.terminate()));
    throw error;
  }
  idle.push(...team);
}

function runOnThread(
  thread: MaskThread,
  task: BandTask,
  bands: Iterator<Band>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { worker, slots } = thread;
  return new Promise((resolve, reject) => {
    const sent: { readonly band: Band; readonly slot: 0 | 1; readonly mask: Uint8Array }[] = [];
    const settle = (end: () => void): void => {
      signal?.removeEventListener('abort', cancelled);
      worker.off('message', finished);
      worker.off('error', failed);
      worker.unref();
      end();
    };
    const cancelled = (): void => settle(() => reject(new CancelledError()));
    const failed = (error: Error): void => settle(() => reject(error));
    const send = (slot: 0 | 1): void => {
      const next = bands.next();
      if (next.done !== true) {
        const message = fillSlot(slots, slot, task, next.value);
        sent.push({ band: next.value, slot, mask: message.mask });
        worker.postMessage(message);
      }
    };
    const finished = (): void => {
      const { band, slot, mask } = sent.shift()!;
      task.mask.set(mask, band.first);
      send(slot);
      if (sent.length === 0) {
        settle(resolve);
      }
    };
    signal?.addEventListener('abort', cancelled);
    worker.on('message', finished);
    worker.on('error', failed);
    worker.ref();
    send(0);
    send(1);
    if (sent.length === 0) {
      settle(resolve);
    }
  });
}

/** Copies a band's scores to a slot, which grows as needed. */
function fillSlot(slots: MaskThread['slots'], slot: 0 | 1, task: BandTask, { first, rows }: Band): BandMessage {
  const cells = rows * task.columns;
  const source = task.scores.subarray(first, first + cells);
  if (slots[slot].byteLength < source.byteLength + cells) {
    slots[slot] = new SharedArrayBuffer(source.byteLength + cells);
  }
  const buffer = slots[slot];
  const scores =
    source instanceof Float64Array ? new Float64Array(buffer, 0, cells) : new Float32Array(buffer, 0, cells);
  scores.set(source);
  const { method, columns, keep, group } = task;
  return { method, columns, keep, group, scores, mask: new Uint8Array(buffer, source.byteLength, cells), rows };
}

function startThread(module: object): MaskThread {
  // Loaders given to this process (for TypeScript, say) are of no use to the text and would delay it.
  const worker = new Worker(maskThreadSource, { eval: true, workerData: module, execArgv: [], name: 'masks' });
  return { worker, slots: [new SharedArrayBuffer(0), new SharedArrayBuffer(0)] };
}
