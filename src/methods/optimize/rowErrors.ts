import { dotProduct, rowProductInto, symmetricForm } from '../../kernels';
import type { InputMoments } from '../moments';

/** One row of the target layer, prepared for {@link rowError}. */
export interface TargetRow {
  readonly weight: Float64Array;
  readonly bias: number;
  /** Mean square of its output over the float columns. */
  readonly power: number;
  /** w S; undefined where the columns are the same ones. */
  readonly cross: Float64Array | undefined;
  /** w P wᵀ. */
  readonly square: number;
}

export function targetRow(moments: InputMoments, weight: Float64Array, bias: number): TargetRow {
  const { size, cross, gram, power } = moments;
  let product: Float64Array | undefined;
  if (cross !== gram) {
    product = new Float64Array(size);
    rowProductInto(weight, 0, size, cross, product, 0);
  }
  return targetFrom(moments, weight, bias, symmetricForm(weight, 0, size, power), product);
}

/** {@link targetRow} with `square` and `cross` known. */
export function targetFrom(
  { size, targetMean }: InputMoments,
  weight: Float64Array,
  bias: number,
  square: number,
  cross: Float64Array | undefined,
): TargetRow {
  const mean = dotProduct(weight, 0, targetMean, 0, size);
  return { weight, bias, square, cross, power: Math.max(0, square + 2 * bias * mean + bias * bias) };
}

/**
 * Mean squared difference between the output of a target row on the float columns and of ŵ, b̂ on the compressed ones. Where
 * the two are the same columns it is written in e = ŵ − w, which keeps its digits when e is small.
 */
export function rowError(moments: InputMoments, target: TargetRow, weight: Float64Array, bias: number): number {
  const vector = errorVector(target, weight);
  return errorFrom(moments, target, weight, bias, vector, symmetricForm(vector, 0, moments.size, moments.gram));
}

/** What the error's quadratic form is taken of: e where the columns are the same ones, or ŵ. */
export function errorVector(target: TargetRow, weight: Float64Array): Float64Array {
  return target.cross === undefined ? weight.map((value, i) => value - target.weight[i]!) : weight;
}

/** {@link rowError} with the {@link errorVector} and `form` = vector G vectorᵀ known. */
export function errorFrom(
  { size, mean, targetMean }: InputMoments,
  target: TargetRow,
  weight: Float64Array,
  bias: number,
  vector: Float64Array,
  form: number,
): number {
  const shift = bias - target.bias;
  if (target.cross === undefined) {
    return Math.max(0, form + 2 * shift * dotProduct(vector, 0, mean, 0, size) + shift * shift);
  }
  const difference = dotProduct(weight, 0, mean, 0, size) - dotProduct(target.weight, 0, targetMean, 0, size);
  const error =
    target.square - 2 * dotProduct(target.cross, 0, weight, 0, size) + form + 2 * shift * difference + shift * shift;
  return Math.max(0, error);
}

/** The bias of least error for ŵ: b + w·x̄ − ŵ·x̂̄. */
export function bestBias(moments: InputMoments, target: TargetRow, weight: Float64Array): number {
  const { size, mean, targetMean } = moments;
  return target.bias + dotProduct(target.weight, 0, targetMean, 0, size) - dotProduct(weight, 0, mean, 0, size);
}
