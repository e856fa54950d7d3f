import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import type { JobId, JobKind, JobSnapshot } from '../protocol/job';
import type { Budget } from '../protocol/webviewProtocol';
import { extensionError } from './errors';
import { requireOnDisk, samePath } from './fileNames';
import { Job } from './job';
import type { Log } from './log';
import type { RecipeIndex } from './recipeIndex';

/** All jobs of this window, newest first. Finished ones stay until they are cleared. */
export class JobManager implements vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly jobs: Job[] = [];
  private readonly didChange = this.store.add(new vscode.EventEmitter<JobSnapshot | undefined>());
  /** The snapshot that changed; `undefined` when the list itself did. */
  readonly onDidChange = this.didChange.event;
  private readonly didStart = this.store.add(new vscode.EventEmitter<Job>());
  readonly onDidStart = this.didStart.event;
  private counter = 0;

  constructor(
    private readonly script: string,
    private readonly logFolder: vscode.Uri,
    private readonly recipes: RecipeIndex,
    private readonly log: Log,
  ) {}

  get all(): readonly Job[] {
    return this.jobs;
  }

  find(id: JobId): Job | undefined {
    return this.jobs.find((job) => job.snapshot.id === id);
  }

  /** Starts at once. Refuses in restricted mode, and while another job works on the same recipe. */
  async start(kind: JobKind, recipe: vscode.Uri, budget?: Budget): Promise<Job> {
    if (!vscode.workspace.isTrusted) {
      throw extensionError(
        'extension/not-trusted',
        vscode.l10n.t('Jobs read data and run models, so they need a trusted workspace.'),
      );
    }
    requireOnDisk(recipe);
    await saveOpenDocument(recipe);
    const busy = this.jobs.find((job) => job.isRunning && samePath(job.snapshot.recipePath, recipe.fsPath));
    if (busy !== undefined) {
      throw extensionError(
        'extension/busy',
        vscode.l10n.t('A job is running on this recipe already. Cancel it or wait for its end.'),
      );
    }
    const file = await this.recipes.read(recipe);
    const started = new Date();
    const stamp = started.toISOString().replace(/[-:]/g, '').replace(/\..*/, '');
    const id = `${stamp}-${++this.counter}` as JobId;
    const job = new Job({
      id,
      kind,
      recipePath: recipe.fsPath,
      modelPath: file?.summary?.modelPath ?? '',
      budget,
      script: this.script,
      logPath: vscode.Uri.joinPath(this.logFolder, 'jobs', `${id}.log`).fsPath,
      log: this.log,
    });
    this.store.add(job);
    this.jobs.unshift(job);
    job.onDidChange((snapshot) => this.changed(snapshot));
    this.changed(undefined);
    this.didStart.fire(job);
    await job.start();
    return job;
  }

  clearFinished(): void {
    for (const job of this.jobs.filter((candidate) => !candidate.isRunning)) {
      this.jobs.splice(this.jobs.indexOf(job), 1);
      this.store.remove(job);
    }
    this.changed(undefined);
  }

  dispose(): void {
    this.store.dispose();
  }

  private changed(snapshot: JobSnapshot | undefined): void {
    void vscode.commands.executeCommand('setContext', 'lathe.hasJobs', this.jobs.length > 0);
    void vscode.commands.executeCommand(
      'setContext',
      'lathe.jobRunning',
      this.jobs.some((job) => job.isRunning),
    );
    this.didChange.fire(snapshot);
  }
}

/** A job reads the recipe from disk: what is on the screen must be what runs. */
async function saveOpenDocument(uri: vscode.Uri): Promise<void> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open?.isDirty === true && !(await open.save())) {
    throw extensionError('extension/unsaved', vscode.l10n.t('The recipe could not be saved, so nothing was started.'));
  }
}
