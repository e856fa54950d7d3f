import { LatheError } from '../../base/errors';

export type DiffErrorCode = 'diff/kinds' | 'diff/unknown-kind' | 'diff/read';

const usage = { category: 'usage' } as const;

export function differentKinds(before: string, after: string): LatheError<DiffErrorCode> {
  return new LatheError(
    'diff/kinds',
    `${before} and ${after} cannot be compared: give two recipes, locks, reports or models.`,
    { before, after },
    usage,
  );
}

export function unknownKind(path: string): LatheError<DiffErrorCode> {
  return new LatheError(
    'diff/unknown-kind',
    `${path} is neither a recipe, a lock, a report (JSON) nor a model (.onnx).`,
    { path },
    usage,
  );
}

export function cannotRead(path: string, cause: unknown): LatheError<DiffErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError('diff/read', `Cannot read ${path}: ${reason}`, { path }, { cause, category: 'usage' });
}
