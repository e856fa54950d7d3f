import { seededRandom } from '../src/base/random';

/** Gradient of the mean squared error of a mini-batch. */
export interface Gradient {
  /** [rows, columns] */
  readonly weight: ArrayLike<number>;
  /** [rows] */
  readonly bias: ArrayLike<number>;
}

export interface AdamPruneProblem {
  readonly rows: number;
  readonly columns: number;
  /** Float weights [rows, columns] and bias [rows]; the fit starts from them, masked. */
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  /** 1 = kept. */
  readonly mask: Uint8Array;
  /** Samples that mini-batches are drawn from. */
  readonly samples: number;
  readonly gradient: (batch: Int32Array, weight: Float64Array, bias: Float64Array) => Gradient | Promise<Gradient>;
}

export interface AdamPruneOptions {
  /** @default 1000 */
  readonly iterations?: number;
  /** @default 50 */
  readonly batchSize?: number;
  /** @default 1e-3 */
  readonly weightRate?: number;
  /** 0 leaves the bias. @default 1e-2 */
  readonly biasRate?: number;
  /** @default 1 */
  readonly seed?: number;
}

export interface AdamPruneResult {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

/**
 * The fit of AdaPrune's reference code (arXiv 2102.08124): two Adam optimisers, one for the weights and one for the bias, on
 * random mini-batches of a layer's cached inputs and outputs; after every step the weights are masked. What computes the
 * gradient is the caller's choice.
 */
export async function adamPrune(problem: AdamPruneProblem, options: AdamPruneOptions = {}): Promise<AdamPruneResult> {
  const { mask, samples } = problem;
  const weight = Float64Array.from(problem.weight, (w, i) => (mask[i] === 0 ? 0 : w));
  const bias = Float64Array.from(problem.bias);
  const weightAdam = new Adam(weight.length, options.weightRate ?? 1e-3);
  const biasAdam = new Adam(bias.length, options.biasRate ?? 1e-2);
  const random = seededRandom(options.seed ?? 1);
  const order = Int32Array.from({ length: samples }, (_, i) => i);
  const batchSize = Math.min(options.batchSize ?? 50, samples);
  for (let t = 0; t < (options.iterations ?? 1000); t++) {
    // The first entries of a shuffle.
    for (let i = 0; i < batchSize; i++) {
      const j = i + Math.floor(random() * (samples - i));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    const gradient = await problem.gradient(order.subarray(0, batchSize), weight, bias);
    weightAdam.step(weight, gradient.weight);
    biasAdam.step(bias, gradient.bias);
    for (let i = 0; i < weight.length; i++) {
      if (mask[i] === 0) {
        weight[i] = 0;
      }
    }
  }
  return { weight, bias };
}

/** Adam (Kingma & Ba 2015) with the usual β = 0.9, 0.999 and ε = 1e-8. */
class Adam {
  private readonly mean: Float64Array;
  private readonly square: Float64Array;
  private steps = 0;

  constructor(
    size: number,
    private readonly rate: number,
  ) {
    this.mean = new Float64Array(size);
    this.square = new Float64Array(size);
  }

  step(values: Float64Array, gradient: ArrayLike<number>): void {
    const { mean, square, rate } = this;
    this.steps++;
    const meanShare = 1 - 0.9 ** this.steps;
    const squareShare = 1 - 0.999 ** this.steps;
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i]!;
      mean[i] = 0.9 * mean[i]! + 0.1 * g;
      square[i] = 0.999 * square[i]! + 0.001 * g * g;
      values[i]! -= (rate * (mean[i]! / meanShare)) / (Math.sqrt(square[i]! / squareShare) + 1e-8);
    }
  }
}
