import type * as vscode from 'vscode';
import type { CancelSignal, Params, Result } from '../protocol/channel';
import type { LayerStatistics } from '../protocol/model';
import type { LayerSparsity, PatternName } from '../protocol/sparsity';
import type { ModelAccess, WorkerRequests } from '../protocol/workerProtocol';
import { BackgroundProcess } from './backgroundProcess';
import type { Log } from './log';
import { settings } from './settings';

/**
 * Quick questions about models and recipes, in one long-lived process that is forked by the first of them. When it
 * crashes, what was asked fails; the next question starts a new one.
 */
export class WorkerClient implements vscode.Disposable {
  private process: BackgroundProcess | undefined;
  private readonly statistics = new Map<number, (layers: readonly LayerStatistics[]) => void>();
  private readonly sparsity = new Map<number, (layers: readonly LayerSparsity[]) => void>();
  private nextToken = 1;
  private disposed = false;

  constructor(
    readonly script: string,
    private readonly log: Log,
  ) {}

  /** For tests and the log. */
  get pid(): number | undefined {
    return this.process?.pid;
  }

  request<K extends keyof WorkerRequests>(
    type: K,
    params: Params<WorkerRequests, K>,
    signal?: CancelSignal,
  ): Promise<Result<WorkerRequests, K>> {
    return this.ensure().channel.request(type, params, signal);
  }

  /** Streams the statistics of a model; resolves when all weights have been read. */
  async readStatistics(
    access: { readonly path: string; readonly followExternalData: boolean },
    onLayers: (layers: readonly LayerStatistics[]) => void,
    signal: CancelSignal,
  ): Promise<void> {
    const token = this.nextToken++;
    this.statistics.set(token, onLayers);
    try {
      await this.request('model/statistics', { ...access, token }, signal);
    } finally {
      this.statistics.delete(token);
    }
  }

  /** Streams the masks of a model; resolves when every layer has been measured. */
  async readSparsity(
    access: ModelAccess,
    patterns: readonly PatternName[],
    onLayers: (layers: readonly LayerSparsity[]) => void,
    signal: CancelSignal,
  ): Promise<void> {
    const token = this.nextToken++;
    this.sparsity.set(token, onLayers);
    try {
      await this.request('model/sparsity', { ...access, token, patterns }, signal);
    } finally {
      this.sparsity.delete(token);
    }
  }

  dispose(): void {
    this.disposed = true;
    this.process?.dispose();
    this.process = undefined;
  }

  private ensure(): BackgroundProcess {
    if (this.process !== undefined) {
      return this.process;
    }
    if (this.disposed) {
      throw new Error('Lathe is shutting down');
    }
    const started = new BackgroundProcess({
      script: this.script,
      memoryLimit: settings.memoryLimit(),
      log: (message) => this.log.warn(message),
      onOutput: (line) => this.log.info(`worker: ${line}`),
      listeners: {
        'model/statistics': ({ token, layers }) => this.statistics.get(token)?.(layers),
        'model/sparsity': ({ token, layers }) => this.sparsity.get(token)?.(layers),
        log: ({ level, message }) => this.log[level](message),
      },
    });
    this.process = started;
    this.log.info(`background process ${started.pid} started`);
    started.onDidExit((how) => {
      if (this.process === started) {
        this.process = undefined;
        if (!this.disposed) {
          this.log.error(`background process ${started.pid} ended (${how})`);
        }
      }
    });
    return started;
  }
}
