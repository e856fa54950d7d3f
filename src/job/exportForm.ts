import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { modelForms, writeModelForm, type ModelForm, type ModelFormResult } from '../export/modelForms';
import { openModel } from '../onnx';
import { notExported } from './errors';
import { recipeStem } from './lock/lockFile';
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
 * @param path absolute
 *
 * Throws `job/not-exported`, and as `writeModelForm`.
 */
export function exportForm(
  recipe: Recipe,
  form: ModelForm,
  path: string,
  overwrite: boolean | 'model',
): ModelFormResult {
  const compressed = compressedPathOf(recipe);
  if (!existsSync(compressed)) {
    throw notExported(recipe.path, compressed);
  }
  return writeModelForm({ compressed, original: openModel(recipe.modelPath), form, path, overwrite });
}
