import type { RunnerValue } from '../../analysis';

export type InputShape = readonly (number | string | undefined)[];

/** How rows of a stored array become a model input. */
export interface RowFit {
  /** Shape of one sample as the model sees it, without the batch axis. */
  readonly sampleShape: readonly number[];
  /**
   * - `batch`: the model's first axis counts samples;
   * - `single`: the model takes one sample and has no axis for it;
   * - `constant`: a scalar input, the same for all samples.
   */
  readonly kind: 'batch' | 'single' | 'constant';
}

/**
 * Whether an array of shape `stored` (first axis = samples) can feed an input of shape `wanted`, whose symbolic dimensions
 * are free. Axes of length 1 may be missing or extra ([N, 28, 28] feeds [batch, 1, 28, 28]).
 */
export function fitRows(stored: readonly number[], wanted: InputShape | undefined): RowFit | undefined {
  const rows = stored.slice(1);
  if (wanted === undefined) {
    return stored.length === 0 ? undefined : { kind: 'batch', sampleShape: rows };
  }
  if (wanted.length === 0) {
    return stored.every((d) => d === 1) ? { kind: 'constant', sampleShape: [] } : undefined;
  }
  if (stored.length === 0) {
    return undefined;
  }
  const batched = fitSample(rows, wanted.slice(1));
  if (batched !== undefined) {
    return { kind: 'batch', sampleShape: batched };
  }
  const single = stored.length === wanted.length + 1 ? fitSample(rows, wanted) : undefined;
  return single === undefined ? undefined : { kind: 'single', sampleShape: single };
}

function fitSample(rows: readonly number[], wanted: InputShape): readonly number[] | undefined {
  if (rows.length === wanted.length && wanted.every((d, axis) => typeof d !== 'number' || d === rows[axis])) {
    return rows;
  }
  if (wanted.every((d) => typeof d === 'number')) {
    const squeeze = (shape: readonly number[]): string => shape.filter((d) => d !== 1).join();
    return squeeze(rows) === squeeze(wanted) ? wanted : undefined;
  }
  // One axis of length 1 left out, the others symbolic: [N, H, W] for [batch, 1, height, width].
  const ones = wanted.flatMap((d, axis) => (d === 1 ? [axis] : []));
  for (const axis of ones) {
    const filled = [...rows.slice(0, axis), 1, ...rows.slice(axis)];
    if (filled.length === wanted.length && wanted.every((d, i) => typeof d !== 'number' || d === filled[i])) {
      return filled;
    }
  }
  return undefined;
}

/**
 * Axis of a sample's shape that holds colour channels: the first, unless that one is longer than any number of channels
 * (or free) while the last one is 1, 3 or 4.
 */
export function channelAxis(sampleShape: InputShape): number {
  const first = sampleShape[0];
  const last = sampleShape[sampleShape.length - 1];
  const isLast = sampleShape.length >= 3 && (typeof first !== 'number' || first > 4);
  return isLast && (last === 1 || last === 3 || last === 4) ? sampleShape.length - 1 : 0;
}

/** The batch size an input insists on. */
export function fixedBatchOf(input: RunnerValue, fit: RowFit): number | undefined {
  if (fit.kind === 'single') {
    return 1;
  }
  const first = input.shape?.[0];
  return fit.kind === 'batch' && typeof first === 'number' ? first : undefined;
}
