import type { Knapsack } from './knapsack';

/**
 * Slack of a float64 bound against whole values: what the sums of products in the bounds may be off by.
 */
export function boundSlack(value: number, multipliers: readonly number[], capacities: readonly number[]): number {
  let magnitude = Math.abs(value);
  multipliers.forEach((multiplier, row) => {
    magnitude += multiplier * capacities[row]!;
  });
  return 1e-12 * magnitude;
}

/** L(λ): valid for any multipliers ≥ 0. */
export function dualBound(knapsack: Knapsack, multipliers: readonly number[]): number {
  let bound = 0;
  for (const unit of knapsack.units) {
    bound += leastOf(pricedValues(unit.values, unit.weights, multipliers));
  }
  multipliers.forEach((multiplier, row) => {
    bound -= multiplier * knapsack.capacities[row]!;
  });
  return bound;
}

export function pricedValues(
  values: Float64Array,
  weights: readonly Float64Array[],
  multipliers: readonly number[],
): Float64Array {
  return values.map((value, c) => {
    let cost = value;
    for (let row = 0; row < weights.length; row++) {
      cost += multipliers[row]! * weights[row]![c]!;
    }
    return cost;
  });
}

export function leastOf(column: Float64Array): number {
  return column.reduce((a, b) => Math.min(a, b), Infinity);
}
