import { dot, multiplyTransposedInto, multiplyVectorInto, transpose } from '../../kernels';
import type { InputMoments } from '../moments';

/** Rows of the float layer that see the same input, and what their errors are measured against. */
export interface TargetRows {
  readonly moments: InputMoments;
  readonly rows: number;
  /** [rows, n] in float64. */
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  /** w P wᵀ of each row: its mean squared product with the input, without the bias. */
  readonly power: Float64Array;
  /** w S of each row [rows, n]; undefined where X̂ = X, which needs no such term. */
  readonly cross: Float64Array | undefined;
}

export function targetRows(moments: InputMoments, rows: number, weight: Float64Array, bias: Float64Array): TargetRows {
  const n = moments.size;
  const product = new Float64Array(rows * n);
  multiplyTransposedInto(weight, moments.power, rows, n, n, product);
  const power = Float64Array.from({ length: rows }, (_, r) => dot(product, r * n, weight, r * n, n));
  if (moments.cross === moments.gram && moments.power === moments.gram) {
    return { moments, rows, weight, bias, power, cross: undefined };
  }
  multiplyTransposedInto(weight, transpose(moments.cross, n, n), rows, n, n, product);
  return { moments, rows, weight, bias, power, cross: product };
}

/**
 * Sum over the rows of the mean squared error of their output, by the formula at {@link InputMoments}. Where X̂ = X the
 * difference of the weights is put through G, which cannot cancel.
 */
export function squaredErrorOfRows(target: TargetRows, weight: Float64Array, bias: Float64Array): number {
  const { moments, rows, power, cross } = target;
  const n = moments.size;
  const moved = new Float64Array(rows * n);
  for (let i = 0; i < moved.length; i++) {
    moved[i] = cross === undefined ? target.weight[i]! - weight[i]! : weight[i]!;
  }
  const product = new Float64Array(rows * n);
  multiplyTransposedInto(moved, moments.gram, rows, n, n, product);
  const offsets = meanOutputs(target.weight, moments.targetMean, rows);
  const found = meanOutputs(weight, moments.mean, rows);
  let sum = 0;
  for (let r = 0; r < rows; r++) {
    const at = r * n;
    let error = dot(product, at, moved, at, n);
    if (cross !== undefined) {
      error += power[r]! - 2 * dot(cross, at, weight, at, n);
    }
    const shift = target.bias[r]! - bias[r]!;
    error += shift * (2 * (offsets[r]! - found[r]!) + shift);
    sum += Math.max(0, error);
  }
  return sum;
}

/** w·x̄ of each row. */
export function meanOutputs(weight: Float64Array, mean: Float64Array, rows: number): Float64Array {
  const out = new Float64Array(rows);
  multiplyVectorInto(weight, mean, rows, mean.length, out);
  return out;
}
