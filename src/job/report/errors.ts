import { LatheError } from '../../base/errors';

export type ReportErrorCode = 'report/missing' | 'report/damaged' | 'report/write';

export function reportMissing(path: string): LatheError<ReportErrorCode> {
  return new LatheError(
    'report/missing',
    `There is no report at ${path}. \`lathe run\` writes it.`,
    { path },
    { category: 'usage' },
  );
}

export function reportDamaged(path: string, what: string): LatheError<ReportErrorCode> {
  return new LatheError(
    'report/damaged',
    `${path} is not a sound report: ${what} Run \`lathe run\` to write it anew.`,
    { path },
    { category: 'usage' },
  );
}

export function reportWrite(path: string, cause: unknown): LatheError<ReportErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError(
    'report/write',
    `Cannot write the report ${path}: ${reason}. The folder must be writable and have space left.`,
    { path },
    { cause },
  );
}
