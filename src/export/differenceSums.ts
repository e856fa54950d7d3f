import { decibels } from '../kernels';

/** How far one tensor is from another, over all values compared. */
export interface TensorError {
  /** 10 · log₁₀(Σ x² / Σ (x − y)²) in dB; Infinity when equal. */
  readonly sqnr: number;
  /** Cosine of the angle between the two; 1 when both are zero. */
  readonly cosine: number;
  readonly maxAbsolute: number;
  /** Root of the mean squared difference. */
  readonly rms: number;
  readonly values: number;
}

/** Running sums behind a {@link TensorError}, in float64 and in the order the values come. */
export class DifferenceSums {
  private xx = 0;
  private yy = 0;
  private xy = 0;
  private noise = 0;
  private largest = 0;
  private count = 0;

  /** Adds a run of values: the reference and what is compared with it. */
  add(x: Float32Array, y: Float32Array): void {
    for (let i = 0; i < x.length; i++) {
      const a = x[i]!;
      const b = y[i]!;
      const d = a - b;
      this.xx += a * a;
      this.yy += b * b;
      this.xy += a * b;
      this.noise += d * d;
      const magnitude = d < 0 ? -d : d;
      // Written so that NaN sticks.
      if (!(magnitude <= this.largest)) {
        this.largest = magnitude;
      }
    }
    this.count += x.length;
  }

  result(): TensorError {
    const { xx, yy, xy, noise, largest, count } = this;
    const cosine = xx === 0 || yy === 0 ? (xx === yy ? 1 : 0) : xy / Math.sqrt(xx * yy);
    return {
      sqnr: decibels(xx, noise),
      cosine,
      maxAbsolute: largest,
      rms: count === 0 ? 0 : Math.sqrt(noise / count),
      values: count,
    };
  }
}
