import { toFloat, toMatMulNBits } from '../methods';
import { openModel, type Model } from '../onnx';
import { nothingInBlocks } from './errors';
import { exportModel, refuseInput, type ExportResult } from './exportModel';

/** Forms that a compressed model can be rewritten to; `suffix` follows the stem of the recipe. */
export const modelForms = {
  /** In float32, pruned weights zero, for tools that read no quantised operators. */
  float: { suffix: 'float.onnx', rewrite: rewriteFloat },
  /** With MatMulNBits of ONNX Runtime, where weights have scales per block. */
  matmulnbits: { suffix: 'matmulnbits.onnx', rewrite: rewriteMatMulNBits },
} as const satisfies Readonly<
  Record<string, { readonly suffix: string; readonly rewrite: (model: Model) => string[] }>
>;

export type ModelForm = keyof typeof modelForms;

export interface ModelFormRequest {
  /** The compressed model as it was exported. */
  readonly compressed: string;
  /** The float model it came from: never written over, as the compressed one is not. */
  readonly original: Model;
  readonly form: ModelForm;
  /** Absolute path of the file to write. */
  readonly path: string;
  readonly overwrite: boolean | 'model';
}

export interface ModelFormResult extends ExportResult {
  /** What is not as the form suggests: clauses without a full stop. */
  readonly notes: readonly string[];
}

/**
 * Writes an exported model in another form, opens it again and checks its structure.
 *
 * Throws `export/nothing-in-blocks`, `export/over-input`, `export/unsound`, `onnx/*`.
 */
export function writeModelForm(request: ModelFormRequest): ModelFormResult {
  const { compressed, original, form, path, overwrite } = request;
  const source = openModel(compressed);
  refuseInput(source, path);
  const model = source.clone();
  const notes = modelForms[form].rewrite(model);
  const written = exportModel({
    source: original,
    model,
    quantization: undefined,
    path,
    provenance: { form },
    overwrite,
  });
  return { ...written, notes };
}

function rewriteFloat(model: Model): string[] {
  const { activations, refused } = toFloat(model);
  return [
    ...(activations.length === 0 ? [] : [`${activations.length} activations are not rounded any more`]),
    ...refused.map(({ nodes, reason }) => `${nodes.join(', ')} stays quantised: ${reason}`),
  ];
}

function rewriteMatMulNBits(model: Model): string[] {
  const { converted } = toMatMulNBits(model);
  if (converted.length === 0 && !model.graph.nodes.some(({ opType }) => opType === 'MatMulNBits')) {
    throw nothingInBlocks();
  }
  return [];
}
