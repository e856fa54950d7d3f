import { adamInto, addRow, dotProduct, rangeGradientsInto, roundHalfEven, scaleGradientInto } from '../../kernels';

/** Adam's rates, absolute. */
export interface AdaquantRates {
  readonly weight: number;
  readonly bias: number;
  /** Of the scale; of range and minimum on an asymmetric grid. */
  readonly scale: number;
}

/** Rows that share one scale. `ld` is the size of the matrices: n, or n + 1 where the last coordinate is the bias. */
export interface AdaquantRows {
  readonly size: number;
  readonly ld: number;
  readonly count: number;
  /** One per row: row-major ld × ld, both triangles. */
  readonly grams: readonly Float64Array[];
  /** count × ld. */
  readonly c: Float64Array;
  /** Mean square of each row's target. */
  readonly powers: Float64Array;
  /** count × n, changed in place. */
  readonly weights: Float64Array;
  /** One per row, changed in place; not read where ld = n. */
  readonly biases: Float64Array;
  readonly mask: Uint8Array | undefined;
  /** Rows of the layer: the loss is their mean. */
  readonly layerRows: number;
}

export interface AdaquantGrid {
  readonly symmetric: boolean;
  /** Codes of a symmetric grid are −levels / 2…levels / 2, of an asymmetric one 0…levels. */
  readonly levels: number;
  readonly scale: number;
  /** Lowest value of an asymmetric grid. */
  readonly minimum: number;
}

export interface AdaquantResult {
  readonly steps: Float64Array;
  readonly biases: Float64Array;
  readonly scale: number;
  readonly zeroPoint: number;
  readonly loss: number;
  /** Before each step, and after the last. */
  readonly losses: Float64Array;
}

/**
 * AdaQuant (Hubara et al., ICML 2021, section 3) with the whole calibration set in every step: Adam on weights, bias and
 * scale of the quadratic form L = Σ (u G uᵀ − 2 c uᵀ + t) / rows, u = [ŵ, b], gradients passing straight through the
 * rounding. v G is kept from step to step and changes with the few codes that do, so that a step costs little more than
 * its n parameters. The best iterate is kept: the loss oscillates.
 */
export function adaquantRows(
  rows: AdaquantRows,
  start: AdaquantGrid,
  rates: AdaquantRates,
  iterations: number,
): AdaquantResult {
  const { size, ld, count, grams, c, powers, weights, biases, mask, layerRows } = rows;
  const withBias = ld > size;
  const parameters = Float64Array.of(start.symmetric ? start.scale : start.scale * start.levels, start.minimum);
  const rangeCount = start.symmetric ? 1 : 2;
  const steps = new Float64Array(count * size);
  const products = new Float64Array(count * ld);
  const upstream = new Float64Array(count * ld);
  const weightState = new AdamState(weights);
  const biasState = new AdamState(biases);
  const rangeState = new AdamState(parameters);
  const losses = new Float64Array(iterations + 1);
  let best: AdaquantResult | undefined;
  for (let step = 0; step <= iterations; step++) {
    const scale = Math.max(start.symmetric ? parameters[0]! : parameters[0]! / start.levels, 2 ** -126);
    const zeroPoint = start.symmetric ? 0 : Math.min(start.levels, Math.max(0, roundHalfEven(-parameters[1]! / scale)));
    const low = start.symmetric ? -start.levels / 2 : -zeroPoint;
    const high = start.symmetric ? start.levels / 2 : start.levels - zeroPoint;
    let loss = 0;
    rangeState.gradients.fill(0);
    for (let row = 0; row < count; row++) {
      const at = row * size;
      const wide = row * ld;
      const gram = grams[row]!;
      for (let j = 0; j < size; j++) {
        const kept = mask === undefined || mask[at + j] !== 0;
        const v = kept ? roundHalfEven(Math.min(high, Math.max(low, weights[at + j]! / scale))) : 0;
        const d = v - steps[at + j]!;
        if (d !== 0) {
          steps[at + j] = v;
          addRow(d, gram, j * ld, ld, products, wide);
        }
      }
      const bias = withBias ? biases[row]! : 0;
      const factor = 2 / layerRows;
      for (let j = 0; j < ld; j++) {
        const fromBias = withBias ? bias * gram[size * ld + j]! : 0;
        upstream[wide + j] = factor * (scale * products[wide + j]! + fromBias - c[wide + j]!);
      }
      // u G uᵀ − 2 c uᵀ = u·(u G − c) − c·u.
      const gradientPart =
        scale * dotProduct(upstream, wide, steps, at, size) + bias * (upstream[wide + size] ?? 0) * (withBias ? 1 : 0);
      const linear = scale * dotProduct(c, wide, steps, at, size) + (withBias ? bias * c[wide + size]! : 0);
      loss += gradientPart / 2 + (powers[row]! - linear) / layerRows;
      if (mask !== undefined) {
        // Pruned weights are no variables: neither they nor the range may follow them.
        for (let j = 0; j < size; j++) {
          if (mask[at + j] === 0) {
            upstream[wide + j] = 0;
          }
        }
      }
      if (start.symmetric) {
        rangeState.gradients[0]! += scaleGradientInto(
          weights,
          at,
          size,
          scale,
          low,
          high,
          upstream,
          wide,
          weightState.gradients,
          at,
        );
      } else {
        rangeGradientsInto(
          weights,
          at,
          size,
          parameters[0]!,
          parameters[1]!,
          start.levels,
          upstream,
          wide,
          weightState.gradients,
          at,
          rangeState.gradients,
        );
      }
      if (withBias) {
        biasState.gradients[row] = upstream[wide + size]!;
      }
    }
    losses[step] = loss;
    if (best === undefined || loss < best.loss) {
      best = { steps: steps.slice(), biases: biases.slice(), scale, zeroPoint, loss, losses };
    }
    if (step < iterations) {
      weightState.move(weights.length, rates.weight, step + 1);
      if (withBias) {
        biasState.move(biases.length, rates.bias, step + 1);
      }
      rangeState.move(rangeCount, rates.scale, step + 1);
    }
  }
  return best!;
}

class AdamState {
  readonly gradients: Float64Array;
  private readonly first: Float64Array;
  private readonly second: Float64Array;

  constructor(private readonly parameters: Float64Array) {
    this.gradients = new Float64Array(parameters.length);
    this.first = new Float64Array(parameters.length);
    this.second = new Float64Array(parameters.length);
  }

  move(count: number, rate: number, step: number): void {
    adamInto(this.parameters, this.gradients, this.first, this.second, 0, count, rate, step);
  }
}
