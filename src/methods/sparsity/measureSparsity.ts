import {
  NM_PATTERNS,
  nmEligibility,
  transposableEligibility,
  weightAsMatrix,
  type Layer,
  type NmPattern,
  type Verdict,
} from '../../analysis';
import { countZeros } from '../../kernels';
import { weightCompliance, type Compliance } from './compliance';
import { layerDiversity, type LayerDiversity } from './maskDiversity';
import { checkPattern, maskFromScores, type LayerMask } from './maskLayer';
import { maskScores } from './maskScores';
import { expectedCompliance, expectedDropShare } from './patternChoice';
import { weightPlanes } from './weightPlanes';

/** What a magnitude mask would do to a weight. Shares are 0…1, of sums in float64. */
export interface MaskMeasure {
  /** Σ|w| kept / Σ|w|; 1 for a weight of zeros. */
  readonly retainedMagnitude: number;
  /** Kept cells / all cells, zeros among the kept included. */
  readonly density: number;
  /** Non-zero weights that become zero, and their share of all non-zeros (0 where there are none). */
  readonly dropped: number;
  readonly droppedShare: number;
  /** Σ|w| of the dropped / Σ|w|; 0 for a weight of zeros. */
  readonly droppedMagnitude: number;
}

export interface PatternMeasure {
  readonly pattern: NmPattern;
  /** Whether row-wise and transposable masks make sense, with the reason where not. */
  readonly eligible: Verdict;
  readonly eligibleTransposable: Verdict;
  /** The weight as it is. */
  readonly forward: Compliance;
  readonly backward: Compliance;
  /** Share of forward groups that would comply if the same zeros were spread at random, and of non-zeros to drop. */
  readonly expectedCompliance: number;
  readonly expectedDropShare: number;
  readonly rowWise: MaskMeasure;
  /** The best transposable mask with at most `keep` per line. */
  readonly transposable: MaskMeasure;
  readonly greedy: MaskMeasure;
  /** Row-wise mask and column-wise mask: what pruning the smallest first comes to. */
  readonly intersection: MaskMeasure;
  readonly diversity: LayerDiversity;
}

export interface SparsityMeasure {
  /** `Layer.name`. */
  readonly layer: string;
  readonly elements: number;
  /** Exact zeros. */
  readonly zeroCount: number;
  /** zeroCount / elements; 0 for an empty weight. */
  readonly zeros: number;
  readonly patterns: readonly PatternMeasure[];
}

/**
 * Measures a weight against N:M patterns: how much of it masks keep, how far it complies as it is, what converting it
 * would drop, and how many masks there are. Layers that are not eligible are measured all the same. Loads the weight.
 *
 * Throws `sparsity/non-finite-weight`, `sparsity/pattern`, `analysis/no-weight-values` (packed formats).
 */
export function measureSparsity(
  layer: Layer,
  patterns: readonly NmPattern[] = NM_PATTERNS,
  weights: Float32Array = weightAsMatrix(layer).data,
): SparsityMeasure {
  patterns.forEach(checkPattern);
  const { layout } = weightPlanes(layer);
  const magnitudes = maskScores(layer, layout, weights, 'magnitude', undefined);
  const zeroCount = countZeros(weights, 0, weights.length);
  const zeros = weights.length === 0 ? 0 : zeroCount / weights.length;
  const nonZeros = weights.length - zeroCount;
  return {
    layer: layer.name,
    elements: weights.length,
    zeroCount,
    zeros,
    patterns: patterns.map((pattern) => {
      const { keep, group } = pattern;
      const measured = (transposable: boolean, method: LayerMask['method']): MaskMeasure =>
        measureMask(maskFromScores(layer, weights, magnitudes, { pattern, transposable, method }), weights, nonZeros);
      return {
        pattern,
        eligible: nmEligibility(layer, keep, group),
        eligibleTransposable: transposableEligibility(layer, keep, group),
        ...weightCompliance(layer, weights, pattern),
        expectedCompliance: expectedCompliance(zeros, pattern),
        expectedDropShare: expectedDropShare(zeros, pattern),
        rowWise: measured(false, 'exact'),
        transposable: measured(true, 'exact'),
        greedy: measured(true, 'greedy'),
        intersection: measured(true, 'intersection'),
        diversity: layerDiversity(layer, pattern),
      };
    }),
  };
}

function measureMask(mask: LayerMask, weights: Float32Array, nonZeros: number): MaskMeasure {
  let dropped = 0;
  for (let i = 0; i < weights.length; i++) {
    dropped += mask.mask[i] === 0 && weights[i] !== 0 ? 1 : 0;
  }
  return {
    retainedMagnitude: mask.retainedMagnitude,
    density: mask.density,
    dropped,
    droppedShare: nonZeros === 0 ? 0 : dropped / nonZeros,
    droppedMagnitude: 1 - mask.retainedMagnitude,
  };
}
