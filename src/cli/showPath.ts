import { isAbsolute, relative } from 'node:path';

/** A path as people type it: relative where it lies below the folder they are in. */
export function showPath(path: string, folder: string): string {
  const short = relative(folder, path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}
