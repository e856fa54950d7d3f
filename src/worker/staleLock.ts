import { findNodeAtLocation, parseTree, type JSONPath } from 'jsonc-parser';
import { existsSync } from 'node:fs';
import { LatheError } from '../base/errors';
import { staleReasons } from '../job/jobs';
import { parseLock, recipePathOf } from '../job/lock/lockFile';
import type { StaleReason } from '../job/lock/lockIsCurrent';
import type { RecipePositions } from '../job/recipe/parseRecipe';
import type { RecipeDiagnostic } from '../protocol/job';

const START = { offset: 0, length: 0 };

/** What made the lock stale, each where the recipe says it now. */
export function staleInRecipe(reasons: readonly StaleReason[], positions: RecipePositions): RecipeDiagnostic[] {
  return reasons.map(({ field, message }) => ({
    severity: 'warning',
    code: 'recipe/stale-lock',
    message: staleMessage(message),
    ...(placeInRecipe(field, positions) ?? positions(['model']) ?? START),
  }));
}

function placeInRecipe(field: StaleReason['field'], positions: RecipePositions): ReturnType<RecipePositions> {
  switch (field) {
    case 'objective':
      return positions(['allocation', 'budget']) ?? positions(['allocation'], 'key');
    case 'preprocess':
      return positions(['data', 'preprocess'], 'key');
    case 'quantization':
      // Tuning is hashed with it.
      return positions(['quantization'], 'key') ?? positions(['tuning'], 'key');
    case 'seed':
      return positions(['seed']);
    case 'allocation':
    case 'sparsity':
    case 'layers':
      return positions([field], 'key');
    case 'calibration':
      return positions(['data', 'calibration', 'source']);
    case 'model':
    case 'lathe':
      return undefined;
  }
}

/**
 * Diagnostics of a lock's text: damaged, or stale, each reason where the lock holds what it was made from. Empty without a
 * recipe beside it, and where recipe or model cannot be read: that is told where it is met.
 */
export async function lockOutlook(path: string, text: string, signal: AbortSignal): Promise<RecipeDiagnostic[]> {
  try {
    parseLock(text, path);
  } catch (error) {
    if (LatheError.is(error)) {
      return [{ severity: 'error', code: error.code, message: error.message, ...START }];
    }
    throw error;
  }
  const recipePath = recipePathOf(path);
  if (!existsSync(recipePath)) {
    return [];
  }
  try {
    const reasons = (await staleReasons(recipePath, { signal })) ?? [];
    const root = parseTree(text);
    return reasons.map(({ field, message }) => {
      const steps = pathInLock(field);
      // A section that the lock does not have is missed in the list of them.
      const node = root && (findNodeAtLocation(root, steps) ?? findNodeAtLocation(root, steps.slice(0, 1)));
      // Of a section its name: a whole one would be underlined over several lines.
      const place = node?.parent?.type === 'property' && node.type === 'object' ? node.parent.children?.[0] : node;
      return {
        severity: 'warning',
        code: 'lock/stale',
        message: staleMessage(message),
        offset: place?.offset ?? 0,
        length: place?.length ?? 0,
      };
    });
  } catch (error) {
    if (LatheError.is(error)) {
      return [];
    }
    throw error;
  }
}

function pathInLock(field: StaleReason['field']): JSONPath {
  switch (field) {
    case 'model':
      return ['model', 'sha256'];
    case 'calibration':
      return ['data', 'calibration'];
    case 'lathe':
    case 'objective':
      return [field];
    default:
      return ['recipe', field];
  }
}

function staleMessage(reason: string): string {
  return `The lock is stale: run Allocate or Optimize. ${reason}`;
}
