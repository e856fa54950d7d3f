import { LatheError } from '../../base/errors';

export type LockErrorCode = 'lock/missing' | 'lock/damaged' | 'lock/version' | 'lock/write';

export function lockMissing(path: string): LatheError<LockErrorCode> {
  return new LatheError(
    'lock/missing',
    `There is no lock at ${path}. \`lathe allocate\` writes it.`,
    { path },
    { category: 'usage' },
  );
}

export function lockDamaged(path: string, what: string): LatheError<LockErrorCode> {
  return new LatheError(
    'lock/damaged',
    `${path} is not a sound lock: ${what} Run \`lathe allocate\` to write it anew.`,
    { path },
    { category: 'usage' },
  );
}

export function lockVersion(path: string, format: unknown): LatheError<LockErrorCode> {
  return new LatheError(
    'lock/version',
    `${path} has the format ${String(format)}; this version of Lathe reads format 1.`,
    { path },
    { category: 'usage' },
  );
}

export function lockWrite(path: string, cause: unknown): LatheError<LockErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError(
    'lock/write',
    `Cannot write the lock ${path}: ${reason}. The folder of the recipe must be writable and have space left.`,
    { path },
    { cause },
  );
}
