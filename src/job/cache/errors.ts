import { LatheError } from '../../base/errors';

export type CacheErrorCode = 'cache/write' | 'job/busy';

export function cacheWrite(path: string, cause: unknown): LatheError<CacheErrorCode> {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = cause instanceof Error ? cause.message : String(cause);
  const advice =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'The disk is full: free some space and run again; finished steps are kept.'
      : code === 'EROFS' || code === 'EACCES' || code === 'EPERM'
        ? 'The folder of the recipe must be writable, for the lock and the measurements.'
        : 'Finished steps are kept; run again when the cause is removed.';
  return new LatheError('cache/write', `Cannot write ${path}: ${reason}. ${advice}`, { path, reason: code }, { cause });
}

export function jobBusy(directory: string, pid: number, startedAt: string | undefined): LatheError<CacheErrorCode> {
  const since = startedAt === undefined ? '' : ` since ${startedAt}`;
  return new LatheError(
    'job/busy',
    `Another run is working in ${directory}${since} (process ${pid}). Wait for it, or stop it and run again: it will go on where that one was.`,
    { directory, pid },
  );
}
