import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseTree, type ParseError } from 'jsonc-parser';
import { writeFileAtomic } from '../cache/writeFileAtomic';
import { textPosition } from '../recipe/textPosition';
import { validateNode, type SchemaNode } from '../recipe/validateNode';
import { lockDamaged, lockMissing, lockVersion, lockWrite } from './errors';
import { formatLock } from './formatLock';
import { lockSchema, type Lock } from './lockSchema';

/** "resnet20.lathe.json" → "resnet20.lathe.lock.json", beside it. */
export function lockPathOf(recipePath: string): string {
  return join(dirname(recipePath), `${recipeStem(recipePath)}.lathe.lock.json`);
}

/** "resnet20.lathe.lock.json" → "resnet20.lathe.json", beside it. */
export function recipePathOf(lockPath: string): string {
  return lockPath.replace(/\.lock\.json$/i, '.json');
}

/** "resnet20" of "resnet20.lathe.json". */
export function recipeStem(recipePath: string): string {
  return basename(recipePath).replace(/(?:\.lathe)?\.jsonc?$/i, '');
}

/** Throws `lock/missing`, `lock/damaged`, `lock/version`. */
export function readLock(path: string): Lock {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw lockMissing(path);
    }
    throw lockDamaged(path, `it cannot be read (${error instanceof Error ? error.message : String(error)}).`);
  }
  return parseLock(text, path);
}

/** Parses and holds a lock's text to its schema. `path` is for messages. */
export function parseLock(text: string, path: string): Lock {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true });
  if (root === undefined || errors.length > 0) {
    const at = textPosition(text, errors[0]?.offset ?? 0);
    throw lockDamaged(path, `not JSON at line ${at.line}, column ${at.column} (a merge left unfinished?).`);
  }
  const value = JSON.parse(text) as { format?: unknown } | null;
  if (value?.format !== undefined && value.format !== 1) {
    throw lockVersion(path, value.format);
  }
  const problems: string[] = [];
  validateNode(root, lockSchema as unknown as SchemaNode, [], {
    report: (_, message, { offset }) => problems.push(`line ${textPosition(text, offset).line}: ${message}`),
    notYet: () => undefined,
  });
  if (problems.length > 0) {
    throw lockDamaged(path, problems.slice(0, 3).join(' '));
  }
  return value as Lock;
}

/** Writes the lock beside its target and renames; leaves the file alone when it would not change. Throws `lock/write`. */
export function writeLock(path: string, lock: Lock): void {
  const text = formatLock(lock);
  try {
    if (readIfThere(path) !== text) {
      writeFileAtomic(path, text);
    }
  } catch (error) {
    throw lockWrite(path, error);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // Not there yet: written in any case.
  }
}
