import { rowGroupOf, type Layer, type MatrixLayout } from '../../analysis';
import { countNonFinite, dampedInverse } from '../../kernels';
import type { InputMoments, LayerMoments } from '../moments';
import { badMoments, nonFiniteWeight } from './errors';

/**
 * What a mask keeps as much of as it can. With w a weight, x the input it meets and H = G + λ I, G the second moments of
 * the layer's input columns, λ = 1 % of their mean diagonal:
 * - `magnitude`: |w|
 * - `squared`: w²
 * - `wanda`: |w| · ‖x‖₂ (Sun et al. 2023, arXiv 2306.11695, section 3)
 * - `sparsegpt`: w² / [H⁻¹]ⱼⱼ, the error of the row's output when w goes and the rest of the row makes up for it. The
 *   square that Frantar and Alistarh (2023, arXiv 2301.00774, algorithm 1) put on the denominator belongs to the Cholesky
 *   factor of H⁻¹, whose squared diagonal is this quantity for the weights not yet frozen.
 */
export type MaskScore = 'magnitude' | 'squared' | 'wanda' | 'sparsegpt';

export const MASK_SCORES: readonly MaskScore[] = ['magnitude', 'squared', 'wanda', 'sparsegpt'];

/** Whether a score needs moments of the layer's input. */
export function needsMoments(score: MaskScore): boolean {
  return score === 'wanda' || score === 'sparsegpt';
}

/** λ of `sparsegpt`, relative to the mean diagonal of G. */
const DAMPING = 0.01;

/**
 * Non-negative scores of a weight in the order of `weightAsMatrix`, same length. Magnitudes stay float32 (they are exact);
 * the others are float64. Throws `sparsity/non-finite-weight` for NaN and infinities, `sparsity/moments` where moments are
 * missing, of another size or not finite.
 */
export function maskScores(
  layer: Layer,
  layout: MatrixLayout,
  weights: Float32Array,
  score: MaskScore,
  moments: LayerMoments | undefined,
): Float32Array | Float64Array {
  const bad = countNonFinite(weights, 0, weights.length);
  if (bad > 0) {
    throw nonFiniteWeight(layer.name, bad);
  }
  switch (score) {
    case 'magnitude':
      return weights.map(Math.abs);
    case 'squared':
      return Float64Array.from(weights, (w) => w * w);
    case 'wanda':
    case 'sparsegpt': {
      const scales = columnScales(layer, layout, score, moments);
      const { rows, columns } = layout;
      const scores = new Float64Array(weights.length);
      for (let row = 0; row < rows; row++) {
        const scale = scales[rowGroupOf(layout, row)]!;
        for (let c = 0, at = row * columns; c < columns; c++, at++) {
          const w = weights[at]!;
          scores[at] = (score === 'wanda' ? Math.abs(w) : w * w) * scale[c]!;
        }
      }
      return scores;
    }
  }
}

/** Per row group, what |w| or w² is multiplied with in each column. */
function columnScales(
  layer: Layer,
  layout: MatrixLayout,
  score: 'wanda' | 'sparsegpt',
  moments: LayerMoments | undefined,
): Float64Array[] {
  if (moments === undefined) {
    throw badMoments(layer.name, 'none were given');
  }
  const { fit } = moments;
  if (fit.length !== layout.rowGroups) {
    throw badMoments(layer.name, `there are ${fit.length} sets of them for ${layout.rowGroups} groups of rows`);
  }
  return fit.map((group) => {
    if (group.size !== layout.columns) {
      throw badMoments(layer.name, `they are of ${group.size} columns where the weight has ${layout.columns}`);
    }
    const scales = score === 'wanda' ? inputNorms(group) : inverseDiagonal(layer, group);
    if (!scales.every(Number.isFinite)) {
      throw badMoments(layer.name, 'they hold NaN or infinite values');
    }
    return scales;
  });
}

/** ‖x‖₂ of each column over all samples. */
function inputNorms({ size, count, gram }: InputMoments): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => Math.sqrt(Math.max(0, gram[i * size + i]!) * count));
}

/** 1 / [H⁻¹]ⱼⱼ. */
function inverseDiagonal(layer: Layer, { size, gram }: InputMoments): Float64Array {
  const inverse = dampedInverse(gram, size, DAMPING);
  if (inverse === undefined) {
    throw badMoments(layer.name, 'they hold NaN or infinite values');
  }
  return Float64Array.from({ length: size }, (_, i) => 1 / inverse[i * size + i]!);
}
