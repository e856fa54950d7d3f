import { LatheError } from '../base/errors';

export type JobErrorCode =
  | 'job/no-calibration'
  | 'job/no-evaluation'
  | 'job/no-labels'
  | 'job/no-budget'
  | 'job/bops-unknown'
  | 'job/no-layers'
  | 'job/export-folder'
  | 'job/not-measured';

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

export function exportFolder(directory: string, cause: unknown): LatheError<JobErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError(
    'job/export-folder',
    `The folder ${directory} for the compressed model cannot be made: ${reason}. Set "export.directory" to a folder that can be written.`,
    { directory },
    { cause },
  );
}
