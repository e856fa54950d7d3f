import type { RecipeInfo } from '../protocol/webviewProtocol';
import type { ParsedRecipeFile } from './recipeIndex';

/** A parsed recipe as the editor shows it. */
export function describeRecipe(file: ParsedRecipeFile, lock: RecipeInfo['lock']): RecipeInfo {
  const { summary } = file;
  return {
    path: file.uri.fsPath,
    name: file.name,
    diagnostics: file.diagnostics,
    budget: summary?.budget ?? {},
    weightBits: summary?.weightBits ?? [],
    activationBits: summary?.activationBits ?? [],
    accuracyDrop: summary?.accuracyDrop,
    overrides: (summary?.overrides ?? []).flatMap(({ layers, offset, text }) => {
      const line = lineOf(file.text, offset);
      return layers.map((layer) => ({ layer, line, text }));
    }),
    lock,
    weightGranularity: summary?.weightGranularity ?? 'per-channel',
    weightSymmetric: summary?.weightSymmetric ?? true,
  };
}

/** 1-based line of an offset. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
  }
  return line;
}
