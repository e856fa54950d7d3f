import * as vscode from 'vscode';
import type { ReviewPart, ReviewTarget } from '../protocol/review';
import type { ReviewSource } from '../protocol/workerProtocol';
import { isCancellation, toWireError } from './errors';
import { exists } from './fileNames';
import { historyOf, type FileHistory } from './gitHistory';
import { pairsOf, shownPath, type ReviewPair } from './reviewTarget';
import type { WorkerClient } from './workerClient';

export interface ReadReview {
  readonly parts: readonly ReviewPart[];
  /** What `lathe diff --format markdown` prints for the parts, one after the other. */
  readonly markdown: string;
  /** Why nothing can be compared. */
  readonly problem?: string;
  /** Of the recipe; undefined for two files and without Git. */
  readonly history: FileHistory | undefined;
}

/** Reads both sides of a target and has the background process compare them. */
export async function readReview(target: ReviewTarget, worker: WorkerClient, signal: AbortSignal): Promise<ReadReview> {
  let history: FileHistory | undefined;
  if (target.type === 'revision') {
    const found = await historyOf(vscode.Uri.file(target.recipePath));
    if (!found.found) {
      return { parts: [], markdown: '', problem: found.reason, history };
    }
    ({ history } = found);
    if (target.revision === 'HEAD' && history.head === undefined) {
      const problem = vscode.l10n.t('The repository has no commit yet, so there is nothing to compare with.');
      return { parts: [], markdown: '', problem, history };
    }
  }
  const compared = await Promise.all(pairsOf(target).map((pair) => comparePair(pair, target, history, worker, signal)));
  const known = compared.filter((one) => one !== undefined);
  return {
    parts: known.map(({ part }) => part),
    // As the command line prints one after the other.
    markdown: known.map(({ markdown }) => markdown).join(''),
    ...(known.length === 0 ? { problem: nothingThere(target) } : {}),
    history,
  };
}

async function comparePair(
  { kind, beforePath, afterPath }: ReviewPair,
  target: ReviewTarget,
  history: FileHistory | undefined,
  worker: WorkerClient,
  signal: AbortSignal,
): Promise<{ readonly part: ReviewPart; readonly markdown: string } | undefined> {
  const after: ReviewSource = { path: afterPath, name: shownPath(afterPath) };
  const name =
    target.type === 'revision' && history !== undefined
      ? `${target.revision}:${history.relativePath(beforePath)}`
      : shownPath(beforePath);
  const part = (outcome: ReviewPart['outcome'], markdown = '') => ({
    part: { kind, before: name, after: after.name, outcome },
    markdown,
  });
  try {
    const isAfter = await exists(vscode.Uri.file(afterPath));
    let before: ReviewSource | undefined;
    if (target.type === 'revision') {
      const text = await history?.read(target.revision, beforePath);
      before = text === undefined ? undefined : { path: beforePath, name, text };
    } else {
      before = (await exists(vscode.Uri.file(beforePath))) ? { path: beforePath, name } : undefined;
    }
    if (before === undefined) {
      // Compared with itself it tells its figures: the accuracy of a first report is worth knowing.
      return isAfter
        ? part({
            status: 'added',
            diff: (await worker.request('review/compare', { before: after, after }, signal)).diff,
          })
        : undefined;
    }
    if (!isAfter) {
      return part({ status: 'removed' });
    }
    const { diff, markdown } = await worker.request('review/compare', { before, after }, signal);
    const compared = part({ status: 'compared', diff }, markdown);
    return { ...compared, part: { ...compared.part, kind: diff.kind } };
  } catch (error) {
    if (isCancellation(error)) {
      throw error;
    }
    return part({ status: 'failed', error: toWireError(error) });
  }
}

function nothingThere(target: ReviewTarget): string {
  return target.type === 'revision'
    ? vscode.l10n.t('Neither {0} nor the working tree has this recipe.', target.revision)
    : vscode.l10n.t('Neither file is there.');
}
