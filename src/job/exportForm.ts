import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { modelForms, writeModelForm, type ModelForm, type ModelFormResult } from '../export/modelForms';
import { openModel } from '../onnx';
import { notExported } from './errors';
import { recipeStem } from './lock/lockFile';
import { loadRecipe } from './recipe/loadRecipe';
import type { Recipe } from './recipe/recipe';

/** Where a run of a recipe writes its model. */
export function compressedPathOf(recipe: Recipe): string {
  return join(recipe.export.absoluteDirectory, `${recipeStem(recipe.path)}.onnx`);
}

/** Where a form of that model is written by default: beside it. */
export function formPathOf(recipe: Recipe, form: ModelForm): string {
  return join(recipe.export.absoluteDirectory, `${recipeStem(recipe.path)}.${modelForms[form].suffix}`);
}

/**
 * Writes the model of the last run in another form.
 *
 * @param path the file to write; undefined: beside the model
 *
 * Throws `job/not-exported`, `recipe/*`, and as `writeModelForm`.
 */
export function exportForm(
  recipePath: string,
  form: ModelForm,
  path: string | undefined,
  overwrite: boolean,
): ModelFormResult {
  const recipe = loadRecipe(recipePath);
  const compressed = compressedPathOf(recipe);
  if (!existsSync(compressed)) {
    throw notExported(recipe.path, compressed);
  }
  return writeModelForm({
    compressed,
    original: openModel(recipe.modelPath),
    form,
    path: resolve(path ?? formPathOf(recipe, form)),
    overwrite,
  });
}
