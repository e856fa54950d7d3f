/** One thing to say about a recipe's text, with its place. */
export interface RecipeDiagnostic {
  readonly severity: 'error' | 'warning' | 'information';
  readonly code: RecipeDiagnosticCode;
  readonly message: string;
  /** Offset and length in the recipe's text, in UTF-16 code units. */
  readonly offset: number;
  readonly length: number;
  /** What mends it: text in place of a range of the recipe's, by default that of the diagnostic. */
  readonly fix?: { readonly text: string; readonly offset?: number; readonly length?: number };
}

export type RecipeDiagnosticCode =
  | 'recipe/syntax'
  | 'recipe/unknown-field'
  | 'recipe/duplicate-field'
  | 'recipe/missing-field'
  | 'recipe/wrong-type'
  | 'recipe/out-of-range'
  | 'recipe/conflict'
  | 'recipe/not-yet'
  | 'recipe/overwrites-model'
  | 'recipe/missing-file'
  | 'recipe/unknown-layer'
  | 'recipe/refused-layer';

/** Field names and indices from the root of the recipe: ['quantization', 'weights', 'bits', 0]. */
export type RecipePath = readonly (string | number)[];

/** "quantization.weights.bits[0]", `layers["/conv1/*"].weights`. */
export function formatRecipePath(path: RecipePath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') {
      text += `[${part}]`;
    } else if (/^[A-Za-z_$][\w$]*$/.test(part)) {
      text += text === '' ? part : `.${part}`;
    } else {
      text += `[${JSON.stringify(part)}]`;
    }
  }
  return text;
}
