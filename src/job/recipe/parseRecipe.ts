import { dirname, resolve } from 'node:path';
import {
  findNodeAtLocation,
  getNodeValue,
  parseTree,
  printParseErrorCode,
  type Node as JsonNode,
  type ParseError,
} from 'jsonc-parser';
import { normalizeRecipe } from './normalizeRecipe';
import { notYet } from './notYet';
import type { Recipe, SparsityChoice } from './recipe';
import { formatRecipePath } from './recipeDiagnostic';
import type { RecipeDiagnostic, RecipePath } from './recipeDiagnostic';
import { recipeSchema, type WrittenRecipe } from './recipeSchema';
import { validateNode, type Report, type SchemaNode } from './validateNode';

/** Where a field stands in the text. */
export type RecipePositions = (
  path: RecipePath,
  part?: 'key' | 'value',
) => { readonly offset: number; readonly length: number } | undefined;

export interface ParsedRecipe {
  /** There when no diagnostic is an error. */
  readonly recipe: Recipe | undefined;
  /** By place in the text. */
  readonly diagnostics: readonly RecipeDiagnostic[];
  readonly positions: RecipePositions;
}

/** A recipe is a page or two; what is longer is another file. */
const longestText = 4 * 1024 * 1024;

/**
 * Parses the text of a recipe (JSON; comments and trailing commas are tolerated) and reports all that is wrong with it at
 * once. `path` is the file's path, which relative paths resolve against; nothing is read from disk.
 */
export function parseRecipe(text: string, path: string): ParsedRecipe {
  const diagnostics: RecipeDiagnostic[] = [];
  const report: Report = (code, message, { offset, length }, replacement) => {
    const fix = replacement === undefined ? {} : { fix: { text: replacement } };
    diagnostics.push({ severity: 'error', code, message, offset, length, ...fix });
  };
  const root = parseText(text, report);
  const positions: RecipePositions = (fieldPath, part = 'value') => {
    const node = root && findNodeAtLocation(root, [...fieldPath]);
    const place = part === 'key' ? (node?.parent?.children?.[0] ?? node) : node;
    return place && { offset: place.offset, length: place.length };
  };
  if (root !== undefined) {
    validateNode(root, recipeSchema as unknown as SchemaNode, [], { report, notYet });
  }
  let recipe: Recipe | undefined;
  if (root !== undefined && diagnostics.length === 0) {
    recipe = normalizeRecipe(getNodeValue(root) as WrittenRecipe, path);
    checkTogether(recipe, root, positions, report);
  }
  diagnostics.sort((a, b) => a.offset - b.offset);
  return { recipe: diagnostics.length === 0 ? recipe : undefined, diagnostics, positions };
}

function parseText(text: string, report: Report): JsonNode | undefined {
  if (text.length > longestText) {
    report('recipe/syntax', `The file has ${text.length} characters: this is not a recipe.`, { offset: 0, length: 1 });
    return undefined;
  }
  const errors: ParseError[] = [];
  let root: JsonNode | undefined;
  try {
    root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  } catch (error) {
    // The parser is recursive; a text of brackets only exhausts the stack.
    if (!(error instanceof RangeError)) {
      throw error;
    }
    report('recipe/syntax', 'The text is nested too deeply.', { offset: 0, length: 1 });
    return undefined;
  }
  for (const { error, offset, length } of errors) {
    report('recipe/syntax', `Not valid JSON here: ${words(printParseErrorCode(error))}.`, { offset, length });
  }
  if (root === undefined && errors.length === 0) {
    report('recipe/syntax', 'The file is empty: `lathe init MODEL` writes a first recipe.', { offset: 0, length: 0 });
  }
  return root;
}

/** "PropertyNameExpected" → "property name expected". */
function words(code: string): string {
  return code.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}

