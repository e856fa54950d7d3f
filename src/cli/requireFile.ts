import { statSync } from 'node:fs';
import { noFile } from './errors';

/** A path given as an argument must lead to a file: a mistyped one is a bad argument, not a failed job. */
export function requireFile(path: string, what: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw noFile(path, what);
  }
  return path;
}
