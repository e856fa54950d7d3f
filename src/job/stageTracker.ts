import { throwIfCancelled } from '../base/errors';
import type { JobHooks, JobProgress, StageName, StageProgress } from './jobTypes';

/** Snapshots are sent at most this often, except when a stage begins or ends. */
const SNAPSHOT_INTERVAL_MS = 100;

interface MutableStage {
  name: StageName;
  status: StageProgress['status'];
  done: number;
  /** Of `done`, the steps that took work; the others came from the cache and say nothing about the pace. */
  worked: number;
  total: number;
  detail: string;
  startedAt: number;
  seconds: number;
}

/**
 * Follows a job through its stages and reports whole snapshots. The time left is the running stage's own pace for the rest
 * of it, plus the given share for the stages that wait; it is withheld until a twentieth of the running stage is done.
 */
export class StageTracker {
  private readonly stages: MutableStage[];
  private readonly startedAt = Date.now();
  private lastSnapshot = 0;
  private resumed = 0;

  constructor(
    names: readonly StageName[],
    private readonly hooks: JobHooks,
  ) {
    this.stages = names.map((name) => ({
      name,
      status: 'waiting',
      done: 0,
      worked: 0,
      total: 0,
      detail: '',
      startedAt: 0,
      seconds: 0,
    }));
  }

  get signal(): AbortSignal | undefined {
    return this.hooks.signal;
  }

  get resumedSteps(): number {
    return this.resumed;
  }

  get elapsedSeconds(): number {
    return (Date.now() - this.startedAt) / 1000;
  }

  /** Stages that ended well, with their duration. */
  finishedStages(): { readonly name: string; readonly seconds: number }[] {
    return this.stages
      .filter((stage) => stage.status === 'done')
      .map(({ name, seconds }) => ({ name, seconds: Math.round(seconds * 1000) / 1000 }));
  }

  log(line: string): void {
    this.hooks.log?.(line);
  }

  /** Runs one stage; its status follows how the work ends. */
  async stage<T>(name: StageName, total: number, work: (step: StageSteps) => T | Promise<T>): Promise<T> {
    const stage = this.stages.find((candidate) => candidate.name === name);
    if (stage === undefined) {
      throw new Error(`Internal error: stage ${name} was not announced`);
    }
    throwIfCancelled(this.signal);
    Object.assign(stage, { status: 'running', total, startedAt: Date.now() });
    this.report(true);
    try {
      const result = await work({
        setTotal: (value) => {
          stage.total = value;
          this.report(false);
        },
        advance: (detail, steps = 1) => {
          stage.done = Math.min(stage.done + steps, stage.total);
          stage.worked += steps;
          stage.detail = detail;
          this.report(false);
          throwIfCancelled(this.signal);
        },
        resume: (detail, steps = 1) => {
          this.resumed += steps;
          stage.done = Math.min(stage.done + steps, stage.total);
          stage.detail = detail;
          this.report(false);
        },
      });
      stage.status = 'done';
      stage.done = stage.total;
      return result;
    } catch (error) {
      stage.status = this.signal?.aborted === true ? 'cancelled' : 'failed';
      throw error;
    } finally {
      stage.seconds = (Date.now() - stage.startedAt) / 1000;
      this.report(true);
    }
  }

  skip(name: StageName, detail: string): void {
    const stage = this.stages.find((candidate) => candidate.name === name);
    if (stage !== undefined) {
      stage.status = 'skipped';
      stage.detail = detail;
      this.report(true);
    }
  }

  private report(force: boolean): void {
    const now = Date.now();
    if (!force && now - this.lastSnapshot < SNAPSHOT_INTERVAL_MS) {
      return;
    }
    this.lastSnapshot = now;
    this.hooks.onProgress?.(this.snapshot(now));
  }

  private snapshot(now: number): JobProgress {
    return {
      stages: this.stages.map(({ name, status, done, total, detail }) => ({ name, status, done, total, detail })),
      elapsedSeconds: (now - this.startedAt) / 1000,
      secondsLeft: this.secondsLeft(now),
      resumedSteps: this.resumed,
    };
  }

  private secondsLeft(now: number): number | undefined {
    const running = this.stages.find((stage) => stage.status === 'running');
    if (running === undefined || running.worked === 0 || running.worked / running.total < 0.05) {
      return undefined;
    }
    const seconds = (now - running.startedAt) / 1000;
    return (seconds / running.worked) * (running.total - running.done);
  }
}

export interface StageSteps {
  setTotal(total: number): void;
  /** One step (or several) done by work. Throws when the job is cancelled. */
  advance(detail: string, steps?: number): void;
  /** One step taken over from the cache. */
  resume(detail: string, steps?: number): void;
}
