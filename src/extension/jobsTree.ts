import * as vscode from 'vscode';
import { DisposableStore } from '../base/disposable';
import { baseName } from './fileNames';
import type { Job } from './job';
import type { JobManager } from './jobManager';
import { jobLine, jobTitle } from './jobProgress';

/** The Jobs view: one line a job, its stages below it. */
export class JobsTree implements vscode.TreeDataProvider<JobNode>, vscode.Disposable {
  private readonly store = new DisposableStore();
  private readonly didChange = this.store.add(new vscode.EventEmitter<JobNode | undefined>());
  readonly onDidChangeTreeData = this.didChange.event;
  private readonly nodes = new WeakMap<Job, JobNode>();

  constructor(private readonly jobs: JobManager) {
    this.store.add(
      jobs.onDidChange((snapshot) => {
        const job = snapshot === undefined ? undefined : jobs.find(snapshot.id);
        this.didChange.fire(job === undefined ? undefined : this.nodeOf(job));
      }),
    );
  }

  register(): vscode.Disposable {
    return vscode.window.createTreeView('lathe.jobs', { treeDataProvider: this });
  }

  getChildren(node?: JobNode): JobNode[] {
    if (node === undefined) {
      return this.jobs.all.map((job) => this.nodeOf(job));
    }
    return node.stage === undefined ? node.job.snapshot.stages.map((_, stage) => ({ job: node.job, stage })) : [];
  }

  getTreeItem(node: JobNode): vscode.TreeItem {
    return node.stage === undefined ? jobItem(node.job) : stageItem(node.job, node.stage);
  }

  dispose(): void {
    this.store.dispose();
  }

  private nodeOf(job: Job): JobNode {
    let node = this.nodes.get(job);
    if (node === undefined) {
      node = { job, stage: undefined };
      this.nodes.set(job, node);
    }
    return node;
  }
}

/** A job, or one of its stages by index. */
export interface JobNode {
  readonly job: Job;
  readonly stage: number | undefined;
}

function jobItem(job: Job): vscode.TreeItem {
  const { snapshot } = job;
  const label = `${jobTitle(snapshot.kind)} ${baseName(vscode.Uri.file(snapshot.recipePath)).replace(/\.lathe\.json$/, '')}`;
  const item = new vscode.TreeItem(
    label,
    job.isRunning ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed,
  );
  item.id = `${snapshot.id}:${job.isRunning ? 'running' : 'ended'}`;
  item.description = jobLine(snapshot);
  item.tooltip = [
    snapshot.recipePath,
    item.description,
    ...(snapshot.resumedSteps > 0
      ? [vscode.l10n.t('{0} steps taken over from an earlier run', snapshot.resumedSteps)]
      : []),
  ].join('\n');
  item.accessibilityInformation = { label: `${label}, ${item.description}` };
  item.contextValue = contextOf(job);
  item.iconPath = icon(
    snapshot.status === 'done' && snapshot.outsideLimits === true
      ? 'outside'
      : job.isRunning
        ? 'running'
        : snapshot.status,
  );
  return item;
}

function contextOf(job: Job): string {
  if (job.isRunning) {
    return 'job.running';
  }
  return job.snapshot.kind === 'run' && job.snapshot.status === 'done' ? 'job.reported' : 'job.ended';
}

function stageItem(job: Job, index: number): vscode.TreeItem {
  const stage = job.snapshot.stages[index];
  const item = new vscode.TreeItem(stage?.name ?? '');
  if (stage !== undefined) {
    const steps = stage.total > 1 && stage.status !== 'waiting' ? `${stage.done}/${stage.total}` : '';
    const detail = stage.status === 'running' || stage.status === 'skipped' ? stage.detail : '';
    item.description = [steps, detail].filter((part) => part !== '').join(' · ');
    item.iconPath = icon(stage.status);
    item.accessibilityInformation = { label: `${stage.name}, ${stage.status}, ${item.description}` };
  }
  return item;
}

function icon(status: string): vscode.ThemeIcon {
  const [name, color] = icons[status] ?? ['circle-outline'];
  return new vscode.ThemeIcon(name, color === undefined ? undefined : new vscode.ThemeColor(color));
}

const icons: Record<string, readonly [name: string, color?: string]> = {
  running: ['loading~spin'],
  done: ['pass', 'testing.iconPassed'],
  outside: ['warning', 'list.warningForeground'],
  failed: ['error', 'testing.iconFailed'],
  cancelled: ['circle-slash'],
  skipped: ['debug-step-over'],
};
