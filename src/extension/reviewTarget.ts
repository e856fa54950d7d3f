import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { DiffView, ReviewTarget } from '../protocol/review';
import { recipeOfOutcome } from './fileNames';

/** The two paths of one comparison; for a commit the same path twice. */
export interface ReviewPair {
  readonly kind: DiffView['kind'];
  readonly beforePath: string;
  readonly afterPath: string;
}

const suffixes = { recipe: '.lathe.json', lock: '.lathe.lock.json', report: '.lathe.report.json' } as const;
const kinds = ['recipe', 'lock', 'report'] as const;

/** What there is to compare: recipe, lock and report where names tell that they belong together, else two files. */
export function pairsOf(target: ReviewTarget): ReviewPair[] {
  if (target.type === 'revision') {
    const stem = stemOf(target.recipePath) ?? target.recipePath;
    return kinds.map((kind) => {
      const path = `${stem}${suffixes[kind]}`;
      return { kind, beforePath: path, afterPath: path };
    });
  }
  const { beforePath, afterPath } = target;
  const [before, after] = [stemOf(beforePath), stemOf(afterPath)];
  if (before === undefined || after === undefined || before === after || kindOf(beforePath) !== kindOf(afterPath)) {
    return [{ kind: kindOf(afterPath), beforePath, afterPath }];
  }
  return kinds.map((kind) => ({
    kind,
    beforePath: `${before}${suffixes[kind]}`,
    afterPath: `${after}${suffixes[kind]}`,
  }));
}

/** The recipe on disk whose lock and model the panel is about; undefined for files that belong to none. */
export function recipePathOf(target: ReviewTarget): string | undefined {
  const path = target.type === 'revision' ? target.recipePath : target.afterPath;
  return stemOf(path) === undefined ? undefined : recipeOfOutcome(path);
}

export function titleOf(target: ReviewTarget): string {
  return basename(target.type === 'revision' ? target.recipePath : target.afterPath);
}

/** Path from the workspace's folder, as `lathe diff` shows it when run there. */
export function shownPath(path: string): string {
  return vscode.workspace.asRelativePath(vscode.Uri.file(path), false);
}

/** What VS Code kept of a panel, or what a caller hands in; undefined when it is nothing of ours. */
export function parseTarget(value: unknown): ReviewTarget | undefined {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const { type, recipePath, revision, beforePath, afterPath } = value as Record<string, unknown>;
  if (type === 'revision' && isPath(recipePath) && isRevision(revision)) {
    return { type, recipePath, revision };
  }
  return type === 'files' && isPath(beforePath) && isPath(afterPath) ? { type, beforePath, afterPath } : undefined;
}

/** Nothing that Git could take for an option. */
export function isRevision(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length < 1000 && !/^-|[\s:]/.test(value);
}

function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length < 32_768;
}

/** "…/resnet20" of its recipe, lock and report. */
function stemOf(path: string): string | undefined {
  return /^(.*)\.lathe(?:\.lock|\.report)?\.json$/s.exec(path)?.[1];
}

function kindOf(path: string): DiffView['kind'] {
  if (/\.onnx$/i.test(path)) {
    return 'model';
  }
  return kinds.find((kind) => kind !== 'recipe' && path.endsWith(`.${kind}.json`)) ?? 'recipe';
}
