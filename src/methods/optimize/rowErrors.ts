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
  const { size, cross, gram, power, targetMean } = moments;
  const square = symmetricForm(weight, 0, size, power);
  const mean = dotProduct(weight, 0, targetMean, 0, size);
  let product: Float64Array | undefined;
  if (cross !== gram) {
    product = new Float64Array(size);
    rowProductInto(weight, 0, size, cross, product, 0);
  }
  return { weight, bias, square, cross: product, power: Math.max(0, square + 2 * bias * mean + bias * bias) };
}

/**
 * Mean squared difference between the output of a target row on the float columns and of ŵ, b̂ on the compressed ones. Where
 * the two are the same columns it is written in e = ŵ − w, which keeps its digits when e is small.
 */
export function rowError(moments: InputMoments, target: TargetRow, weight: Float64Array, bias: number): number {
  const { size, gram, mean, targetMean } = moments;
  const shift = bias - target.bias;
  if (target.cross === undefined) {
    const e = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      e[i] = weight[i]! - target.weight[i]!;
    }
    const error = symmetricForm(e, 0, size, gram) + 2 * shift * dotProduct(e, 0, mean, 0, size) + shift * shift;
    return Math.max(0, error);
  }
  const difference = dotProduct(weight, 0, mean, 0, size) - dotProduct(target.weight, 0, targetMean, 0, size);
  const error =
    target.square -
    2 * dotProduct(target.cross, 0, weight, 0, size) +
    symmetricForm(weight, 0, size, gram) +
    2 * shift * difference +
    shift * shift;
  return Math.max(0, error);
}

/** The bias of least error for ŵ: b + w·x̄ − ŵ·x̂̄. */
export function bestBias(moments: InputMoments, target: TargetRow, weight: Float64Array): number {
  const { size, mean, targetMean } = moments;
  return target.bias + dotProduct(target.weight, 0, targetMean, 0, size) - dotProduct(weight, 0, mean, 0, size);
}
