import * as vscode from 'vscode';
import type { JobKind, JobSnapshot } from '../protocol/job';
import { formatElapsed, formatTimeLeft } from './numbers';

export function jobTitle(kind: JobKind): string {
  switch (kind) {
    case 'analyze':
      return vscode.l10n.t('Analyze');
    case 'allocate':
      return vscode.l10n.t('Allocate');
    case 'run':
      return vscode.l10n.t('Optimize');
    case 'evaluate':
      return vscode.l10n.t('Evaluate');
  }
}

/** Share of the whole that is done, 0…1: every stage that is not skipped weighs the same, by its own steps. */
export function jobFraction(snapshot: JobSnapshot): number {
  const counted = snapshot.stages.filter((stage) => stage.status !== 'skipped');
  if (counted.length === 0) {
    return 0;
  }
  const sum = counted.reduce((total, stage) => {
    if (stage.status === 'done') {
      return total + 1;
    }
    return total + (stage.total > 0 ? Math.min(1, stage.done / stage.total) : 0);
  }, 0);
  return sum / counted.length;
}

/** One line: "sensitivity 14/22, layer2.0.conv1 · about 40 s left". */
export function jobLine(snapshot: JobSnapshot): string {
  switch (snapshot.status) {
    case 'queued':
      return vscode.l10n.t('starting');
    case 'running': {
      const stage = snapshot.stages.find((candidate) => candidate.status === 'running');
      const parts: string[] = [];
      if (stage !== undefined) {
        const steps = stage.total > 1 ? ` ${stage.done}/${stage.total}` : '';
        parts.push(`${stage.name}${steps}${stage.detail === '' ? '' : `, ${stage.detail}`}`);
      }
      if (snapshot.secondsLeft !== undefined) {
        parts.push(formatTimeLeft(snapshot.secondsLeft));
      }
      return parts.join(' · ');
    }
    case 'done':
      return snapshot.outsideLimits === true
        ? vscode.l10n.t('done in {0}, outside a limit', formatElapsed(snapshot.elapsedSeconds))
        : vscode.l10n.t('done in {0}', formatElapsed(snapshot.elapsedSeconds));
    case 'failed':
      return vscode.l10n.t('failed: {0}', snapshot.error?.message ?? '');
    case 'cancelled':
      return vscode.l10n.t('cancelled');
  }
}
