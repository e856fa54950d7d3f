import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LatheError } from '../../base/errors';
import { writeFileAtomic } from '../cache/writeFileAtomic';
import { recipeStem } from '../lock/lockFile';
import { readReport } from '../report/reportFile';
import type { Report } from '../report/reportSchema';
import { noRun } from './errors';

/** Older runs are dropped. A run takes some 50 KB. */
const MOST_RUNS = 100;

/** A run as it was kept: its settings, what was decided, what was measured. The model it wrote is not. */
export interface KeptRun {
  /** "resnet20-20261126-173005": sorts by time within a recipe. */
  readonly id: string;
  readonly folder: string;
  readonly recipePath: string;
  readonly lockPath: string;
  readonly reportPath: string;
  readonly report: Report;
}

export interface FinishedRun {
  /** The recipe's text as it was when the run began. */
  readonly recipe: string;
  readonly lockPath: string;
  readonly reportPath: string;
  readonly report: Report;
}

function runsFolder(cacheDirectory: string): string {
  return join(cacheDirectory, 'runs');
}

/** Copies recipe, lock and report of a run into the history, and drops the oldest beyond a hundred. */
export function keepRun(cacheDirectory: string, recipePath: string, run: FinishedRun): KeptRun {
  const stem = recipeStem(recipePath);
  const root = runsFolder(cacheDirectory);
  const time = run.report.createdAt.slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const taken = new Set(idsOf(root, stem));
  let id = `${stem}-${time}`;
  for (let again = 2; taken.has(id); again++) {
    id = `${stem}-${time}-${again}`;
  }
  const kept = pathsOf(root, stem, id);
  mkdirSync(kept.folder, { recursive: true });
  writeFileAtomic(kept.recipePath, run.recipe);
  writeFileAtomic(kept.lockPath, readFileSync(run.lockPath, 'utf8'));
  // Last: a folder without a report is none.
  writeFileAtomic(kept.reportPath, readFileSync(run.reportPath, 'utf8'));
  for (const old of idsOf(root, stem).slice(MOST_RUNS)) {
    rmSync(join(root, old), { recursive: true, force: true });
  }
  return { ...kept, report: run.report };
}

/** The runs of a recipe, newest first. What cannot be read (damaged, of another version) is left out. */
export function listRuns(cacheDirectory: string, recipePath: string): KeptRun[] {
  const stem = recipeStem(recipePath);
  const root = runsFolder(cacheDirectory);
  return idsOf(root, stem).flatMap((id) => {
    const paths = pathsOf(root, stem, id);
    try {
      return [{ ...paths, report: readReport(paths.reportPath) }];
    } catch (error) {
      if (error instanceof LatheError) {
        return [];
      }
      throw error;
    }
  });
}

/** Throws `history/no-run`. */
export function findRun(cacheDirectory: string, recipePath: string, id: string): KeptRun {
  const runs = listRuns(cacheDirectory, recipePath);
  const found = runs.find((run) => run.id === id);
  if (found === undefined) {
    throw noRun(
      basename(recipePath),
      id,
      runs.map((run) => run.id),
    );
  }
  return found;
}

/** Throws `history/no-run`. */
export function deleteRun(cacheDirectory: string, recipePath: string, id: string): void {
  rmSync(findRun(cacheDirectory, recipePath, id).folder, { recursive: true, force: true });
}

function pathsOf(root: string, stem: string, id: string): Omit<KeptRun, 'report'> {
  const folder = join(root, id);
  return {
    id,
    folder,
    recipePath: join(folder, `${stem}.lathe.json`),
    lockPath: join(folder, `${stem}.lathe.lock.json`),
    reportPath: join(folder, `${stem}.lathe.report.json`),
  };
}

/** Newest first; of this recipe alone: "a" does not list the runs of "a-b". */
function idsOf(root: string, stem: string): string[] {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return [];
    }
    throw error;
  }
  const own = (name: string): boolean =>
    name.startsWith(`${stem}-`) && /^\d{8}-\d{6}(-\d+)?$/.test(name.slice(stem.length + 1));
  return names.filter(own).sort().reverse();
}
