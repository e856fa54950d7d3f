/** A prime, so that no regular step over an image falls into step with it. */
const POSITION_SHIFT = 7919;

/**
 * Columns for each weight element of an output channel. On the bundled ResNet-20 thirty, at other positions in every
 * sample, give the same loss of the compressed network as two to seven times as many.
 */
const COLUMNS_PER_WEIGHT = 30;
/** Below ten, least-squares fits begin to follow the calibration samples. */
const LEAST_COLUMNS_PER_WEIGHT = 10;
/** Columns beyond which a large layer gets fewer for each weight element: its matrix costs columns × size² / 2. */
const MANY_COLUMNS = 20_000;
/** Small layers (depthwise convolutions) cost nothing: enough that every sample is seen at several positions. */
const FEW_COLUMNS = 8192;

/**
 * Columns to aim at over all samples for a layer with `size` weight elements in an output channel: thirty for each, fewer
 * for large layers, never less than ten.
 */
export function columnsWanted(size: number): number {
  const least = Math.max(LEAST_COLUMNS_PER_WEIGHT * size, MANY_COLUMNS);
  return Math.max(Math.min(COLUMNS_PER_WEIGHT * size, least), FEW_COLUMNS);
}

/** How many output positions to take from each of `samples` samples to reach {@link columnsWanted}. */
export function positionsPerSample(size: number, samples: number): number {
  return Math.max(1, Math.ceil(columnsWanted(size) / Math.max(samples, 1)));
}

/**
 * Chooses output positions in each sample: evenly spread, and shifted from sample to sample, or a few would stand for the
 * whole image.
 */
export class PositionChoice {
  private even = new Int32Array(0);
  private shifted = new Int32Array(0);
  private total = -1;

  constructor(private readonly perSample: number) {}

  /** Positions out of [0, total) for the sample of that number. The array is used again by the next call. */
  of(sample: number, total: number): Int32Array {
    if (total !== this.total) {
      const count = Math.min(total, this.perSample);
      this.total = total;
      this.even = new Int32Array(count);
      this.shifted = new Int32Array(count);
      for (let i = 0; i < count; i++) {
        // The middle of each of `count` equal intervals: no bias towards the first row.
        this.even[i] = Math.floor(((2 * i + 1) * total) / (2 * count));
      }
    }
    if (this.even.length === total) {
      return this.even;
    }
    const shift = (sample * POSITION_SHIFT) % total;
    for (let i = 0; i < this.even.length; i++) {
      this.shifted[i] = (this.even[i]! + shift) % total;
    }
    return this.shifted;
  }
}
