import { LatheError } from '../../base/errors';
import { nearestName } from '../../base/nearestName';

export type DataErrorCode =
  | 'data/missing'
  | 'data/unknown-format'
  | 'data/damaged'
  | 'data/unsupported'
  | 'data/too-large'
  | 'data/missing-array'
  | 'data/shape'
  | 'data/type'
  | 'data/not-finite'
  | 'data/too-few'
  | 'data/empty'
  | 'data/labels'
  | 'data/image'
  | 'data/preprocess';

const usage = { category: 'usage' } as const;

export function dataMissing(path: string): LatheError<DataErrorCode> {
  return new LatheError(
    'data/missing',
    `There is no data at ${path}. Check the source in the recipe.`,
    { path },
    usage,
  );
}

export function unknownFormat(path: string, why: string): LatheError<DataErrorCode> {
  return new LatheError(
    'data/unknown-format',
    `${path}: ${why}. Lathe reads .npz, .npy, folders of .npy or of images, and IDX files (*-ubyte, .gz too).`,
    { path },
    usage,
  );
}

/** Truncated files, lengths that lie, wrong magic. */
export function dataDamaged(path: string, what: string, cause?: unknown): LatheError<DataErrorCode> {
  return new LatheError('data/damaged', `${path} is damaged: ${what}.`, { path }, { cause, category: 'usage' });
}

export function dataUnsupported(path: string, what: string, advice: string): LatheError<DataErrorCode> {
  return new LatheError('data/unsupported', `${path}: ${what}. ${advice}`, { path }, usage);
}

export function dataTooLarge(path: string, bytes: number, limit: number): LatheError<DataErrorCode> {
  return new LatheError(
    'data/too-large',
    `${path} would take ${bytes} bytes of memory; at most ${limit} are allowed. Store it uncompressed (.npy, or np.savez): then it is read in pieces.`,
    { path, bytes, limit },
    usage,
  );
}

export function missingArray(
  path: string,
  asked: string,
  present: readonly string[],
  why: string,
): LatheError<DataErrorCode> {
  const nearest = nearestName(asked, present);
  const hint = nearest === undefined ? '' : ` Did you mean ${JSON.stringify(nearest)}?`;
  const list = present.length === 0 ? 'none' : present.map((n) => JSON.stringify(n)).join(', ');
  return new LatheError(
    'data/missing-array',
    `${path}: ${why}. Arrays there: ${list}.${hint}`,
    { path, asked, present },
    usage,
  );
}

export function wrongShape(
  where: string,
  input: string,
  expected: readonly (number | string | undefined)[],
  got: readonly number[],
): LatheError<DataErrorCode> {
  return new LatheError(
    'data/shape',
    `${where} has the shape ${formatShape(got)}; the model input ${JSON.stringify(input)} expects ${formatShape(expected)} (the first axis counts samples).`,
    { where, input, expected: expected.map((d) => d ?? null), got },
    usage,
  );
}

export function wrongType(where: string, what: string): LatheError<DataErrorCode> {
  return new LatheError('data/type', `${where}: ${what}.`, { where }, usage);
}

export function notFinite(where: string, sample: number, value: number): LatheError<DataErrorCode> {
  return new LatheError(
    'data/not-finite',
    `${where}: sample ${sample} (counted from 0) holds ${value}. Remove the sample or repair it.`,
    { where, sample },
    usage,
  );
}

export function tooFew(where: string, asked: number, present: number, why: string): LatheError<DataErrorCode> {
  return new LatheError(
    'data/too-few',
    `${where} has ${present} samples; ${why} ${asked}.`,
    { where, asked, present },
    usage,
  );
}

export function emptyData(where: string): LatheError<DataErrorCode> {
  return new LatheError('data/empty', `${where} has no samples.`, { where }, usage);
}

export function badLabels(where: string, what: string): LatheError<DataErrorCode> {
  return new LatheError('data/labels', `${where}: ${what}.`, { where }, usage);
}

export function badImage(path: string, cause: unknown): LatheError<DataErrorCode> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LatheError(
    'data/image',
    `Cannot read the image ${path}: ${reason}. Remove it or repair it.`,
    { path },
    { cause, category: 'usage' },
  );
}

export function badPreprocess(what: string): LatheError<DataErrorCode> {
  return new LatheError('data/preprocess', `data.preprocess: ${what}.`, {}, usage);
}

export function formatShape(shape: readonly (number | string | undefined)[]): string {
  return `[${shape.map((d) => d ?? '?').join(', ')}]`;
}
