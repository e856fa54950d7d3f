import type { Node as JsonNode } from 'jsonc-parser';
import { formatRecipePath, type RecipePath } from './recipeDiagnostic';

/**
 * Wishes that are understood but not done by this version. A recipe must never carry a wish that is silently ignored, so
 * each is an error that says so plainly; a value that asks for nothing (null, false) is fine.
 */
export function notYet(path: RecipePath, node: JsonNode): string | undefined {
  const field = formatRecipePath(path);
  const [section] = path;
  const last = path[path.length - 1];
  if (section === 'data' && path.length === 3 && last === 'source' && typeof node.value === 'string') {
    if (/\.parquet$/i.test(node.value)) {
      return `${field}: this version of Lathe does not read parquet files yet. Convert the data to .npz, or to a folder of images.`;
    }
  }
  return undefined;
}
