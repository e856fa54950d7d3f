import { LatheError } from '../base/errors';

export type JobErrorCode =
  | 'job/no-calibration'
  | 'job/no-evaluation'
  | 'job/no-labels'
  | 'job/no-budget'
  | 'job/bops-unknown'
  | 'job/no-layers'
  | 'job/no-maskable-layers'
  | 'job/export-folder'
  | 'job/not-measured'
  | 'job/not-exported';

export function noCalibration(recipePath: string): LatheError<JobErrorCode> {
  return new LatheError(
    'job/no-calibration',
    `${recipePath}: sensitivities and activation ranges need calibration data, and the recipe names none. ` +
      'Add "data": { "calibration": { "source": "…" } }. Without data, `lathe inspect` still shows sizes, zeros and N:M compliance.',
    { recipePath },
    { category: 'usage' },
  );
}

export function noEvaluation(recipePath: string): LatheError<JobErrorCode> {
  return new LatheError(
    'job/no-evaluation',
    `${recipePath}: there is nothing to evaluate on. Add "data": { "evaluation": { "source": "…", "labels": "…", "metric": "top1" } }.`,
    { recipePath },
    { category: 'usage' },
  );
}

export function noLabels(recipePath: string, measure: string): LatheError<JobErrorCode> {
  return new LatheError(
    'job/no-labels',
    `${recipePath}: the sensitivity measure "${measure}" needs labels, and the calibration data has none. ` +
      'Name their array with "data.calibration.labels", or use the measure "kl".',
    { recipePath, measure },
    { category: 'usage' },
  );
}

export function noBudget(recipePath: string): LatheError<JobErrorCode> {
  return new LatheError(
    'job/no-budget',
    `${recipePath}: the allocation has no budget. Set "allocation.budget.size", "bops", or "loss" with "minimize": "size".`,
    { recipePath },
    { category: 'usage' },
  );
}

export function bopsUnknown(modelPath: string): LatheError<JobErrorCode> {
  return new LatheError(
    'job/bops-unknown',
    `${modelPath}: a budget of bit-operations needs the MACs of every layer, and some are unknown because shapes are. ` +
      'Use a size budget, or export the model with shapes.',
    { modelPath },
    { category: 'usage' },
  );
}

/**
 * An allocation that cannot be, in the recipe's own terms.
 *
 * @param smallest the smallest budgets that can be met, as fractions
 * @param floats layers that cannot be quantised, with their share of the float size; largest first
 */
export function budgetUnreachable(
  error: LatheError,
  smallest: { readonly size: number | undefined; readonly bops: number | undefined },
  floats: readonly { readonly name: string; readonly size: number }[],
): LatheError {
  const fields = Object.entries(smallest).flatMap(([name, fraction]) =>
    fraction === undefined ? [] : [`"${name}": ${Math.ceil(fraction * 1e4) / 1e4}`],
  );
  const met = fields.length === 0 ? '' : ` In the recipe, the smallest budget is ${fields.join(', ')}.`;
  const named = floats
    .slice(0, 3)
    .map(({ name, size }) => `"${name}" stays float (${(100 * size).toFixed(1)} % of the size)`);
  const rest = floats.length > named.length ? `, and ${floats.length - named.length} more` : '';
  const kept = named.length === 0 ? '' : ` Counted in: ${named.join(', ')}${rest}.`;
  return new LatheError(
    error.code,
    `${error.message}${met}${kept}`,
    { ...error.details, smallestBudget: smallest, floatLayers: floats.map(({ name }) => name) },
    { cause: error, category: error.category },
  );
}

export function noLayers(modelPath: string, refused: readonly string[]): LatheError<JobErrorCode> {
  const why = refused.length === 0 ? '' : ` Layers found but not possible: ${refused.slice(0, 3).join('; ')}.`;
  return new LatheError('job/no-layers', `${modelPath}: there is no layer whose weights can be quantised.${why}`, {
    modelPath,
  });
}

export function notMeasured(recipePath: string): LatheError<JobErrorCode> {
  return new LatheError(
    'job/not-measured',
    `${recipePath}: this model has not been measured with this recipe. Run Analyze first (\`lathe analyze\`).`,
    { recipePath },
  );
}

export function notExported(recipePath: string, modelPath: string): LatheError<JobErrorCode> {
  return new LatheError(
    'job/not-exported',
    `${recipePath}: there is no ${modelPath} yet. Run Optimize first (\`lathe run\`).`,
    { recipePath, modelPath },
    { category: 'usage' },
  );
}

export function exportFolder(directory: string, cause: unknown): LatheError<JobErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError(
    'job/export-folder',
    `The folder ${directory} for the compressed model cannot be made: ${reason}. Set "export.directory" to a folder that can be written.`,
    { directory },
    { cause },
  );
}

export function noMaskableLayers(modelPath: string, reasons: readonly string[]): LatheError<JobErrorCode> {
  const some = reasons.slice(0, 5);
  const more = reasons.length > some.length ? ` (and ${reasons.length - some.length} more)` : '';
  return new LatheError(
    'job/no-maskable-layers',
    reasons.length === 0
      ? `${modelPath} has no layers that Lathe knows, so there is nothing to mask.`
      : `No layer of ${modelPath} can be masked so: ${some.join('; ')}${more}. Name other layers, or choose another pattern.`,
    { modelPath, reasons },
  );
}
