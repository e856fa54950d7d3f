import {
  asymmetricGrid,
  minMaxInto,
  quantizationError,
  scanAsymmetricScale,
  scanSymmetricScale,
  sortedQuantile,
  symmetricGrid,
  type QuantGrid,
} from '../../kernels';
import { analyticThreshold } from './activationObserver';

/** How a grid follows from the weights alone. */
export interface WeightGridOptions {
  /** 2 to 8. */
  readonly bits: number;
  readonly symmetric: boolean;
  readonly range: 'min-max' | 'percentile' | 'mse' | 'lp' | 'analytic';
  /** For `percentile`: per cent of the values (symmetric: of |w|) kept on each side, 50 to 100. */
  readonly percentile?: number | undefined;
  /** For `lp`: the power of the error, above 0. */
  readonly power?: number | undefined;
}

export const DEFAULT_WEIGHT_PERCENTILE = 99.9;
export const DEFAULT_WEIGHT_POWER = 2.4;

/**
 * Grid of `length` weights from `offset` on, a channel or a whole tensor. It always holds 0; weights that are all zero get
 * scale 1.
 *
 * - `min-max`: everything fits;
 * - `percentile`: the quantiles at `percentile` and, asymmetric, at 100 − `percentile`, between neighbouring values linearly;
 * - `mse`: the threshold max|w| · k / 100, k = 1…100, with the least squared error;
 * - `lp`: the same with the error to the power `power`;
 * - `analytic`: the best threshold of a Laplace or a normal distribution of the same spread about its mean, whichever has the
 *   least squared error on these weights (Banner et al., NeurIPS 2019, ACIQ), see `analyticThreshold`.
 */
export function weightGrid(
  values: Float32Array,
  offset: number,
  length: number,
  { bits, symmetric, range, percentile, power }: WeightGridOptions,
): QuantGrid {
  const ends = new Float64Array(2);
  minMaxInto(values, offset, length, ends);
  const lo = ends[0]!;
  const hi = ends[1]!;
  const make = (low: number, high: number): QuantGrid =>
    symmetric ? symmetricGrid(low, high, bits) : asymmetricGrid(low, high, bits);
  if (length === 0 || (lo === 0 && hi === 0)) {
    return make(0, 0);
  }
  switch (range) {
    case 'min-max':
      return make(lo, hi);
    case 'percentile': {
      const share = (percentile ?? DEFAULT_WEIGHT_PERCENTILE) / 100;
      const sorted = values.slice(offset, offset + length);
      if (symmetric) {
        const high = sortedQuantile(sorted.map(Math.abs).sort(), length, share);
        return high > 0 ? make(-high, high) : make(lo, hi);
      }
      sorted.sort();
      const low = Math.min(0, sortedQuantile(sorted, length, 1 - share));
      const high = Math.max(0, sortedQuantile(sorted, length, share));
      return high > low ? make(low, high) : make(lo, hi);
    }
    case 'mse':
    case 'lp': {
      const p = range === 'mse' ? 2 : (power ?? DEFAULT_WEIGHT_POWER);
      const { qmin, qmax } = make(lo, hi);
      if (symmetric) {
        const { scale } = scanSymmetricScale(values, offset, length, qmin, qmax, p);
        return { scale, zeroPoint: 0, qmin, qmax };
      }
      const { scale, zeroPoint } = scanAsymmetricScale(values, offset, length, lo, hi, qmin, qmax, p);
      return { scale, zeroPoint, qmin, qmax };
    }
    case 'analytic':
      return analyticGrid(values, offset, length, lo, hi, bits, symmetric, make);
  }
}

function analyticGrid(
  values: Float32Array,
  offset: number,
  length: number,
  lo: number,
  hi: number,
  bits: number,
  symmetric: boolean,
  make: (lo: number, hi: number) => QuantGrid,
): QuantGrid {
  let centre = 0;
  if (!symmetric) {
    for (let i = offset; i < offset + length; i++) {
      centre += values[i]! / length;
    }
  }
  let deviation = 0;
  let variance = 0;
  for (let i = offset; i < offset + length; i++) {
    const distance = Math.abs(values[i]! - centre);
    deviation += distance / length;
    variance += (distance * distance) / length;
  }
  let best = make(lo, hi);
  let bestError = Infinity;
  for (const threshold of [
    deviation * analyticThreshold('laplace', bits),
    Math.sqrt(variance) * analyticThreshold('normal', bits),
  ]) {
    const grid = make(Math.max(lo, centre - threshold), Math.min(hi, centre + threshold));
    const error = quantizationError(values, offset, length, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
    if (error < bestError) {
      best = grid;
      bestError = error;
    }
  }
  return best;
}
