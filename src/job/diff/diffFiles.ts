import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'jsonc-parser';
import { openModel } from '../../onnx';
import { parseLock } from '../lock/lockFile';
import { recipeInvalid } from '../recipe/errors';
import { parseRecipe } from '../recipe/parseRecipe';
import type { Recipe } from '../recipe/recipe';
import { parseReport } from '../report/reportFile';
import type { LayerFields } from './diffLayers';
import { diffLocks, lockLayers } from './diffLocks';
import { diffModels } from './diffModels';
import { diffRecipes, recipeOverrides } from './diffRecipes';
import { diffReports, reportLayers } from './diffReports';
import type { FileDiff } from './diffTypes';
import { cannotRead, differentKinds, unknownKind } from './errors';

type Kind = FileDiff['kind'];

/**
 * Compares two files of one kind, told by their contents. Throws `diff/*`, and what reading them throws (`recipe/*`,
 * `lock/*`, `report/*`, `onnx/*`).
 */
export function diffFiles(beforePath: string, afterPath: string): FileDiff {
  return compareFiles({ path: beforePath }, { path: afterPath }).diff;
}

/** One side of a comparison. */
export interface DiffSource {
  /** Absolute; what the contents name is looked for beside it. */
  readonly path: string;
  /** What the result and messages call it; the path without. */
  readonly name?: string;
  /** Its contents where they are not those on disk, such as an earlier revision. Not for models. */
  readonly text?: string;
}

export interface Comparison {
  readonly diff: FileDiff;
  /** Every layer (override, for recipes) of each file with all its fields, those that did not change too. */
  readonly before: ReadonlyMap<string, LayerFields>;
  readonly after: ReadonlyMap<string, LayerFields>;
}

/** As {@link diffFiles}, with what did not change. */
export function compareFiles(before: DiffSource, after: DiffSource): Comparison {
  const old = load(before);
  const now = load(after);
  if (old.kind !== now.kind) {
    throw differentKinds(`${old.name} (a ${old.kind})`, `${now.name} (a ${now.kind})`);
  }
  const { diff, ...layers } = compareLoaded(old, now);
  return { diff: { before: old.name, after: now.name, ...diff }, ...layers };
}

interface Loaded {
  readonly kind: Kind;
  readonly path: string;
  readonly name: string;
  /** '' for models. */
  readonly text: string;
}

function compareLoaded(
  before: Loaded,
  after: Loaded,
): Omit<Comparison, 'diff'> & { readonly diff: Omit<FileDiff, 'before' | 'after'> } {
  const compare = <T>(
    read: (file: Loaded) => T,
    diff: (a: T, b: T) => Omit<FileDiff, 'before' | 'after'>,
    layers: (file: T) => ReadonlyMap<string, LayerFields>,
  ) => {
    const old = read(before);
    const now = read(after);
    return { diff: diff(old, now), before: layers(old), after: layers(now) };
  };
  switch (before.kind) {
    case 'model':
      return {
        diff: diffModels(
          { path: before.path, model: openModel(before.path) },
          { path: after.path, model: openModel(after.path) },
        ),
        // Their layers are compared as they are: reading the weights once more would double the time.
        before: new Map(),
        after: new Map(),
      };
    case 'lock':
      return compare(({ text, name }) => parseLock(text, name), diffLocks, lockLayers);
    case 'report':
      return compare(({ text, name }) => parseReport(text, name), diffReports, reportLayers);
    case 'recipe':
      return compare(recipeOf, diffRecipes, recipeOverrides);
  }
}

function recipeOf({ path, name, text }: Loaded): Recipe {
  const { recipe, diagnostics } = parseRecipe(text, path);
  if (recipe === undefined) {
    throw recipeInvalid(name, text, diagnostics);
  }
  return recipe;
}

function load({ path, name = path, text }: DiffSource): Loaded {
  if (/\.onnx$/i.test(path)) {
    return { kind: 'model', path, name, text: '' };
  }
  const contents = (text ?? readText(path, name)).replace(/^\uFEFF/, '');
  return { kind: kindOfText(contents, path), path, name, text: contents };
}

function readText(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw cannotRead(name, error);
  }
}

/** By the fields that only one kind has; a damaged file by its name, so that its own reader can say what is wrong. */
function kindOfText(text: string, path: string): Kind {
  const value = parse(text, [], { allowTrailingComma: true }) as unknown;
  const fields = typeof value === 'object' && value !== null ? value : {};
  if ('frontier' in fields && 'machine' in fields) {
    return 'report';
  }
  if ('totals' in fields && 'layers' in fields) {
    return 'lock';
  }
  if ('model' in fields) {
    return 'recipe';
  }
  const name = basename(path);
  if (/\.lock\.json$/i.test(name)) {
    return 'lock';
  }
  if (/\.report\.json$/i.test(name)) {
    return 'report';
  }
  if (/\.lathe\.json$/i.test(name)) {
    return 'recipe';
  }
  throw unknownKind(path);
}
