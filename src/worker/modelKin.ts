import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LatheError } from '../base/errors';
import { recipeStem } from '../job/lock/lockFile';
import { loadRecipeText } from '../job/recipe/loadRecipe';
import { readReport, reportPathsOf } from '../job/report/reportFile';
import type { WorkerRequests } from '../protocol/workerProtocol';

type Kin = WorkerRequests['model/kin']['result'];

/** Which float model a file was compressed from and what was made of it, as recipes and their reports say. */
export function modelKin(path: string, recipePaths: readonly string[]): Kin {
  let float: Kin['float'];
  const compressed: string[] = [];
  for (const recipePath of recipePaths) {
    const pair = pairOf(recipePath);
    if (pair === undefined || !existsSync(pair.float) || !existsSync(pair.compressed)) {
      continue;
    }
    if (samePath(pair.float, path)) {
      compressed.push(pair.compressed);
    } else if (samePath(pair.compressed, path)) {
      float ??= pair.float;
    }
  }
  return { compressed: [...new Set(compressed)], ...(float === undefined ? {} : { float }) };
}

/** The models of a recipe: what its report names, else where a run would write. */
function pairOf(recipePath: string): { readonly float: string; readonly compressed: string } | undefined {
  const recipe = quietly(() => loadRecipeText(recipePath).recipe);
  if (recipe === undefined) {
    return undefined;
  }
  const report = quietly(() => readReport(reportPathsOf(recipePath).json));
  return {
    float: recipe.modelPath,
    compressed:
      report === undefined
        ? join(recipe.export.absoluteDirectory, `${recipeStem(recipePath)}.onnx`)
        : resolve(dirname(recipePath), report.compressed.file),
  };
}

/** A recipe or report with faults says so in its own editor; here it names nothing. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (LatheError.is(error)) {
      return undefined;
    }
    throw error;
  }
}

function samePath(a: string, b: string): boolean {
  return process.platform === 'win32' ? a.toLowerCase() === b.toLowerCase() : a === b;
}
