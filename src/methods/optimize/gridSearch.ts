import {
  asymmetricGrid,
  quadraticForm,
  roundHalfEven,
  scanOutputErrorScale,
  signedRange,
  symmetricGrid,
} from '../../kernels';
import type { RowSet, StepGrid } from './rowSet';

/** A one-to-three-bit grid is best far inside the range of the weights. */
const SCAN_FROM = 20;
/** Above this many columns a scan over exact output errors costs more than the whole fit: errors are taken as uncorrelated. */
const LARGEST_EXACT_SCAN = 1024;

/** The grids of a set at every clipping threshold. */
export class GridSearch {
  private readonly lo: number;
  private readonly hi: number;

  constructor(
    private readonly set: RowSet,
    private readonly bits: number,
    private readonly symmetric: boolean,
  ) {
    const { centre, mask } = set;
    let lo = 0;
    let hi = 0;
    for (let i = 0; i < centre.length; i++) {
      if (mask === undefined || mask[i] !== 0) {
        const x = centre[i]!;
        lo = x < lo ? x : lo;
        hi = x > hi ? x : hi;
      }
    }
    this.lo = lo;
    this.hi = hi;
  }

  /** All weights are zero: any scale serves. */
  get isEmpty(): boolean {
    return this.lo === 0 && this.hi === 0;
  }

  /** The grid for thresholds at the given part (1 = all) of the range. */
  at(part: number): StepGrid {
    const { symmetric, bits } = this;
    const lo = this.lo * part;
    const hi = this.hi * part;
    const { scale, zeroPoint, qmin, qmax } = symmetric ? symmetricGrid(lo, hi, bits) : asymmetricGrid(lo, hi, bits);
    return { scale, zeroPoint, low: qmin - zeroPoint, high: qmax - zeroPoint };
  }

  /** The part of the range with the least Σ g_jj (u − û)², rounding to nearest; `plain`: with the least Σ (u − û)². */
  leastWeightedError(plain = false): number {
    const { centre, mask, size, count, problems } = this.set;
    let best = 1;
    let bestError = Infinity;
    for (let k = 100; k >= SCAN_FROM; k--) {
      const { scale, low, high } = this.at(k / 100);
      let error = 0;
      for (let row = 0; row < count && error < bestError; row++) {
        const { gram } = problems[row] ?? { gram: undefined };
        for (let j = 0, i = row * size; j < size; j++, i++) {
          if (mask !== undefined && mask[i] === 0) {
            continue;
          }
          const u = centre[i]!;
          const e = roundHalfEven(Math.min(high, Math.max(low, u / scale))) * scale - u;
          error += plain || gram === undefined ? e * e : gram[j * size + j]! * e * e;
        }
      }
      if (error < bestError) {
        best = k / 100;
        bestError = error;
      }
    }
    return best;
  }

  /** The grid whose rounding to nearest has the least output error Σ e G eᵀ. */
  leastOutputError(): StepGrid {
    const { set, symmetric, bits } = this;
    const { size, count, problems, centre, mask } = set;
    if (size > LARGEST_EXACT_SCAN) {
      return this.at(this.leastWeightedError());
    }
    if (symmetric && count === 1 && mask === undefined) {
      const { qmin, qmax } = signedRange(bits, true);
      const row = Float32Array.from(centre);
      const scratch = new Float64Array(LANES_OF_SCAN * size);
      const { scale } = scanOutputErrorScale(
        row,
        0,
        size,
        problems[0]!.gram,
        size,
        undefined,
        0,
        qmin,
        qmax,
        scratch,
        SCAN_FROM,
        bits >= 7 ? 5 : 1,
      );
      return { scale, zeroPoint: 0, low: qmin, high: qmax };
    }
    let best = this.at(1);
    let bestError = Infinity;
    const e = new Float64Array(size);
    for (let k = 100; k >= SCAN_FROM; k -= 1) {
      const grid = this.at(k / 100);
      let error = 0;
      for (let row = 0; row < count && error < bestError; row++) {
        const at = row * size;
        for (let j = 0; j < size; j++) {
          const u = centre[at + j]!;
          const kept = mask === undefined || mask[at + j] !== 0;
          e[j] = (kept ? roundHalfEven(Math.min(grid.high, Math.max(grid.low, u / grid.scale))) * grid.scale : 0) - u;
        }
        error += quadraticForm(e, 0, size, problems[row]!.gram, size);
      }
      if (error < bestError) {
        best = grid;
        bestError = error;
      }
    }
    return best;
  }
}

/** Candidates that `scanOutputErrorScale` tries together. */
const LANES_OF_SCAN = 4;

/** Each weight to its nearest code, as ONNX does it: the quotient in float32, ties to even. */
export function roundToNearest(set: RowSet, grid: StepGrid): Float64Array {
  const { centre, mask } = set;
  const steps = new Float64Array(centre.length);
  for (let i = 0; i < steps.length; i++) {
    if (mask === undefined || mask[i] !== 0) {
      const quotient = Math.fround(Math.fround(centre[i]!) / grid.scale);
      steps[i] = roundHalfEven(Math.min(grid.high, Math.max(grid.low, quotient)));
    }
  }
  return steps;
}
