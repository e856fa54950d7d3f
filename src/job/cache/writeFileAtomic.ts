import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

let counter = 0;

/**
 * Writes a file so that readers see the old content or the new, never a part: beside the target, flushed, renamed. The
 * temporary file is removed when that fails. Throws what the file system throws.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}-${counter++}.tmp`;
  let file: number | undefined;
  try {
    file = openSync(temporary, 'wx');
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length;) {
      at += writeSync(file, bytes, at);
    }
    fsyncSync(file);
    closeSync(file);
    file = undefined;
    renameSync(temporary, path);
  } catch (error) {
    if (file !== undefined) {
      closeSync(file);
    }
    rmSync(temporary, { force: true });
    throw error;
  }
}
