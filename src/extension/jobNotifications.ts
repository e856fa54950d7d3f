import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import type { JobSnapshot, ReportView } from '../protocol/job';
import { toWireError } from './errors';
import { baseName, exists } from './fileNames';
import type { Job } from './job';
import type { JobManager } from './jobManager';
import { jobFraction, jobLine, jobTitle } from './jobProgress';
import type { Log } from './log';
import { formatBytes } from './numbers';
import type { WorkerClient } from './workerClient';

/** Tells about jobs where they were not asked for in sight: a progress notification with Cancel, and one closing message. */
export class JobNotifications implements vscode.Disposable {
  private readonly store = new DisposableStore();

  constructor(
    jobs: JobManager,
    private readonly worker: WorkerClient,
    private readonly log: Log,
  ) {
    this.store.add(
      jobs.onDidStart((job) => {
        this.follow(job).catch((error: unknown) =>
          this.log.error(`notification of a job: ${toWireError(error).message}`),
        );
      }),
    );
  }

  dispose(): void {
    this.store.dispose();
  }

  private async follow(job: Job): Promise<void> {
    const name = baseName(vscode.Uri.file(job.snapshot.recipePath));
    await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `${jobTitle(job.snapshot.kind)} ${name}`,
        cancellable: true,
      },
      async (progress, token) => {
        let shown = 0;
        token.onCancellationRequested(() => job.cancel());
        const listening = job.onDidChange((snapshot) => {
          const percent = Math.floor(jobFraction(snapshot) * 100);
          progress.report({ message: jobLine(snapshot), increment: Math.max(0, percent - shown) });
          shown = Math.max(shown, percent);
        });
        await job.done;
        listening.dispose();
      },
    );
    await this.close(job, name);
  }

  private async close(job: Job, name: string): Promise<void> {
    const { snapshot } = job;
    const showLog = vscode.l10n.t('Show Log');
    const openReport = vscode.l10n.t('Open Report');
    if (snapshot.status === 'cancelled') {
      return;
    }
    if (snapshot.status === 'failed') {
      const text = `${jobTitle(snapshot.kind)} ${name}: ${snapshot.error?.message ?? vscode.l10n.t('failed')}`;
      if ((await vscode.window.showErrorMessage(text, showLog)) === showLog) {
        await vscode.commands.executeCommand('lathe.showJobLog', snapshot.id);
      }
      return;
    }
    if (snapshot.kind !== 'run') {
      return;
    }
    const recipe = vscode.Uri.file(snapshot.recipePath);
    const compare = vscode.l10n.t('Compare');
    const reveal = vscode.l10n.t('Reveal in Explorer');
    const { view } = await this.worker.request('report/read', { recipePath: snapshot.recipePath });
    const text = summary(snapshot, view, name);
    const compressed = view === undefined ? undefined : vscode.Uri.file(view.modelPath);
    const choices =
      compressed !== undefined && (await exists(compressed)) ? [openReport, compare, reveal] : [openReport];
    const answer =
      snapshot.outsideLimits === true
        ? await vscode.window.showWarningMessage(text, ...choices)
        : await vscode.window.showInformationMessage(text, ...choices);
    switch (answer) {
      case openReport:
        await vscode.commands.executeCommand('lathe.openReport', recipe);
        break;
      case compare:
        await vscode.commands.executeCommand('lathe.compareModels', vscode.Uri.file(snapshot.modelPath), compressed);
        break;
      case reveal:
        await vscode.commands.executeCommand('revealInExplorer', compressed);
        break;
      case undefined:
        break;
    }
  }
}

/** "resnet20.lathe.json: 1.11 MB → 162 KB, top1 92.17 → 91.98". */
function summary(snapshot: JobSnapshot, view: ReportView | undefined, name: string): string {
  if (view === undefined) {
    return `${name}: ${jobLine(snapshot)}`;
  }
  const size = `${formatBytes(view.size.floatFileBytes)} → ${formatBytes(view.size.fileBytes)}`;
  const accuracy = view.accuracy;
  // Shares are shown in percent; an error measure is shown as it is.
  const scale = accuracy?.metric === 'mse' ? 1 : 100;
  const digits = scale === 1 ? 4 : 2;
  const metric =
    accuracy === undefined
      ? ''
      : `, ${accuracy.metric} ${(accuracy.float * scale).toFixed(digits)} → ${((accuracy.deployed ?? accuracy.simulated) * scale).toFixed(digits)}`;
  const limits = snapshot.outsideLimits === true ? ` · ${vscode.l10n.t('outside a limit of the recipe')}` : '';
  return `${name}: ${size}${metric}${limits}`;
}
