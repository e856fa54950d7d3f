import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'jsonc-parser';
import { openModel } from '../../onnx';
import { parseLock } from '../lock/lockFile';
import { recipeInvalid } from '../recipe/errors';
import { parseRecipe } from '../recipe/parseRecipe';
import type { Recipe } from '../recipe/recipe';
import { parseReport } from '../report/reportFile';
import { diffLocks } from './diffLocks';
import { diffModels } from './diffModels';
import { diffRecipes } from './diffRecipes';
import { diffReports } from './diffReports';
import type { FileDiff } from './diffTypes';
import { cannotRead, differentKinds, unknownKind } from './errors';

type Kind = FileDiff['kind'];

/**
 * Compares two files of one kind, told by their contents. Throws `diff/*`, and what reading them throws (`recipe/*`,
 * `lock/*`, `report/*`, `onnx/*`).
 */
export function diffFiles(beforePath: string, afterPath: string): FileDiff {
  const before = load(beforePath);
  const after = load(afterPath);
  if (before.kind !== after.kind) {
    throw differentKinds(`${beforePath} (a ${before.kind})`, `${afterPath} (a ${after.kind})`);
  }
  return { before: beforePath, after: afterPath, ...diffTexts(before, after) };
}

interface Loaded {
  readonly kind: Kind;
  readonly path: string;
  /** '' for models. */
  readonly text: string;
}

function diffTexts(before: Loaded, after: Loaded): Omit<FileDiff, 'before' | 'after'> {
  switch (before.kind) {
    case 'model':
      return diffModels(
        { path: before.path, model: openModel(before.path) },
        { path: after.path, model: openModel(after.path) },
      );
    case 'lock':
      return diffLocks(parseLock(before.text, before.path), parseLock(after.text, after.path));
    case 'report':
      return diffReports(parseReport(before.text, before.path), parseReport(after.text, after.path));
    case 'recipe':
      return diffRecipes(recipeOf(before), recipeOf(after));
  }
}

function recipeOf({ path, text }: Loaded): Recipe {
  const { recipe, diagnostics } = parseRecipe(text, path);
  if (recipe === undefined) {
    throw recipeInvalid(path, text, diagnostics);
  }
  return recipe;
}

function load(path: string): Loaded {
  if (/\.onnx$/i.test(path)) {
    return { kind: 'model', path, text: '' };
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw cannotRead(path, error);
  }
  return { kind: kindOfText(text, path), path, text };
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
