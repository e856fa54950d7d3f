import type { JobId, JobKind, JobSnapshot } from '../../src/protocol/job';
import { element, fill, type Child } from '../controls/element';
import { iconButton, linkButton, progressRing } from '../controls/toolkit';
import { count, duration, timeLeft } from '../text/numbers';
import type { EditorModel } from './editorModel';
import { messageLine } from './messages';

const names: Record<JobKind, string> = {
  analyze: 'Analyze',
  allocate: 'Allocate',
  run: 'Optimize',
  evaluate: 'Evaluate',
};

/** The newest job on this model: what it does, how long it still takes; what came of it, until it is dismissed. */
export class JobLine {
  readonly element = element('div', { class: 'job-line' });
  /** Jobs that had ended before this view opened are history, not news. */
  private readonly seen = new Set<JobId>();
  private first = true;
  private drawn: JobSnapshot | undefined;

  constructor(private readonly model: EditorModel) {}

  update(): void {
    const jobs = this.model.state?.jobs ?? [];
    if (this.model.state !== undefined && this.first) {
      this.first = false;
      for (const job of jobs) {
        if (hasEnded(job)) {
          this.seen.add(job.id);
        }
      }
    }
    const job =
      jobs.find((candidate) => !hasEnded(candidate)) ?? jobs.find((candidate) => !this.seen.has(candidate.id));
    if (job === this.drawn) {
      return;
    }
    this.drawn = job;
    fill(this.element, job === undefined ? undefined : hasEnded(job) ? this.ended(job) : this.running(job));
  }

  private running(job: JobSnapshot): HTMLElement {
    const progress = jobProgress(job);
    const bar = element('div', { class: 'progress-fill' });
    bar.style.setProperty('width', `${Math.round(progress * 1000) / 10}%`);
    const text = runningText(job);
    return element(
      'div',
      { class: 'progress' },
      progressRing(names[job.kind]),
      element('span', { class: 'progress-text', text, title: text }),
      element(
        'span',
        { class: 'message-actions' },
        linkButton('Show log', () => this.model.ask('job/showLog', { id: job.id }, 'The log did not open')),
        linkButton('Cancel', () => this.model.ask('job/cancel', { id: job.id }, 'The job was not cancelled')),
      ),
      element(
        'div',
        {
          class: 'progress-bar',
          attributes: {
            role: 'progressbar',
            'aria-label': `${names[job.kind]} progress`,
            'aria-valuemin': 0,
            'aria-valuemax': 100,
            'aria-valuenow': Math.round(progress * 100),
            'aria-valuetext': text,
          },
        },
        bar,
      ),
    );
  }

  private ended(job: JobSnapshot): HTMLElement {
    const name = names[job.kind];
    const log = linkButton('Show log', () => this.model.ask('job/showLog', { id: job.id }, 'The log did not open'));
    const dismiss = iconButton('close', 'Dismiss', () => {
      this.seen.add(job.id);
      this.model.changed();
    });
    if (job.status === 'failed') {
      return messageLine('error', `${name} failed: ${job.error?.message ?? 'see the log'}`, log, dismiss);
    }
    if (job.status === 'cancelled') {
      return messageLine(
        'info',
        `${name} was cancelled. Finished steps are kept: the next run goes on from there`,
        log,
        dismiss,
      );
    }
    const took = `${name} done in ${duration(job.elapsedSeconds)}`;
    const report: Child =
      job.kind === 'run'
        ? linkButton('Open report', () => this.model.ask('report/open', { format: 'html' }, 'The report did not open'))
        : undefined;
    const compressed: Child =
      job.kind === 'run'
        ? linkButton('Open compressed model', () =>
            this.model.ask('model/openCompressed', null, 'The model did not open'),
          )
        : undefined;
    return job.outsideLimits === true
      ? messageLine('warning', `${took}, outside the recipe's accuracy limit`, report, compressed, dismiss)
      : messageLine('pass', took, report, compressed, dismiss);
  }
}

function hasEnded(job: JobSnapshot): boolean {
  return job.status === 'done' || job.status === 'failed' || job.status === 'cancelled';
}

/** Share of the job that is done: stages count alike, for want of knowing how long the later ones take. */
function jobProgress(job: JobSnapshot): number {
  if (job.secondsLeft !== undefined && job.elapsedSeconds > 0) {
    return job.elapsedSeconds / (job.elapsedSeconds + job.secondsLeft);
  }
  const done = job.stages.reduce((sum, stage) => {
    const ended = stage.status === 'done' || stage.status === 'skipped';
    return sum + (ended ? 1 : stage.total > 0 ? stage.done / stage.total : 0);
  }, 0);
  return job.stages.length === 0 ? 0 : done / job.stages.length;
}

function runningText(job: JobSnapshot): string {
  const stage = job.stages.find((candidate) => candidate.status === 'running');
  const parts = [names[job.kind]];
  if (job.status === 'queued') {
    parts.push('waiting for another job');
  } else if (stage !== undefined) {
    const steps = stage.total > 1 ? ` ${stage.done} of ${stage.total}` : '';
    parts.push(`${stage.name}${steps}`);
    if (stage.detail !== '') {
      parts.push(stage.detail);
    }
  }
  if (job.resumedSteps > 0) {
    parts.push(`${count(job.resumedSteps, 'step')} taken over from an earlier run`);
  }
  if (job.secondsLeft !== undefined) {
    parts.push(timeLeft(job.secondsLeft));
  }
  return parts.join(' · ');
}
