import { readFileSync } from 'node:fs';
import { findNodeAtLocation, parseTree } from 'jsonc-parser';
import { lockPathOf, parseLock } from '../job/lock/lockFile';
import { textPosition } from '../job/recipe/textPosition';
import type { LockEntry } from '../protocol/weights';

/** What the lock beside a recipe says of a layer, and where. Throws `lock/*` for a damaged one. */
export function lockEntry(recipePath: string, layer: string): { readonly path: string; readonly entry?: LockEntry } {
  const path = lockPathOf(recipePath);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      return { path };
    }
    throw error;
  }
  const lock = parseLock(text, path);
  const index = lock.layers.findIndex(({ name }) => name === layer);
  const found = lock.layers[index];
  const root = parseTree(text);
  const node = root && findNodeAtLocation(root, ['layers', index]);
  if (found === undefined || node === undefined) {
    return { path };
  }
  const { weights, input, sparsity, loss, reason } = found;
  return {
    path,
    entry: {
      line: textPosition(text, node.offset).line,
      weightBits: weights.bits,
      activationBits: input.bits,
      ...(weights.scales !== undefined && { scales: weights.scales }),
      ...(sparsity !== undefined && { mask: `${sparsity.pattern}${sparsity.transposable ? ' transposable' : ''}` }),
      loss,
      ...(reason !== undefined && { reason }),
    },
  };
}
