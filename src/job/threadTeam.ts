import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { throwIfCancelled } from '../base/errors';
import type { FoundRows, LayerMoments, RowSlice, RowsWork, RowTeam } from '../methods';

/** Rows to fit, as a thread is told: the moments only where it does not have them from the last time. */
export interface WorkMessage extends Omit<RowsWork, 'moments'> {
  readonly moments: LayerMoments | undefined;
}

/** What a thread is sent. It answers {@link SliceMessage} with {@link FoundRows}, and says {@link READY} when it has started. */
export type ThreadMessage = { readonly work: WorkMessage } | SliceMessage | { readonly end: true };

export interface SliceMessage {
  readonly slice: RowSlice;
}

export const READY = 'ready';

/** Matrices of n × n float64 that a thread holds: moments to fit to and to judge by, the problem and its factor. */
const MATRICES = 4;

export interface TeamOptions {
  /** Bytes that the matrices of all threads together may take. */
  readonly memoryLimit: number;
  readonly signal: AbortSignal | undefined;
  /** @default as many as can run at a time */
  readonly threads?: number;
  /** The program of a thread. @default `fitThread.js` beside this program; where there is none there are no threads */
  readonly program?: string | undefined;
}

/**
 * Threads that fit slices of the rows of one layer at a time, each with matrix products of its own. They start when they are
 * first needed. The slices do not depend on how many threads there are, and neither does what is found.
 */
export class ThreadTeam implements RowTeam {
  private readonly threads: FitThread[] = [];
  private readonly program: string | undefined;

  constructor(private readonly options: TeamOptions) {
    this.program = 'program' in options ? options.program : programBeside();
  }

  /** Throws CancelledError, and whatever ends a thread. */
  async fit(work: RowsWork, slices: readonly RowSlice[], take: (found: FoundRows) => void): Promise<boolean> {
    const { signal } = this.options;
    const threads = await this.start(work.task.layout.columns, slices.length);
    if (threads.length < 2) {
      return false;
    }
    const waiting = slices.values();
    await Promise.all(
      threads.map(async (thread) => {
        thread.begin(work);
        for (const slice of waiting) {
          throwIfCancelled(signal);
          take(await thread.solve(slice));
        }
      }),
    );
    return true;
  }

  /** Ends all threads, each once it has done what it is at: ending one inside native code would end the process. */
  async close(): Promise<void> {
    await Promise.all(this.threads.splice(0).map((thread) => thread.close()));
  }

  /** As many threads as there is memory and work for, ready; fewer than two where they are of no use. */
  private async start(columns: number, slices: number): Promise<readonly FitThread[]> {
    const { memoryLimit, threads = availableParallelism() } = this.options;
    const fitting = Math.floor(memoryLimit / (MATRICES * 8 * columns ** 2));
    const wanted = Math.min(threads, fitting, slices);
    if (this.program === undefined || wanted < 2) {
      return [];
    }
    while (this.threads.length < wanted) {
      this.threads.push(new FitThread(this.program));
    }
    const chosen = this.threads.slice(0, wanted);
    await Promise.all(chosen.map(({ ready }) => ready));
    return chosen;
  }
}

function programBeside(): string | undefined {
  // The commands of the command line lie one folder deeper.
  return ['fitThread.js', '../fitThread.js'].map((name) => join(__dirname, name)).find((path) => existsSync(path));
}

class FitThread {
  readonly ready: Promise<unknown>;
  private readonly worker: Worker;
  private waiting: { resolve(answer: unknown): void; reject(error: Error): void } | undefined;
  private pending: Promise<unknown> | undefined;
  private failure: Error | undefined;
  private known: WeakRef<LayerMoments> | undefined;

  constructor(program: string) {
    // Loaders given to this process are of no use to a bundle and would delay it.
    this.worker = new Worker(program, { execArgv: [], name: 'fit' });
    this.worker.on('message', (answer) => this.waiting?.resolve(answer));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', () => this.fail(new Error('A thread that fits rows has ended.')));
    this.ready = this.answer();
    // Whoever waits for an answer is told; nobody need be waiting.
    this.ready.catch(() => undefined);
  }

  begin({ moments, ...work }: RowsWork): void {
    const isKnown = this.known?.deref() === moments;
    this.known = new WeakRef(moments);
    this.send({ work: { ...work, moments: isKnown ? undefined : moments } });
  }

  async solve(slice: RowSlice): Promise<FoundRows> {
    this.send({ slice });
    return (await this.answer()) as FoundRows;
  }

  async close(): Promise<void> {
    await this.pending?.catch(() => undefined);
    if (this.failure === undefined) {
      const ended = new Promise((resolve) => this.worker.once('exit', resolve));
      this.send({ end: true });
      await ended;
    }
  }

  private send(message: ThreadMessage): void {
    this.worker.postMessage(message);
  }

  private answer(): Promise<unknown> {
    this.pending = new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      this.waiting = { resolve, reject };
    });
    return this.pending;
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.waiting?.reject(this.failure);
  }
}
