import type { TensorData } from '../analysis';
import { invariant } from '../base/errors';
import { countTopK, crossEntropySum, klDivergenceSum, squaredError, sumOfSquares } from '../kernels';
import { floatValues, isFloatTensor } from './floatTensor';
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
 * - `cross-entropy`: −log p(label) per row, less the float network's own: losses of several layers are added up, and what
 *   the float network loses anyway must not be counted once a layer. Below zero where the change happens to help.
 * - `mse`: Σ(y − ŷ)² / Σy² over all float outputs: for outputs that are not class scores.
 * - `top1`: share of rows whose best class is not the label, less the float network's own.
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
      return this.relativeError(reference, changed);
    }
    const [name] = reference.keys();
    invariant(name !== undefined, 'a network without outputs has no loss');
    const before = outputValues(reference, name);
    const after = outputValues(changed, name);
    const classes = reference.get(name)?.dims.at(-1) ?? 1;
    const rows = before.length / classes;
    switch (this.measure) {
      case 'kl':
        return {
          sum: klDivergenceSum(this.logits(before), 0, this.logits(after), 0, rows, classes),
          weight: rows,
        };
      case 'cross-entropy': {
        invariant(labels !== undefined, 'cross-entropy needs labels');
        const entropy = (values: Float32Array): number =>
          crossEntropySum(this.logits(values), 0, rows, classes, labels, 0);
        return { sum: entropy(after) - entropy(before), weight: rows };
      }
      case 'top1': {
        invariant(labels !== undefined, 'top-1 needs labels');
        const right = (values: Float32Array): number => countTopK(values, 0, rows, classes, labels, 0, 1);
        return { sum: right(before) - right(after), weight: rows };
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

  private relativeError(reference: ReadonlyMap<string, TensorData>, changed: ReadonlyMap<string, TensorData>): LossSum {
    let sum = 0;
    let weight = 0;
    for (const [name, tensor] of reference) {
      if (!isFloatTensor(tensor)) {
        continue;
      }
      const before = floatValues(tensor);
      const after = outputValues(changed, name);
      sum += squaredError(before, 0, after, 0, before.length);
      weight += sumOfSquares(before, 0, before.length);
    }
    return { sum, weight };
  }
}

function outputValues(outputs: ReadonlyMap<string, TensorData>, name: string): Float32Array {
  const tensor = outputs.get(name);
  invariant(tensor !== undefined, `output ${name} is missing`);
  return floatValues(tensor);
}
