import { LatheError } from '../../base/errors';

/** An N:M pattern that no kernel takes. */
export function patternOutOfRange(keep: number, group: number, limit: string): LatheError<'kernels/pattern'> {
  return new LatheError(
    'kernels/pattern',
    `The pattern ${keep} of ${group} cannot be masked: ${limit}. Choose another pattern.`,
    { keep, group },
    { category: 'usage' },
  );
}
