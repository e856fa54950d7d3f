import { LatheError } from '../../base/errors';

export type HistoryErrorCode = 'history/no-run';

/** The recipe has no run of that number. */
export function noRun(recipe: string, id: string, known: readonly string[]): LatheError<HistoryErrorCode> {
  const there = known.length === 0 ? 'none are kept yet' : `the latest is ${known[0]}`;
  return new LatheError(
    'history/no-run',
    `${recipe} has no run "${id}" in its history: ${there}. "lathe history" lists them.`,
    { recipe, id },
    { category: 'usage' },
  );
}
