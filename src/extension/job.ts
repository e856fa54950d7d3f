import * as vscode from 'vscode';
import type { JobId, JobKind, JobSnapshot, WireError } from '../protocol/job';
import type { Budget } from '../protocol/webviewProtocol';
import { BackgroundProcess } from './backgroundProcess';
import { isCancellation, toWireError } from './errors';
import { JobLog } from './jobLog';
import type { Log } from './log';
import { settings } from './settings';

export interface JobOptions {
  readonly id: JobId;
  readonly kind: JobKind;
  readonly recipePath: string;
  readonly modelPath: string;
  readonly budget: Budget | undefined;
  readonly script: string;
  readonly logPath: string;
  readonly log: Log;
}

/**
 * One run in a process of its own. Cancelling asks it to stop at the next step and kills it after the grace period; a
 * process that ends without a last snapshot has crashed, and the job fails with the end of its log. Nothing is rerun.
 */
export class Job implements vscode.Disposable {
  private readonly process: BackgroundProcess;
  private readonly jobLog: JobLog;
  private readonly didChange = new vscode.EventEmitter<JobSnapshot>();
  readonly onDidChange = this.didChange.event;
  private readonly ending: Promise<JobSnapshot>;
  private end!: (snapshot: JobSnapshot) => void;
  private cancelRequested = false;
  private killTimer: NodeJS.Timeout | undefined;
  private current: JobSnapshot;

  constructor(private readonly options: JobOptions) {
    const { id, kind, recipePath, modelPath } = options;
    this.current = {
      id,
      kind,
      recipePath,
      modelPath,
      status: 'queued',
      stages: [],
      startedAt: Date.now(),
      elapsedSeconds: 0,
      secondsLeft: undefined,
      resumedSteps: 0,
    };
    this.ending = new Promise((resolve) => (this.end = resolve));
    this.jobLog = new JobLog(options.logPath);
    this.process = new BackgroundProcess({
      script: options.script,
      memoryLimit: settings.memoryLimit(),
      log: (message) => this.jobLog.write(message),
      onOutput: (line) => this.jobLog.write(line),
      listeners: {
        'job/snapshot': (snapshot) => this.take(snapshot),
        'job/log': ({ line }) => this.jobLog.write(line),
        log: ({ message }) => this.jobLog.write(message),
      },
    });
    this.process.onDidExit((how) => this.exited(how));
  }

  get snapshot(): JobSnapshot {
    return this.current;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  get logUri(): vscode.Uri {
    return vscode.Uri.file(this.jobLog.path);
  }

  get isRunning(): boolean {
    return this.current.status === 'queued' || this.current.status === 'running';
  }

  /** Resolves with the last snapshot, however the job ends. */
  get done(): Promise<JobSnapshot> {
    return this.ending;
  }

  async start(): Promise<void> {
    const { id, kind, recipePath, budget } = this.options;
    try {
      await this.jobLog.open();
      this.jobLog.write(`${kind} ${recipePath} (process ${this.process.pid})`);
      await this.process.channel.request('job/start', {
        id,
        kind,
        recipePath,
        ...(budget === undefined ? {} : { budget }),
      });
    } catch (error) {
      // An ended process is told by its exit event, with more to say.
      if (!this.process.hasEnded) {
        this.finish(isCancellation(error) ? 'cancelled' : 'failed', toWireError(error));
      }
    }
  }

  cancel(): void {
    if (!this.isRunning || this.cancelRequested) {
      return;
    }
    this.cancelRequested = true;
    this.jobLog.write('cancel requested');
    this.process.channel.request('job/cancel', { id: this.options.id }).catch((error: unknown) => {
      this.jobLog.write(`cancel: ${toWireError(error).message}`);
    });
    this.killTimer = setTimeout(() => {
      this.jobLog.write('the process did not end in time and is killed');
      this.process.kill();
    }, settings.cancelGrace());
  }

  dispose(): void {
    clearTimeout(this.killTimer);
    this.process.dispose();
    this.didChange.dispose();
  }

  private take(snapshot: JobSnapshot): void {
    if (!this.isRunning) {
      return;
    }
    this.current = snapshot;
    if (snapshot.status === 'queued' || snapshot.status === 'running') {
      this.didChange.fire(snapshot);
    } else {
      this.settled();
    }
  }

  private exited(how: string): void {
    clearTimeout(this.killTimer);
    if (!this.isRunning) {
      return;
    }
    if (this.cancelRequested) {
      this.finish('cancelled');
      return;
    }
    const tail = [...this.jobLog.tail].join('\n');
    this.finish('failed', {
      code: 'job/crashed',
      message: vscode.l10n.t('The background process ended unexpectedly ({0}). Finished steps are kept.', how),
      details: { how, log: tail },
    });
  }

  private finish(status: 'failed' | 'cancelled', error?: WireError): void {
    this.current = {
      ...this.current,
      status,
      stages: this.current.stages.map((stage) => (stage.status === 'running' ? { ...stage, status } : stage)),
      elapsedSeconds: (Date.now() - this.current.startedAt) / 1000,
      secondsLeft: undefined,
      ...(error === undefined ? {} : { error }),
    };
    this.settled();
  }

  private settled(): void {
    const { status, error } = this.current;
    this.jobLog.write(error === undefined ? status : `${status}: ${error.message} [${error.code}]`);
    this.options.log.info(`job ${this.options.id} (${this.options.kind}): ${status}`);
    void this.jobLog.close();
    this.didChange.fire(this.current);
    this.end(this.current);
    // A process that lingers after its last word is of no use.
    const linger = setTimeout(() => this.process.kill(), settings.cancelGrace());
    this.process.onDidExit(() => clearTimeout(linger));
  }
}
