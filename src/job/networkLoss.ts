import type { TensorData } from '../analysis';
import { invariant } from '../base/errors';
import { crossEntropyRows, klDivergenceRows, squaredErrorSum } from '../kernels';
import type { LossUnit } from './jobTypes';
import type { RecipeQuantization } from './recipe/recipe';

/** A sum over samples that can be continued, stored and added up. */
export interface LossSum {
  readonly sum: number;
  /** What `sum` is divided by: samples, or the energy of the float outputs for relative errors. */
  readonly weight: number;
}

export const EMPTY_LOSS: LossSum = { sum: 0, weight: 0 };

export function addLoss(a: LossSum, b: LossSum): LossSum {
  return { sum: a.sum + b.sum, weight: a.weight + b.weight };
}

export function meanLoss(loss: LossSum): number {
  return loss.weight > 0 ? loss.sum / loss.weight : 0;
}

/**
 * How far the outputs of a changed network are from the float network's, over a batch.
 *
 * - `kl`: Kullback-Leibler divergence KL(float ‖ changed) of the softmax over the last axis, in nats per row. Needs no
 *   labels, is never negative and vanishes only for equal distributions, so it still tells layers apart when top-1 on a
 *   few hundred samples does not move.
 * - `cross-entropy`: −log p(label), per sample; the caller subtracts the float network's own.
 * - `mse`: Σ(y − ŷ)² / Σy² over all float outputs: for outputs that are not class scores.
 * - `top1`: share of rows whose best class is not the label.
 */
export class NetworkLoss {
  readonly unit: LossUnit;

  constructor(
    readonly measure: RecipeQuantization['sensitivity']['measure'],
    /** True when the network already ends in a Softmax: its outputs are probabilities. */
    private readonly probabilities: boolean,
  ) {
    this.unit = measure === 'mse' ? 'relative MSE' : measure === 'top1' ? 'top-1 error' : 'nats';
  }

  /** Outputs must hold the same names in `reference` and `changed`; `labels` as the measure needs them. */
  measureBatch(
    reference: ReadonlyMap<string, TensorData>,
    changed: ReadonlyMap<string, TensorData>,
    labels: Int32Array | undefined,
  ): LossSum {
    if (this.measure === 'mse') {
      return this.squaredError(reference, changed);
    }
    const [name] = reference.keys();
    invariant(name !== undefined, 'a network without outputs has no loss');
    const before = floatData(reference.get(name));
    const after = floatData(changed.get(name));
    const classes = reference.get(name)?.dims.at(-1) ?? 1;
    const rows = before.length / classes;
    switch (this.measure) {
      case 'kl':
        return {
          sum: klDivergenceRows(this.logits(before), this.logits(after), rows, classes),
          weight: rows,
        };
      case 'cross-entropy':
        invariant(labels !== undefined, 'cross-entropy needs labels');
        return { sum: crossEntropyRows(this.logits(after), labels, rows, classes), weight: rows };
      case 'top1': {
        invariant(labels !== undefined, 'top-1 needs labels');
        return { sum: rows - countTop(after, labels, rows, classes, 1), weight: rows };
      }
    }
  }

  /** Log-probabilities are logits too: softmax(log p) = p. Zero probabilities are floored at 1e-30. */
  private logits(values: Float32Array): Float32Array {
    if (!this.probabilities) {
      return values;
    }
    const logs = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      logs[i] = Math.log(Math.max(values[i]!, 1e-30));
    }
    return logs;
  }

  private squaredError(reference: ReadonlyMap<string, TensorData>, changed: ReadonlyMap<string, TensorData>): LossSum {
    let sum = 0;
    let weight = 0;
    for (const [name, tensor] of reference) {
      if (!isFloatData(tensor)) {
        continue;
      }
      const before = floatData(tensor);
      const after = floatData(changed.get(name));
      sum += squaredErrorSum(before, after);
      for (const value of before) {
        weight += value * value;
      }
    }
    return { sum, weight };
  }
}

/** How many rows have their label among the `k` largest scores; ties go to the smaller class index. */
export function countTop(scores: Float32Array, labels: Int32Array, rows: number, classes: number, k: number): number {
  let hits = 0;
  for (let row = 0; row < rows; row++) {
    const start = row * classes;
    const label = labels[row]!;
    const own = scores[start + label]!;
    let ahead = 0;
    for (let c = 0; c < classes; c++) {
      const other = scores[start + c]!;
      if (other > own || (other === own && c < label)) {
        ahead++;
      }
    }
    // A NaN score is behind nothing and ahead of nothing: it must not count as a hit.
    if (ahead < k && !Number.isNaN(own)) {
      hits++;
    }
  }
  return hits;
}

export function isFloatData(tensor: TensorData): boolean {
  return tensor.data instanceof Float32Array || tensor.data instanceof Float64Array;
}

export function floatData(tensor: TensorData | undefined): Float32Array {
  invariant(tensor !== undefined, 'an output is missing');
  if (tensor.data instanceof Float32Array) {
    return tensor.data;
  }
  invariant(tensor.data instanceof Float64Array, `output has type ${tensor.type}, not float`);
  return Float32Array.from(tensor.data);
}
