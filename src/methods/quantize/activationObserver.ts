import {
  asymmetricGrid,
  gridRange,
  histogramQuantizationError,
  signedRange,
  sortedQuantile,
  symmetricGrid,
  type QuantGrid,
} from '../../kernels';
import { badBits, noRange } from './errors';

/** A grid and the real range it represents after its zero point was rounded. */
export type GridWithRange = QuantGrid & { readonly lo: number; readonly hi: number };

export interface ActivationRangeOptions {
  readonly method: 'min-max' | 'averaged-min-max' | 'percentile' | 'mse' | 'lp' | 'analytic';
  /** Signed grid with zero point 0 instead of an unsigned one with a zero point. */
  readonly symmetric: boolean;
  /** For `percentile`: per cent of the values (symmetric: of |x|) kept on each side, e.g. 99.99. */
  readonly percentile: number;
  /** For `lp`: the power of the error, above 0. @default 2.4 */
  readonly power?: number;
}

/** Bins of the histogram; between half of them and all of them are in use once values differ. */
const BINS = 8192;
/** Values kept one by one, so that quantiles of small sets are exact. 256 KB. */
const KEPT = 65536;

/**
 * Watches the values of one activation as they stream by and proposes grids for it.
 *
 * Bounded memory (about 320 KB) and no randomness: the histogram has bins of width 2^e aligned at 0, and when a value falls
 * outside, neighbouring bins are merged until all fit. Merging is exact, so the histogram does not depend on the order or
 * the batch size of the data. Exact zeros (ReLU, padding) are counted apart: they are on every grid.
 */
export class ActivationObserver {
  private values = 0;
  private zeroCount = 0;
  private nonFiniteCount = 0;
  private smallest = Infinity;
  private largest = -Infinity;

  private readonly counts = new Float64Array(BINS);
  /** Bin i counts x with floor(x / width) = first + i. */
  private width = 0;
  private first = 0;

  private kept: Float32Array | undefined = new Float32Array(0);
  private keptCount = 0;

  /** Sums over samples of their smallest and largest value. */
  private samples = 0;
  private sumOfMinima = 0;
  private sumOfMaxima = 0;

  /** Finite values seen, zeros included. */
  get count(): number {
    return this.values;
  }
  /** Of the finite values; +Infinity before the first. */
  get min(): number {
    return this.smallest;
  }
  get max(): number {
    return this.largest;
  }
  /** Share of exact zeros, 0 to 1. */
  get zeros(): number {
    return this.values === 0 ? 0 : this.zeroCount / this.values;
  }
  /** NaN and infinite values seen; they count for nothing else. */
  get nonFinite(): number {
    return this.nonFiniteCount;
  }

  /**
   * Adds values of `samples` samples, one after another and equally long (otherwise they count as one). The array is not
   * kept. Cost: two passes over it.
   */
  observe(data: Float32Array, samples = 1): void {
    const length = data.length % samples === 0 ? data.length / samples : data.length;
    let min = Infinity;
    let max = -Infinity;
    let zeros = 0;
    let nonFinite = 0;
    for (let from = 0; from < data.length; from += length) {
      let low = Infinity;
      let high = -Infinity;
      for (let i = from; i < from + length; i++) {
        const x = data[i]!;
        if (x - x !== 0) {
          nonFinite++;
          continue;
        }
        if (x === 0) {
          zeros++;
        }
        if (x < low) {
          low = x;
        }
        if (x > high) {
          high = x;
        }
      }
      if (low <= high) {
        this.samples++;
        this.sumOfMinima += low;
        this.sumOfMaxima += high;
        min = Math.min(min, low);
        max = Math.max(max, high);
      }
    }
    this.nonFiniteCount += nonFinite;
    if (nonFinite === data.length) {
      return;
    }
    this.values += data.length - nonFinite;
    this.zeroCount += zeros;
    this.smallest = Math.min(this.smallest, min);
    this.largest = Math.max(this.largest, max);
    this.keep(data);
    if (zeros + nonFinite < data.length) {
      this.fit();
      this.addToHistogram(data);
    }
  }

