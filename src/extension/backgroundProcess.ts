import { fork, type ChildProcess } from 'node:child_process';
import * as vscode from 'vscode';
import { Channel, type Link, type Listeners } from '../protocol/channel';
import { WORKER_PROTOCOL_VERSION, type WorkerClientSide, type WorkerSide } from '../protocol/workerProtocol';
import { toWireError } from './errors';

export interface BackgroundProcessOptions {
  /** Path of the worker bundle. */
  readonly script: string;
  /** Megabytes of JavaScript memory. */
  readonly memoryLimit: number;
  readonly listeners: Listeners<WorkerClientSide>;
  readonly log: (message: string) => void;
  /** Lines the process writes itself: native crashes, warnings of the runtime. */
  readonly onOutput?: (line: string) => void;
}

/** Lines of output kept for the report of a crash. */
const TAIL_LINES = 40;

/**
 * One forked process and the channel to it. It runs under VS Code's own Node: Electron as Node on the desktop, plain Node
 * on a server. When the extension host goes, the pipe closes and the process ends itself.
 */
export class BackgroundProcess implements vscode.Disposable {
  readonly channel: Channel<WorkerClientSide, WorkerSide>;
  private readonly child: ChildProcess;
  private readonly tail: string[] = [];
  private readonly didExit = new vscode.EventEmitter<string>();
  /** Fires once with how it ended: "exit code 1", "signal SIGKILL". */
  readonly onDidExit = this.didExit.event;
  private ended: string | undefined;

  constructor(options: BackgroundProcessOptions) {
    this.child = fork(options.script, [], {
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', ORT_DISABLE_TELEMETRY: '1' },
      // The host's own flags (an inspector's port among them) must not be inherited.
      execArgv: [`--max-old-space-size=${options.memoryLimit}`],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      this.collect(stream, options.onOutput);
    }
    const link: Link = {
      send: (message) => {
        if (!this.child.connected) {
          throw new Error('the background process has ended');
        }
        // The exit event tells about a pipe that breaks later.
        this.child.send(message as object, () => undefined);
      },
      onMessage: (listener) => {
        this.child.on('message', listener);
        return { dispose: () => void this.child.off('message', listener) };
      },
      onClose: (listener) => this.onDidExit((how) => listener(`the background process ended (${how})`)),
    };
    this.channel = new Channel<WorkerClientSide, WorkerSide>(link, {}, options.listeners, {
      version: WORKER_PROTOCOL_VERSION,
      toErrorData: toWireError,
      log: options.log,
    });
    this.child.on('error', (error) => this.finish(error.message));
    this.child.on('exit', (code, signal) => this.finish(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.ended !== undefined;
  }

  /** The last lines it wrote, oldest first. */
  get lastOutput(): readonly string[] {
    return this.tail;
  }

  kill(): void {
    if (this.ended === undefined) {
      this.child.kill('SIGKILL');
    }
  }

  dispose(): void {
    this.channel.dispose();
    this.kill();
  }

  private finish(how: string): void {
    if (this.ended === undefined) {
      this.ended = how;
      this.didExit.fire(how);
      this.didExit.dispose();
    }
  }

  private collect(stream: NodeJS.ReadableStream | null, onOutput: ((line: string) => void) | undefined): void {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      const lines = (rest + text).split(/\r?\n/);
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) {
        this.tail.push(line);
        onOutput?.(line);
      }
      this.tail.splice(0, Math.max(0, this.tail.length - TAIL_LINES));
    });
  }
}
