import { LatheError } from '../../base/errors';
import type { RecipeDiagnostic } from './recipeDiagnostic';
import { textPosition } from './textPosition';

export type RecipeErrorCode = 'recipe/read' | 'recipe/invalid' | 'recipe/exists' | 'recipe/write';

export function recipeRead(path: string, cause: unknown): LatheError<RecipeErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError(
    'recipe/read',
    `Cannot read the recipe ${path}: ${reason}`,
    { path },
    { cause, category: 'usage' },
  );
}

/** All problems in one message, one a line, each as `file:line:column: …`. */
export function recipeInvalid(
  path: string,
  text: string,
  diagnostics: readonly RecipeDiagnostic[],
): LatheError<RecipeErrorCode> {
  const problems = diagnostics.map((d) => ({ code: d.code, message: d.message, ...textPosition(text, d.offset) }));
  const lines = problems.map((p) => `${path}:${p.line}:${p.column}: ${p.message}`);
  return new LatheError('recipe/invalid', lines.join('\n'), { path, problems }, { category: 'usage' });
}

export function recipeExists(path: string): LatheError<RecipeErrorCode> {
  return new LatheError(
    'recipe/exists',
    `${path} is there already and is not overwritten. Remove it, or give another name.`,
    { path },
    { category: 'usage' },
  );
}

export function recipeNotWritten(path: string, cause: unknown): LatheError<RecipeErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError(
    'recipe/write',
    `Cannot write the recipe ${path}: ${reason}. Choose another place with --out.`,
    { path },
    { cause },
  );
}