  /**
   * A grid of `bits` bits for what was seen. The range always holds 0, so that real zero is a code.
   *
   * - `min-max`: everything seen fits;
   * - `percentile`: the quantiles at `percentile` and, asymmetric, at 100 − `percentile`; exact up to 65 536 values, from
   *   the histogram (a bin is at most 1/4096 of the range) beyond;
   * - `averaged-min-max`: the smallest and the largest value of each sample, averaged over the samples, which clips outliers
   *   (what the code of Hubara et al., ICML 2021, does for activations);
   * - `mse`: both ends shrink together in steps of 1 %; the grid with the least mean squared error over the histogram wins;
   * - `lp`: the same with the error to another power;
   * - `analytic`: the best threshold of a Laplace or a normal distribution of the same spread, see `analyticThreshold`.
   *
   * Throws LatheError `quantize/no-range` before the first finite value, `quantize/bits`.
   */
  range(bits: number, options: ActivationRangeOptions): GridWithRange {
    if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
      throw badBits(bits, 'Activations');
    }
    if (this.values === 0) {
      throw noRange();
    }
    const grid = this.gridOf(bits, options);
    return { ...grid, ...gridRange(grid) };
  }

  /**
   * Counts of the values that are not zero over `bins` equal bins from min to max, for a picture: a value may be counted one
   * bin off where it lies within 1/4096 of the range from an edge. All zero before the first value.
   */
  histogram(bins: number): number[] {
    const result = new Array<number>(bins).fill(0);
    const span = this.largest - this.smallest;
    for (let i = 0; i < BINS; i++) {
      const count = this.counts[i]!;
      if (count > 0) {
        const at = ((this.first + i + 0.5) * this.width - this.smallest) / span;
        const bin = span > 0 ? Math.min(bins - 1, Math.max(0, Math.floor(at * bins))) : 0;
        result[bin] = result[bin]! + count;
      }
    }
    return result;
  }

  private gridOf(bits: number, { method, symmetric, percentile, power }: ActivationRangeOptions): QuantGrid {
    switch (method) {
      case 'min-max':
        return activationGrid(this.smallest, this.largest, bits, symmetric);
      case 'averaged-min-max':
        return activationGrid(this.sumOfMinima / this.samples, this.sumOfMaxima / this.samples, bits, symmetric);
      case 'percentile': {
        const share = percentile / 100;
        if (symmetric) {
          const high = this.magnitudeQuantile(share);
          return activationGrid(-high, high, bits, true);
        }
        return activationGrid(this.quantile(1 - share), this.quantile(share), bits, false);
      }
      case 'mse':
        return this.leastErrorGrid(bits, symmetric, 2);
      case 'lp':
        return this.leastErrorGrid(bits, symmetric, power ?? 2.4);
      case 'analytic':
        return this.analyticGrid(bits, symmetric);
    }
  }

  private leastErrorGrid(bits: number, symmetric: boolean, power: number): QuantGrid {
    let best = activationGrid(this.smallest, this.largest, bits, symmetric);
    let bestError = this.error(best, power, Infinity);
    for (let k = 99; k >= 1; k--) {
      const grid = activationGrid((this.smallest * k) / 100, (this.largest * k) / 100, bits, symmetric);
      const error = this.error(grid, power, bestError);
      if (error < bestError) {
        best = grid;
        bestError = error;
      }
    }
    return best;
  }

  /**
   * The better, by squared error, of the thresholds for the two distributions. Values on one side of 0 are half of a
   * distribution about 0 (exact zeros are what a ReLU cut off); others are spread about their mean.
   */
  private analyticGrid(bits: number, symmetric: boolean): QuantGrid {
    const oneSided = this.smallest >= 0 || this.largest <= 0;
    const centre = oneSided ? 0 : this.meanOf((x) => x, true);
    const spreads = {
      laplace: this.meanOf((x) => Math.abs(x - centre), !oneSided),
      normal: Math.sqrt(this.meanOf((x) => (x - centre) ** 2, !oneSided)),
    };
    const grids = (['laplace', 'normal'] as const).map((distribution) => {
      // Half a distribution has all codes for itself: as if there were one bit more.
      const width = oneSided && !symmetric ? bits + 1 : bits;
      const threshold = spreads[distribution] * analyticThreshold(distribution, width);
      const lo = Math.max(this.smallest, centre - threshold);
      const hi = Math.min(this.largest, centre + threshold);
      return activationGrid(lo, hi, bits, symmetric);
    });
    const errors = grids.map((grid) => this.error(grid, 2, Infinity));
    return errors[1]! < errors[0]! ? grids[1]! : grids[0]!;
  }

  /** Mean of f over the histogram, with or without the exact zeros. */
  private meanOf(f: (x: number) => number, zeros: boolean): number {
    let sum = zeros ? this.zeroCount * f(0) : 0;
    let count = zeros ? this.zeroCount : 0;
    for (let i = 0; i < BINS; i++) {
      if (this.counts[i]! > 0) {
        sum += this.counts[i]! * f((this.first + i + 0.5) * this.width);
        count += this.counts[i]!;
      }
    }
    return count === 0 ? 0 : sum / count;
  }

  private error(grid: QuantGrid, power: number, limit: number): number {
    const { scale, zeroPoint, qmin, qmax } = grid;
    return histogramQuantizationError(
      this.counts,
      this.first * this.width,
      this.width,
      scale,
      zeroPoint,
      qmin,
      qmax,
      power,
      limit,
    );
  }

  /** The q-quantile (0 to 1) of the values, zeros included. */
  private quantile(q: number): number {
    if (this.kept !== undefined) {
      return sortedQuantile(this.kept.slice(0, this.keptCount).sort(), this.keptCount, q);
    }
    return this.histogramQuantile(q, this.smallest, this.largest, (x) => x);
  }

  private magnitudeQuantile(q: number): number {
    const largest = Math.max(-this.smallest, this.largest);
    if (this.kept !== undefined) {
      return sortedQuantile(this.kept.slice(0, this.keptCount).map(Math.abs).sort(), this.keptCount, q);
    }
    return this.histogramQuantile(q, 0, largest, Math.abs);
  }

  /** Quantile of f(x) by linear interpolation inside the bin that holds it; f is the identity or the magnitude. */
  private histogramQuantile(q: number, lo: number, hi: number, f: (x: number) => number): number {
    const bins: { at: number; count: number }[] = [];
    for (let i = 0; i < BINS; i++) {
      if (this.counts[i]! > 0) {
        // The end of the bin nearer to the lower end of f, which is its left edge except for magnitudes of negatives.
        bins.push({ at: f((this.first + i + 0.5) * this.width) - this.width / 2, count: this.counts[i]! });
      }
    }
    bins.sort((a, b) => a.at - b.at);
    const rank = q * this.values;
    let below = 0;
    let zerosAdded = false;
    for (const { at, count } of bins) {
      if (!zerosAdded && at >= 0) {
        zerosAdded = true;
        below += this.zeroCount;
        if (below >= rank) {
          return 0;
        }
      }
      if (below + count >= rank) {
        return Math.min(hi, Math.max(lo, at + ((rank - below) / count) * this.width));
      }
      below += count;
    }
    return zerosAdded ? hi : Math.min(hi, 0);
  }

  private keep(data: Float32Array): void {
    if (this.kept === undefined) {
      return;
    }
    if (this.values > KEPT) {
      this.kept = undefined;
      return;
    }
    if (this.kept.length < this.values) {
      const grown = new Float32Array(Math.min(KEPT, Math.max(1024, 2 * this.values)));
      grown.set(this.kept.subarray(0, this.keptCount));
      this.kept = grown;
    }
    for (let i = 0; i < data.length; i++) {
      const x = data[i]!;
      if (x - x === 0) {
        this.kept[this.keptCount++] = x;
      }
    }
  }

  /** Widens the bins until they hold 0, the smallest and the largest value. */
  private fit(): void {
    const low = Math.min(this.smallest, 0);
    const high = Math.max(this.largest, 0);
    let width = this.width;
    if (width === 0) {
      width = 2 ** Math.max(-1020, Math.floor(Math.log2((high - low) / BINS)));
    }
    while (Math.floor(high / width) - Math.floor(low / width) >= BINS) {
      width *= 2;
    }
    const first = Math.floor(low / width);
    if (width === this.width && first >= this.first && Math.floor(high / width) < this.first + BINS) {
      return;
    }
    if (this.width > 0) {
      const old = this.counts.slice();
      const merged = width / this.width;
      this.counts.fill(0);
      for (let i = 0; i < BINS; i++) {
        if (old[i]! > 0) {
          this.counts[Math.floor((this.first + i) / merged) - first]! += old[i]!;
        }
      }
    }
    this.width = width;
    this.first = first;
  }

  private addToHistogram(data: Float32Array): void {
    const { counts, first } = this;
    // A power of two: multiplying is exact.
    const perWidth = 1 / this.width;
    for (let i = 0; i < data.length; i++) {
      const x = data[i]!;
      if (x - x === 0 && x !== 0) {
        counts[Math.floor(x * perWidth) - first]! += 1;
      }
    }
  }
}

