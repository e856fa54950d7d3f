import { readFileSync } from 'node:fs';
import { LatheError } from '../base/errors';
import { deleteRun, findRun, listRuns, type KeptRun } from '../job/history/runHistory';
import { cacheDirectory } from '../job/prepare';
import { parseRecipe } from '../job/recipe/parseRecipe';
import type { Recipe, SparsityChoice } from '../job/recipe/recipe';
import { renderMarkdown } from '../job/report/renderMarkdown';
import type { RunFile, RunSettings, RunView } from '../protocol/history';
import { definedBudget } from './budget';

/** The kept runs of a recipe, newest first. */
export function runViews(recipePath: string): RunView[] {
  const present = textOf(recipePath);
  return listRuns(cacheDirectory(recipePath), recipePath).map((run) => runView(run, recipePath, present));
}

/** The text of one kept file. Throws `history/no-run`. */
export function readRunFile(recipePath: string, id: string, file: RunFile): string {
  const run = findRun(cacheDirectory(recipePath), recipePath, id);
  switch (file) {
    case 'recipe':
      return keptText(run.recipePath);
    case 'lock':
      return keptText(run.lockPath);
    case 'report':
      return keptText(run.reportPath);
    case 'markdown':
      return renderMarkdown(run.report);
  }
}

/** Answers how many are gone; one that is not there any more counts as gone. */
export function deleteRuns(recipePath: string, ids: readonly string[]): number {
  const cache = cacheDirectory(recipePath);
  for (const id of ids) {
    try {
      deleteRun(cache, recipePath, id);
    } catch (error) {
      if (!LatheError.is(error, 'history/no-run')) {
        throw error;
      }
    }
  }
  return ids.length;
}

function runView(run: KeptRun, recipePath: string, present: string | undefined): RunView {
  const { report } = run;
  const { accuracy, loss, objective, size } = report;
  const text = textOf(run.recipePath);
  const settings = text === undefined ? undefined : settingsOf(parseRecipe(text, recipePath).recipe);
  return {
    id: run.id,
    createdAt: report.createdAt,
    seconds: report.seconds,
    minimize: objective.minimize,
    budget: definedBudget({ size: undefined, bops: undefined, loss: undefined, ...objective.budget }),
    size: size.nominal,
    fileBytes: size.fileBytes,
    floatFileBytes: size.floatFileBytes,
    ...(accuracy !== undefined && { accuracy }),
    predictedLoss: loss.predicted,
    ...(loss.measured !== undefined && { measuredLoss: loss.measured }),
    lossUnit: loss.unit,
    withinLimits: report.limits.within,
    limitMessages: report.limits.messages,
    ...(settings !== undefined && { settings }),
    files: { recipe: run.recipePath, lock: run.lockPath, report: run.reportPath },
    isPresentRecipe: text !== undefined && text === present,
  };
}

function settingsOf(recipe: Recipe | undefined): RunSettings | undefined {
  if (recipe === undefined) {
    return undefined;
  }
  const { pipeline, quantization, sparsity } = recipe;
  const { method, mode } = quantization.optimizer;
  const patterns = sparsity.auto === undefined ? sparsity.patterns.map(patternText) : [`auto:${sparsity.auto.group}`];
  return {
    ...(pipeline !== undefined && { pipeline }),
    optimizer: !quantization.enabled ? 'none' : method === 'rtn' ? method : `${method}, ${mode}`,
    ...(patterns.length > 0 && { sparsity: patterns.join(' or ') }),
  };
}

function patternText(choice: SparsityChoice | undefined): string {
  return choice === undefined ? 'dense' : `${choice.keep}:${choice.group}${choice.transposable ? ' transposable' : ''}`;
}

/** For a run that is listed: what is missing there was removed by hand. */
function keptText(path: string): string {
  const text = textOf(path);
  if (text === undefined) {
    throw new LatheError(
      'history/no-file',
      `${path} is not there any more: the run was kept in part only. Delete it from the history.`,
      { path },
      { category: 'usage' },
    );
  }
  return text;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      return undefined;
    }
    throw error;
  }
}
