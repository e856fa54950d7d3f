import { LatheError } from '../base/errors';
import { LARGEST_GROUP, type BlockPlace, type PatternName } from '../protocol/sparsity';
import type { SideName } from '../protocol/comparison';
import type { Budget, Pin, RelatedModel } from '../protocol/webviewProtocol';
import type { WeightPictureQuestion } from '../protocol/weights';

/** Rows and columns of a block that may be asked for at once. */
const LARGEST_BLOCK = 128;
/** Runs in one request. */
const MOST_IDS = 1000;
/** Patterns in one request. */
const MOST_PATTERNS = 64;

/** What comes from a webview is unknown until it has passed one of these. */

export function parseText(value: unknown, longest = 65_536): string {
  if (typeof value !== 'string' || value.length > longest) {
    throw malformed('a text');
  }
  return value;
}

/** Names of runs. */
export function parseIds(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > MOST_IDS) {
    throw malformed('a list of runs');
  }
  return value.map((item: unknown) => parseText(item, 1024));
}

export function parseSide(value: unknown): SideName {
  if (value !== 'before' && value !== 'after') {
    throw malformed('a side');
  }
  return value;
}

export function parseRelation(value: unknown): RelatedModel['relation'] {
  if (value !== 'float' && value !== 'compressed' && value !== 'diff') {
    throw malformed('a relation');
  }
  return value;
}

/** A whole number from zero. */
export function parseCount(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw malformed('a whole number');
  }
  return value;
}

export function parseBudget(value: unknown): Budget {
  if (typeof value !== 'object' || value === null) {
    throw malformed('a budget');
  }
  const { size, bops, loss } = value as Record<string, unknown>;
  return { ...amount('size', size), ...amount('bops', bops), ...amount('loss', loss) };
}

export function parsePins(value: unknown): Pin[] {
  if (!Array.isArray(value)) {
    throw malformed('a list of pins');
  }
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null) {
      throw malformed('a pin');
    }
    const { layer, weightBits, activationBits } = item as Record<string, unknown>;
    return {
      layer: parseText(layer),
      ...width('weightBits', weightBits),
      ...width('activationBits', activationBits),
    };
  });
}

export function parsePatterns(value: unknown): PatternName[] {
  if (!Array.isArray(value) || value.length > MOST_PATTERNS) {
    throw malformed('a list of N:M patterns');
  }
  return value.map(parsePattern);
}

export function parsePattern(value: unknown): PatternName {
  const { keep, group } = record(value, 'an N:M pattern');
  const pattern = { keep: whole(keep, 'an N:M pattern'), group: whole(group, 'an N:M pattern') };
  if (pattern.keep < 1 || pattern.keep >= pattern.group || pattern.group > LARGEST_GROUP) {
    throw malformed('an N:M pattern');
  }
  return pattern;
}

export function parsePlace(value: unknown): BlockPlace {
  const what = 'a block of a weight';
  const place = record(value, what);
  const size = (number: unknown) => Math.min(whole(number, what), LARGEST_BLOCK);
  return {
    layer: parseText(place.layer),
    rowGroup: whole(place.rowGroup, what),
    position: whole(place.position, what),
    row: whole(place.row, what),
    column: whole(place.column, what),
    rows: size(place.rows),
    columns: size(place.columns),
  };
}

export function parsePictureQuestion(value: unknown): WeightPictureQuestion {
  const what = 'a question about a weight';
  const { layer, kind, input, first, position } = record(value, what);
  return {
    layer: parseText(layer),
    kind: kind === 'kernels' ? 'kernels' : 'blocks',
    input: input === 'mean' ? 'mean' : whole(input, what),
    first: whole(first, what),
    position: position === 'all' ? 'all' : whole(position, what),
  };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    throw malformed(what);
  }
  return value as Record<string, unknown>;
}

function whole(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(what);
  }
  return value;
}

function amount<K extends string>(key: K, value: unknown): { [P in K]?: number } {
  if (value === undefined || value === null) {
    return {};
  }
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw malformed(`a budget's ${key}`);
  }
  return { [key]: value } as { [P in K]?: number };
}

function width<K extends string>(key: K, value: unknown): { [P in K]?: number | null | 'free' } {
  if (value === undefined) {
    return {};
  }
  if (
    value === null ||
    value === 'free' ||
    (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 32)
  ) {
    return { [key]: value } as { [P in K]?: number | null | 'free' };
  }
  throw malformed(`a pin's ${key}`);
}

function malformed(what: string): LatheError {
  return new LatheError('extension/malformed-message', `The view sent something that is not ${what}.`);
}