/** What no single field can be blamed for. */
function checkTogether(recipe: Recipe, root: JsonNode, positions: RecipePositions, report: Report): void {
  const at = (...path: RecipePath): { offset: number; length: number } => {
    for (let end = path.length; end > 0; end--) {
      const place = positions(path.slice(0, end));
      if (place !== undefined) {
        return place;
      }
    }
    return { offset: root.offset, length: 1 };
  };
  const { minimize, budget } = recipe.allocation;
  if (minimize === 'loss' && budget.loss !== undefined) {
    report(
      'recipe/conflict',
      'allocation.budget.loss bounds the loss while allocation.minimize is "loss": set minimize to "size", or give budget.size.',
      at('allocation', 'budget', 'loss'),
    );
  } else if (minimize === 'size' && budget.loss === undefined) {
    report(
      'recipe/conflict',
      'allocation.minimize is "size": give allocation.budget.loss, the largest predicted loss.',
      at('allocation', 'minimize'),
    );
  } else if (minimize === 'loss' && budget.size === undefined && budget.bops === undefined) {
    report('recipe/conflict', 'allocation.budget is empty: give size or bops.', at('allocation', 'budget'));
  }
  if (minimize === 'size' && positions(['allocation', 'budget', 'size']) !== undefined) {
    report(
      'recipe/conflict',
      'allocation.budget.size bounds the size while allocation.minimize is "size": leave out one of them.',
      at('allocation', 'budget', 'size'),
    );
  }

  const { mean, std } = recipe.data.preprocess;
  if (mean.length !== 1 && std.length !== 1 && mean.length !== std.length) {
    report(
      'recipe/conflict',
      `data.preprocess: mean has ${mean.length} values and std ${std.length}. Give one per channel in both, or a single one.`,
      at('data', 'preprocess', 'std'),
    );
  }
  checkLabels(recipe, at, report);
  checkPatterns(recipe, at, report);

  if (resolve(recipe.export.absoluteDirectory) === dirname(recipe.modelPath)) {
    report(
      'recipe/overwrites-model',
      `export.directory is the folder of the model itself, where the compressed model could overwrite it: choose another, e.g. "compressed".`,
      at('export', 'directory'),
    );
  }
  recipe.layers.forEach(({ pattern }) => {
    if (pattern === '') {
      report('recipe/out-of-range', 'layers: a pattern is empty. Give a layer name or a glob.', at('layers', ''));
    }
  });
  const { bits: activationBits } = recipe.quantization.activations;
  const { bits: weightBits } = recipe.quantization.weights;
  if (recipe.quantization.pairing === 'tied' && !weightBits.some((bits) => activationBits.includes(bits))) {
    report(
      'recipe/conflict',
      `quantization.pairing is "tied", but weights (${weightBits.join(', ')}) and activations (${activationBits.join(', ')}) have no width in common.`,
      at('quantization', 'pairing'),
    );
  }
}

/** Largest group that masks are made for. */
const LARGEST_GROUP = 32;

function checkPatterns(
  recipe: Recipe,
  at: (...path: RecipePath) => { offset: number; length: number },
  report: Report,
): void {
  const check = (choice: SparsityChoice | null | undefined, ...path: RecipePath): void => {
    if (choice && (choice.keep >= choice.group || choice.group > LARGEST_GROUP)) {
      const { keep, group } = choice;
      report(
        'recipe/out-of-range',
        `${formatRecipePath(path)}: ${keep}:${group} ${
          group > LARGEST_GROUP
            ? `has groups of more than ${LARGEST_GROUP}`
            : 'keeps everything: the first number is how many of a group are kept'
        }. Write kept:group, e.g. "2:4".`,
        at(...path),
      );
    }
  };
  for (const choice of recipe.sparsity.patterns) {
    check(choice, 'sparsity', 'pattern');
  }
  for (const { pattern, sparsity } of recipe.layers) {
    check(sparsity, 'layers', pattern, 'sparsity');
  }
  const needsData = recipe.sparsity.patterns.length > 1 || recipe.sparsity.score !== 'magnitude';
  if (needsData && recipe.sparsity.score !== 'squared' && recipe.data.calibration === undefined) {
    report(
      'recipe/conflict',
      'sparsity: choosing among patterns and scores from inputs need calibration data: give data.calibration.',
      at('sparsity'),
    );
  }
}

function checkLabels(
  recipe: Recipe,
  at: (...path: RecipePath) => { offset: number; length: number },
  report: Report,
): void {
  const { calibration, evaluation } = recipe.data;
  const arraysOnly = (source: string): boolean => /\.np[yz]$/i.test(source);
  if (evaluation && evaluation.metric !== 'mse' && evaluation.labels === undefined && arraysOnly(evaluation.source)) {
    report(
      'recipe/missing-field',
      `data.evaluation.labels is missing: the metric "${evaluation.metric}" needs the name of the array with the classes. Give it, or set metric to "mse".`,
      at('data', 'evaluation'),
    );
  }
  const { measure } = recipe.quantization.sensitivity;
  if (measure !== 'cross-entropy' && measure !== 'top1') {
    return;
  }
  if (calibration === undefined) {
    report(
      'recipe/conflict',
      `quantization.sensitivity.measure "${measure}" needs calibration data with labels, and data.calibration is missing.`,
      at('quantization', 'sensitivity', 'measure'),
    );
  } else if (calibration.labels === undefined && arraysOnly(calibration.source)) {
    report(
      'recipe/missing-field',
      `data.calibration.labels is missing: quantization.sensitivity.measure "${measure}" needs it. Give it, or measure "kl" or "mse".`,
      at('data', 'calibration'),
    );
  }
}