/**
 * The grid of an activation that holds [lo, hi] and 0: unsigned with a zero point, or symmetric about a zero point of 0.
 * Symmetric activation grids keep the lowest code, unlike those of weights: the runtime's QuantizeLinear saturates there by
 * itself, so that 8-bit inputs need no Clip in front.
 */
export function activationGrid(lo: number, hi: number, bits: number, symmetric: boolean): QuantGrid {
  return symmetric ? { ...symmetricGrid(lo, hi, bits), qmin: signedRange(bits).qmin } : asymmetricGrid(lo, hi, bits);
}

/** Best thresholds for 2 to 9 bits; see {@link analyticThreshold}. */
const THRESHOLDS = {
  laplace: [2.83068, 3.89723, 5.02864, 6.20477, 7.41313, 8.64562, 9.89676, 11.16269],
  normal: [1.71064, 2.15159, 2.55914, 2.9362, 3.28691, 3.61511, 3.92404, 4.21633],
};

/**
 * Threshold α, in mean absolute deviations (Laplace) or standard deviations (normal), at which clipping and rounding to
 * 2^bits levels over [−α, α] cost least together, 2 to 9 bits: the root of α e^α = 3 · 4^bits for Laplace, and of
 * α erfc(α / √2) + α / (3 · 4^bits) = √(2 / π) e^(−α² / 2) for the normal distribution (Banner et al., NeurIPS 2019, ACIQ).
 */
export function analyticThreshold(distribution: 'laplace' | 'normal', bits: number): number {
  return THRESHOLDS[distribution][bits - 2]!;
}
