import { LatheError } from '../base/errors';

export type AnalysisErrorCode = 'analysis/no-weight-values' | 'analysis/feeds';

/** The weight of a layer cannot be read as floats: a packed format of its own. */
export function noWeightValues(layer: string, format: string): LatheError<AnalysisErrorCode> {
  return new LatheError(
    'analysis/no-weight-values',
    `The weights of layer "${layer}" are stored as ${format} and cannot be read as single values.`,
    { layer, format },
  );
}

export function missingFeeds(inputs: readonly string[]): LatheError<AnalysisErrorCode> {
  return new LatheError(
    'analysis/feeds',
    `The model cannot be run for its shapes: no data for input ${inputs.map((name) => `"${name}"`).join(', ')}. Give sample data for it.`,
    { inputs },
  );
}
