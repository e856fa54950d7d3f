import { LatheError } from '../base/errors';

export type ExportErrorCode = 'export/over-input' | 'export/unsound' | 'export/codes' | 'export/nothing-in-blocks';

/** The target is the model that was read, or a file with its weights. */
export function overInput(target: string, input: string): LatheError<ExportErrorCode> {
  return new LatheError(
    'export/over-input',
    `The compressed model is not written to ${target}: that file belongs to the model it was made from. Choose another directory in the recipe ("export").`,
    { target, input },
    { category: 'usage' },
  );
}

/** A model with structural faults, before or after it was written. */
export function unsoundModel(where: string, faults: readonly string[]): LatheError<ExportErrorCode> {
  const named = faults.slice(0, 3).join('; ');
  const more = faults.length > 3 ? `; and ${faults.length - 3} more` : '';
  return new LatheError('export/unsound', `The compressed model (${where}) is not sound: ${named}${more}.`, {
    where,
    faults: faults.slice(0, 20),
  });
}

/** The file does not hold the codes it should. */
export function badCodes(path: string, layer: string, reason: string): LatheError<ExportErrorCode> {
  return new LatheError('export/codes', `The written model ${path} is wrong at layer "${layer}": ${reason}.`, {
    path,
    layer,
  });
}

/** MatMulNBits was asked for, and no weight has the blocks it needs. */
export function nothingInBlocks(): LatheError<ExportErrorCode> {
  return new LatheError(
    'export/nothing-in-blocks',
    'The compressed model has no MatMul or Gemm with scales per block, which MatMulNBits needs. ' +
      'Set "quantization.weights.blockSize" in the recipe (32, say) and run again.',
    {},
    { category: 'usage' },
  );
}
