import { dirname, join, resolve } from 'node:path';
import { CancelledError } from '../base/errors';
import { allocateJob, analyzeJob, evaluateJob, runJob, type BudgetOverride } from '../job/jobs';
import type { JobHooks, JobProgress } from '../job/jobTypes';
import { loadRecipe } from '../job/recipe/loadRecipe';
import { readReport, reportPathsOf } from '../job/report/reportFile';
import type { JobSnapshot } from '../protocol/job';
import type { WorkerRequests } from '../protocol/workerProtocol';
import { toWireError } from './wireErrors';

type StartParams = WorkerRequests['job/start']['params'];

export interface JobReports {
  onSnapshot(snapshot: JobSnapshot): void;
  log(line: string): void;
}

interface Outcome {
  readonly outputs: readonly string[];
  readonly outsideLimits?: boolean;
}

/** Runs one job and tells about it in whole snapshots; the last one says how it ended. Never throws. */
export class JobProcess {
  private readonly controller = new AbortController();
  private readonly startedAt = Date.now();
  private progress: JobProgress = { stages: [], elapsedSeconds: 0, secondsLeft: undefined, resumedSteps: 0 };
  private modelPath = '';

  constructor(
    private readonly params: StartParams,
    private readonly reports: JobReports,
  ) {}

  cancel(): void {
    this.controller.abort();
  }

  async run(): Promise<void> {
    const hooks: JobHooks = {
      signal: this.controller.signal,
      onProgress: (progress) => {
        this.progress = progress;
        this.report('running');
      },
      log: (line) => this.reports.log(line),
    };
    try {
      this.modelPath = loadRecipe(this.params.recipePath).modelPath;
      this.report('running');
      const outcome = await this.work(hooks);
      this.report('done', outcome);
    } catch (error) {
      if (error instanceof CancelledError || this.controller.signal.aborted) {
        this.report('cancelled');
        return;
      }
      const wire = toWireError(error);
      const stack: unknown = wire.details?.stack;
      if (typeof stack === 'string') {
        this.reports.log(stack);
      }
      this.report('failed', { error: wire });
    }
  }

  private async work(hooks: JobHooks): Promise<Outcome> {
    const { kind, recipePath, budget } = this.params;
    const override: BudgetOverride = budget === undefined ? {} : { ...budget };
    switch (kind) {
      case 'analyze':
        await analyzeJob(recipePath, hooks);
        return { outputs: [] };
      case 'allocate': {
        const { lockPath } = await allocateJob(recipePath, override, hooks);
        return { outputs: lockPath === undefined ? [] : [lockPath] };
      }
      case 'run': {
        const result = await runJob(recipePath, hooks, override);
        for (const message of result.limitMessages) {
          this.reports.log(message);
        }
        return { outputs: Object.values(result.outputs), outsideLimits: !result.withinLimits };
      }
      case 'evaluate': {
        // The compressed model of the last run.
        const report = readReport(reportPathsOf(recipePath).json);
        const { metric, deployed } = await evaluateJob(
          resolve(join(dirname(recipePath), report.compressed.file)),
          recipePath,
          hooks,
        );
        this.reports.log(`${metric.metric} ${metric.value} simulated, ${deployed ?? 'not measured'} as deployed`);
        return { outputs: [] };
      }
    }
  }

  private report(status: JobSnapshot['status'], more: Partial<JobSnapshot> = {}): void {
    const { stages, secondsLeft, resumedSteps } = this.progress;
    this.reports.onSnapshot({
      id: this.params.id,
      kind: this.params.kind,
      recipePath: this.params.recipePath,
      modelPath: this.modelPath,
      status,
      stages,
      startedAt: this.startedAt,
      elapsedSeconds: (Date.now() - this.startedAt) / 1000,
      secondsLeft: status === 'running' ? secondsLeft : undefined,
      resumedSteps,
      ...more,
    });
  }
}
