import type { Highs, Model } from 'highs';

/**
 * The linear programme of a transposable tile: maximise Σ score · x with 0 ≤ x ≤ 1 and line sums at most `keep`, or equal
 * to it. Its matrix is totally unimodular, so the optimum is that of masks.
 */
export function maskProgramme(
  highs: Highs,
  scores: Float32Array | Float64Array,
  height: number,
  width: number,
  keep: number,
  exactly: boolean,
): Model {
  const cells = height * width;
  const numRows = height + width;
  const model = highs.createModel();
  model.options.set({
    output_flag: false,
    primal_feasibility_tolerance: 1e-10,
    dual_feasibility_tolerance: 1e-10,
  });
  const lines = Array.from({ length: numRows });
  model.passModel({
    numCols: cells,
    numRows,
    colCost: Array.from(scores.subarray(0, cells), (score) => -score),
    colLower: Array.from({ length: cells }, () => 0),
    colUpper: Array.from({ length: cells }, () => 1),
    rowLower: lines.map(() => (exactly ? keep : -highs.infinity)),
    rowUpper: lines.map(() => keep),
    matrix: {
      format: 'csc',
      numRows,
      numCols: cells,
      starts: Array.from({ length: cells + 1 }, (_, cell) => 2 * cell),
      indices: Array.from({ length: 2 * cells }, (_, n) =>
        n % 2 === 0 ? Math.floor(n / 2 / width) : height + (((n - 1) / 2) % width),
      ),
      values: Array.from({ length: 2 * cells }, () => 1),
    },
  });
  return model;
}

/** Solves the programme and gives the best sum, summed again over the cells chosen. */
export function bestByProgramme(
  highs: Highs,
  scores: Float32Array | Float64Array,
  height: number,
  width: number,
  keep: number,
  exactly: boolean,
): number {
  const model = maskProgramme(highs, scores, height, width, keep, exactly);
  try {
    const { modelStatus } = model.run();
    if (modelStatus !== highs.constants.modelStatus.optimal) {
      throw new Error(`the programme ended with status ${modelStatus}`);
    }
    return model.getSolution().colValue.reduce((sum: number, x: number, cell: number) => sum + x * scores[cell]!, 0);
  } finally {
    model.dispose();
  }
}
