import type { Knapsack } from './knapsack';
import { pricedValues } from './pricing';
import { totalsOf } from './rounding';

/** Single changes considered at a time: pairs of them are tried. */
const CHANGES = 500;
const ROUNDS = 200;

/**
 * Improves feasible picks by changing one or two units at a time, the best change of each round first, until none helps.
 * Changes are drawn from those that cost least at the prices of the relaxation: others only widen the gap.
 */
export function exchangePicks(knapsack: Knapsack, start: Int32Array, multipliers: readonly number[]): Int32Array {
  const picks = Int32Array.from(start);
  const rows = knapsack.rows.length;
  const costs = knapsack.units.map((unit) => pricedValues(unit.values, unit.weights, multipliers));
  const totals = totalsOf(knapsack, picks);
  for (let round = 0; round < ROUNDS; round++) {
    const room = knapsack.capacities.map((capacity, row) => capacity - totals.weights[row]!);
    const all: { unit: number; to: number; cost: number }[] = [];
    knapsack.units.forEach((unit, u) => {
      for (let to = 0; to < unit.values.length; to++) {
        if (to !== picks[u]) {
          all.push({ unit: u, to, cost: costs[u]![to]! - costs[u]![picks[u]!]! });
        }
      }
    });
    all.sort((a, b) => a.cost - b.cost);
    const changes = all.slice(0, CHANGES);
    const unit = Int32Array.from(changes, (c) => c.unit);
    const value = Float64Array.from(changes, (c) => difference(knapsack.units[c.unit]!.values, picks[c.unit]!, c.to));
    const weightsOf = (row: number): Float64Array =>
      Float64Array.from(changes, (c) =>
        row < rows ? difference(knapsack.units[c.unit]!.weights[row]!, picks[c.unit]!, c.to) : 0,
      );
    const first = weightsOf(0);
    const second = weightsOf(1);
    const roomFirst = rows > 0 ? room[0]! : 0;
    const roomSecond = rows > 1 ? room[1]! : 0;
    let least = 0;
    let best: [number, number] | undefined;
    for (let i = 0; i < changes.length; i++) {
      if (value[i]! < least && first[i]! <= roomFirst && second[i]! <= roomSecond) {
        least = value[i]!;
        best = [i, -1];
      }
      const [v, a, b] = [least - value[i]!, roomFirst - first[i]!, roomSecond - second[i]!];
      let limit = v;
      for (let j = 0; j < i; j++) {
        if (value[j]! < limit && first[j]! <= a && second[j]! <= b && unit[i] !== unit[j]) {
          limit = value[j]!;
          least = value[i]! + value[j]!;
          best = [i, j];
        }
      }
    }
    if (best === undefined) {
      return picks;
    }
    for (const i of best) {
      if (i >= 0) {
        const change = changes[i]!;
        const unitOf = knapsack.units[change.unit]!;
        const from = picks[change.unit]!;
        totals.value += difference(unitOf.values, from, change.to);
        unitOf.weights.forEach((column, row) => {
          totals.weights[row]! += difference(column, from, change.to);
        });
        picks[change.unit] = change.to;
      }
    }
  }
  return picks;
}

function difference(column: Float64Array, from: number, to: number): number {
  return column[to]! - column[from]!;
}
