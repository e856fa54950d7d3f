import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { recipeInvalid, recipeRead } from './errors';
import { parseRecipe, type RecipePositions } from './parseRecipe';
import type { Recipe } from './recipe';

export interface LoadedRecipe {
  readonly recipe: Recipe;
  readonly text: string;
  readonly positions: RecipePositions;
}

/** Reads and parses a recipe file. Throws `recipe/read`, or `recipe/invalid` with all problems in one message. */
export function loadRecipe(path: string): Recipe {
  return loadRecipeText(path).recipe;
}

/** The same, with the text and the places of its fields, for what is checked later against the model. */
export function loadRecipeText(path: string): LoadedRecipe {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw recipeRead(path, error);
  }
  const { recipe, diagnostics, positions } = parseRecipe(text.replace(/^\uFEFF/, ''), path);
  if (recipe === undefined) {
    const shown = relative(process.cwd(), path);
    throw recipeInvalid(shown === '' || shown.startsWith('..') ? path : shown, text, diagnostics);
  }
  return { recipe, text, positions };
}
