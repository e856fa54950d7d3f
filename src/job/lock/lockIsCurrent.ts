import type { Recipe, RecipeBudget } from '../recipe/recipe';
import type { Lock } from './lockSchema';
import { recipeSections } from './recipeSections';

/** The present state of what a lock was made from. */
export interface LockFacts {
  readonly modelHash: string;
  /** Undefined: not known here (the data is elsewhere), so not compared. Null: the recipe has no calibration data. */
  readonly calibrationHash: string | null | undefined;
  readonly latheVersion: string;
}

export interface StaleReason {
  readonly what: 'model' | 'data' | 'recipe' | 'version';
  /** What the lock holds of it. */
  readonly field: 'model' | 'calibration' | 'objective' | 'lathe' | keyof Lock['recipe'];
  /** A sentence. */
  readonly message: string;
}

/** Why a lock no longer follows from its inputs; empty when it does. */
export function lockIsCurrent(recipe: Recipe, lock: Lock, facts: LockFacts): StaleReason[] {
  const stale: StaleReason[] = [];
  if (lock.model.sha256 !== facts.modelHash) {
    stale.push({
      what: 'model',
      field: 'model',
      message: `The model ${recipe.model} has changed since the lock was written.`,
    });
  }
  if (facts.calibrationHash !== undefined && lock.data.calibration !== facts.calibrationHash) {
    stale.push({
      what: 'data',
      field: 'calibration',
      message: 'The calibration data has changed since the lock was written.',
    });
  }
  const sections = recipeSections(recipe);
  const budget = budgetChange(recipe, lock);
  if (budget !== undefined) {
    stale.push({
      what: 'recipe',
      field: 'objective',
      message: `The recipe has changed since the lock was written: ${budget}.`,
    });
  }
  for (const section of ['quantization', 'allocation', 'sparsity', 'layers', 'preprocess'] as const) {
    if (sections[section] !== lock.recipe[section] && !(section === 'allocation' && budget !== undefined)) {
      stale.push({
        what: 'recipe',
        field: section,
        message: `The recipe's section ${section === 'preprocess' ? 'data.preprocess' : section} has changed since the lock was written.`,
      });
    }
  }
  if (sections.seed !== lock.recipe.seed) {
    stale.push({
      what: 'recipe',
      field: 'seed',
      message: `The recipe's seed has changed: ${lock.recipe.seed} → ${sections.seed}.`,
    });
  }
  if (lock.lathe !== facts.latheVersion) {
    stale.push({
      what: 'version',
      field: 'lathe',
      message: `The lock was written by Lathe ${lock.lathe}; this is ${facts.latheVersion}, which may decide otherwise.`,
    });
  }
  return stale;
}

/** "budget size 0.15 → 0.13"; undefined when objective and budget are the same. */
function budgetChange(recipe: Recipe, lock: Lock): string | undefined {
  const { minimize, budget } = recipe.allocation;
  const changes: string[] = [];
  if (minimize !== lock.objective.minimize) {
    changes.push(`minimize ${lock.objective.minimize} → ${minimize}`);
  }
  for (const name of ['size', 'bops', 'loss'] as const satisfies readonly (keyof RecipeBudget)[]) {
    const before = lock.objective.budget[name];
    const after = budget[name];
    if (before !== after && !(before !== undefined && after !== undefined && nearlyEqual(before, after))) {
      changes.push(`budget ${name} ${before ?? 'none'} → ${after ?? 'none'}`);
    }
  }
  return changes.length === 0 ? undefined : changes.join(', ');
}

/** Locks hold six significant digits. */
function nearlyEqual(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-5 * Math.max(Math.abs(a), Math.abs(b));
}
