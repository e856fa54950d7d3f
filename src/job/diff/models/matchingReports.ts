import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LatheError } from '../../../base/errors';
import { modelHash, type Model } from '../../../onnx';
import { readReport } from '../../report/reportFile';
import type { Report } from '../../report/reportSchema';
import type { ComparedSide } from './comparisonSchema';

/** A report that one of the compared files is in. */
export interface MatchingReport {
  readonly path: string;
  readonly report: Report;
  readonly before: Role | undefined;
  readonly after: Role | undefined;
}

type Role = 'float' | 'compressed';

/** A recipe writes into a folder below it: reports are looked for beside a model and two folders up. */
const FOLDERS_UP = 2;
/** In a folder with more reports than this, not all are read. */
const MOST_REPORTS = 200;

/**
 * Reports near two models that measured one of them: told by the paths they name, and held to the size of the compressed
 * file and the hash of the float one. The best first: one that has both, then the latest.
 */
export function matchingReports(
  before: { readonly path: string; readonly model: Model },
  after: { readonly path: string; readonly model: Model },
): { readonly reports: readonly MatchingReport[]; readonly stale: readonly string[] } {
  const stale = new Set<string>();
  const hashes = new Map<Model, string>();
  const hashOf = (model: Model): string => {
    const hash = hashes.get(model) ?? modelHash(model);
    hashes.set(model, hash);
    return hash;
  };
  const roleIn = (path: string, report: Report, side: typeof before): Role | undefined => {
    const folder = dirname(path);
    if (samePath(resolve(folder, report.compressed.file), side.path)) {
      if (report.size.fileBytes === totalBytes(side.model)) {
        return 'compressed';
      }
      stale.add(path);
    } else if (samePath(resolve(folder, report.model.file), side.path)) {
      if (report.model.sha256 === hashOf(side.model)) {
        return 'float';
      }
      stale.add(path);
    }
    return undefined;
  };
  const reports = reportPaths([before.path, after.path]).flatMap((path): MatchingReport[] => {
    const report = readQuietly(path);
    if (report === undefined) {
      return [];
    }
    const roles = { before: roleIn(path, report, before), after: roleIn(path, report, after) };
    return roles.before === undefined && roles.after === undefined ? [] : [{ path, report, ...roles }];
  });
  const sides = (one: MatchingReport): number => Number(one.before !== undefined) + Number(one.after !== undefined);
  reports.sort((a, b) => sides(b) - sides(a) || (a.report.createdAt < b.report.createdAt ? 1 : -1));
  return { reports, stale: [...stale] };
}

/** What a report measured of one of its models. */
export function measuredIn({ path, report }: MatchingReport, role: Role): NonNullable<ComparedSide['measured']> {
  const { accuracy, latency } = report;
  const value = role === 'float' ? accuracy?.float : (accuracy?.deployed ?? accuracy?.simulated);
  return {
    report: path,
    role,
    ...(accuracy === undefined || value === undefined
      ? {}
      : { accuracy: { metric: accuracy.metric, samples: accuracy.samples, value } }),
    ...(latency === undefined ? {} : { latencyMs: role === 'float' ? latency.floatMs : latency.compressedMs }),
  };
}

export function totalBytes(model: Model): number {
  return model.externalFiles.reduce((sum, file) => sum + file.bytes, model.fileBytes);
}

function reportPaths(models: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const model of models) {
    let folder = dirname(resolve(model));
    for (let up = 0; up <= FOLDERS_UP; up++, folder = dirname(folder)) {
      folders.add(folder);
    }
  }
  return [...folders].flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((name) => name.endsWith('.lathe.report.json'))
        .sort()
        .slice(0, MOST_REPORTS)
        .map((name) => join(folder, name));
    } catch {
      return []; // A folder that may not be listed has no reports to offer.
    }
  });
}

/** A damaged report is none: its own command says what is wrong with it. */
function readQuietly(path: string): Report | undefined {
  try {
    return readReport(path);
  } catch (error) {
    if (LatheError.is(error)) {
      return undefined;
    }
    throw error;
  }
}

function samePath(a: string, b: string): boolean {
  const [x, y] = [resolve(a), resolve(b)];
  return process.platform === 'win32' ? x.toLowerCase() === y.toLowerCase() : x === y;
}
