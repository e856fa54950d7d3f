import type { Node as JsonNode } from 'jsonc-parser';
import { formatRecipePath, type RecipePath } from './recipeDiagnostic';

/** Methods that recipes may come to name, and that this version does not have. */
const optimizers = ['adaquant', 'adaround', 'gptq', 'lapq'];

/**
 * Wishes that are understood but not done by this version. A recipe must never carry a wish that is silently ignored, so
 * each is an error that says so plainly; a value that asks for nothing (null, false) is fine.
 */
export function notYet(path: RecipePath, node: JsonNode): string | undefined {
  const field = formatRecipePath(path);
  const [section, ...rest] = path;
  const last = path[path.length - 1];
  if (section === 'sparsity' && path.length === 1 && node.type !== 'null') {
    return `${field}: this version of Lathe measures sparsity but does not make weights sparse yet. Leave it out, or set it to null.`;
  }
  if (section === 'layers' && path.length === 3 && last === 'sparsity' && node.type !== 'null') {
    return `${field}: this version of Lathe does not make weights sparse yet. Leave it out, or set it to null.`;
  }
  if (section === 'tuning' && path.length === 2 && (last === 'bias' || last === 'batchNorm') && node.value === true) {
    return `${field}: this version of Lathe does not tune biases or statistics yet. Leave it out, or set it to false.`;
  }
  if (section === 'quantization' && rest[0] === 'optimizer' && path.length === 3) {
    if (last === 'method' && typeof node.value === 'string' && optimizers.includes(node.value.toLowerCase())) {
      return `${field}: this version of Lathe does not have the method ${JSON.stringify(node.value)} yet; "rtn" (round to nearest) is there.`;
    }
    if (last === 'mode' || last === 'iterations') {
      return `${field}: belongs to methods this version of Lathe does not have yet. Leave it out.`;
    }
  }
  if (section === 'data' && path.length === 3 && last === 'source' && typeof node.value === 'string') {
    if (/\.parquet$/i.test(node.value)) {
      return `${field}: this version of Lathe does not read parquet files yet. Convert the data to .npz, or to a folder of images.`;
    }
  }
  return undefined;
}
