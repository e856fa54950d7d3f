import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Disposable } from '../../base/disposable';
import { LatheError } from '../../base/errors';
import { cacheWrite, jobBusy } from './errors';
import { prepareCacheDirectory } from './measurementCache';

interface Owner {
  readonly pid: number;
  /** When the process began, as the system counts it: tells a process from a later one with the same number. */
  readonly processStart: string | undefined;
  /** When the run began, for people. */
  readonly startedAt: string;
}

/**
 * Takes the right to run in `directory` (the `.lathe` folder) until disposed. A lock left by a process that is gone is taken
 * over. Throws `job/busy` naming the process that holds it, or `cache/write`.
 */
export function acquireRunLock(directory: string): Disposable {
  const path = join(directory, 'run.lock');
  const owner: Owner = {
    pid: process.pid,
    processStart: processStart(process.pid),
    startedAt: new Date().toISOString(),
  };
  const text = JSON.stringify(owner);
  try {
    prepareCacheDirectory(directory);
    // A few rounds: a lock may vanish, or be taken over by another, between two looks at it.
    for (let round = 0; round < 5; round++) {
      if (createWhole(path, text)) {
        return { dispose: () => removeIfSame(path, text) };
      }
      const found = readText(path);
      const holder = found === undefined ? undefined : parseOwner(found);
      if (holder !== undefined && isAlive(holder)) {
        throw jobBusy(directory, holder.pid, holder.startedAt);
      }
      if (found !== undefined) {
        removeIfSame(path, found);
      }
    }
  } catch (error) {
    throw LatheError.is(error) ? error : cacheWrite(path, error);
  }
  const holder = parseOwner(readText(path) ?? '');
  throw jobBusy(directory, holder?.pid ?? 0, holder?.startedAt);
}

/** Creates the file with its content in one step; false when it is there. A half-written lock would look abandoned. */
function createWhole(path: string, text: string): boolean {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') {
      return false;
    }
    // File systems without hard links: creation is still exclusive, only not in one step with the content.
    return createExclusive(path, text);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function createExclusive(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

/**
 * Removes the lock if it still is the one that was read. It is moved aside first, which only one process can do; if the
 * moved one turns out to be a newer lock, it is put back.
 */
function removeIfSame(path: string, text: string): void {
  if (readText(path) !== text) {
    return;
  }
  const aside = `${path}.${process.pid}.old`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Another process was faster.
  }
  if (readText(aside) !== text) {
    createWhole(path, readText(aside) ?? '');
  }
  rmSync(aside, { force: true });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // Gone meanwhile.
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner> | null;
    return Number.isInteger(value?.pid) ? (value as Owner) : undefined;
  } catch {
    return undefined; // Damaged, so left by a crash: nobody's.
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: there is such a process, and it is another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) {
      return false;
    }
  }
  const start = processStart(owner.pid);
  return start === undefined || owner.processStart === undefined || start === owner.processStart;
}

/** Field 22 of /proc/PID/stat (clock ticks since boot); undefined where there is no such file. */
function processStart(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
