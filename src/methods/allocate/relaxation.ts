import type { Knapsack, KnapsackUnit } from './knapsack';

/**
 * Linear relaxation of the multiple-choice knapsack (Sinha and Zoltners, "The Multiple-Choice Knapsack Problem", Operations
 * Research 27(3), 1979): with one row, walk each unit's lower convex hull from its lightest choice, taking the steps of all
 * units in the order of value saved per weight until the capacity is used up; at most one unit is left between two choices.
 * Works on whole and on unscaled numbers.
 */
export interface Relaxation {
  /** Lower bound on the value; Infinity when even the relaxation cannot meet the rows. */
  readonly bound: number;
  /** Value per weight, one for each row: the Lagrange multipliers that give the bound. */
  readonly multipliers: readonly number[];
  /** Choices of the walk up to the step that no longer fits; within the capacity when there is one row. */
  readonly picks: Int32Array;
}

/** A move along one unit's hull: adds `weight`, saves `saving`. */
export interface HullStep {
  readonly unit: number;
  readonly from: number;
  readonly to: number;
  readonly weight: number;
  readonly saving: number;
}

/**
 * Vertices of the lower convex hull of (weight, value), lightest first, values falling. Of points on one line only the
 * ends are vertices.
 */
export function lowerHull(weights: Float64Array, values: Float64Array): number[] {
  const order = [...weights.keys()].sort((a, b) => weights[a]! - weights[b]! || values[a]! - values[b]! || a - b);
  const hull: number[] = [];
  for (const c of order) {
    if (hull.length > 0 && values[c]! >= values[hull[hull.length - 1]!]!) {
      continue;
    }
    while (hull.length >= 2) {
      const a = hull[hull.length - 2]!;
      const b = hull[hull.length - 1]!;
      const straight =
        (values[a]! - values[b]!) * (weights[c]! - weights[b]!) <=
        (values[b]! - values[c]!) * (weights[b]! - weights[a]!);
      if (!straight) {
        break;
      }
      hull.pop();
    }
    hull.push(c);
  }
  return hull;
}

/** All hull steps, most saving per weight first; of equals the earlier unit first. */
export function hullSteps(units: readonly KnapsackUnit[], row: number): { start: Int32Array; steps: HullStep[] } {
  const start = new Int32Array(units.length);
  const steps: HullStep[] = [];
  units.forEach((unit, u) => {
    const weights = unit.weights[row]!;
    const hull = lowerHull(weights, unit.values);
    start[u] = hull[0]!;
    for (let i = 1; i < hull.length; i++) {
      const from = hull[i - 1]!;
      const to = hull[i]!;
      steps.push({
        unit: u,
        from,
        to,
        weight: weights[to]! - weights[from]!,
        saving: unit.values[from]! - unit.values[to]!,
      });
    }
  });
  steps.sort((a, b) => b.saving / b.weight - a.saving / a.weight || a.unit - b.unit || a.weight - b.weight);
  return { start, steps };
}

/** Relaxation of a knapsack of no, one or two rows. */
export function relax(knapsack: Knapsack): Relaxation {
  switch (knapsack.rows.length) {
    case 0:
      return relaxWithoutRows(knapsack);
    case 1:
      return relaxOneRow(knapsack.units, 0, knapsack.capacities[0]!).relaxation;
    default:
      return relaxTwoRows(knapsack);
  }
}

function relaxWithoutRows(knapsack: Knapsack): Relaxation {
  let bound = 0;
  const picks = Int32Array.from(knapsack.units, (unit) => {
    const best = leastIndex(unit.values);
    bound += unit.values[best]!;
    return best;
  });
  return { bound, multipliers: [], picks };
}

interface OneRow {
  readonly relaxation: Relaxation;
  /** The step left unfinished and the share of it that fits. */
  readonly partial: { readonly step: HullStep; readonly share: number } | undefined;
}

function relaxOneRow(units: readonly KnapsackUnit[], row: number, capacity: number): OneRow {
  const { start, steps } = hullSteps(units, row);
  const picks = start;
  let value = 0;
  let left = capacity;
  units.forEach((unit, u) => {
    value += unit.values[picks[u]!]!;
    left -= unit.weights[row]![picks[u]!]!;
  });
  if (left < 0) {
    return { relaxation: { bound: Infinity, multipliers: [0], picks }, partial: undefined };
  }
  for (const step of steps) {
    if (step.weight > left) {
      const share = left / step.weight;
      return {
        relaxation: { bound: value - step.saving * share, multipliers: [step.saving / step.weight], picks },
        partial: { step, share },
      };
    }
    picks[step.unit] = step.to;
    value -= step.saving;
    left -= step.weight;
  }
  return { relaxation: { bound: value, multipliers: [0], picks }, partial: undefined };
}

/**
 * Two rows: the second is priced into the value with a multiplier that is searched for; for each trial the first row is
 * relaxed exactly. The dual is concave in the multiplier and the second row's excess is its slope, so bisection finds the
 * top. Any multiplier gives a valid bound: 48 halvings are precision enough.
 */
function relaxTwoRows(knapsack: Knapsack): Relaxation {
  const [capacity, second] = [knapsack.capacities[0]!, knapsack.capacities[1]!];
  let best: Relaxation = { bound: -Infinity, multipliers: [0, 0], picks: new Int32Array(knapsack.units.length) };
  const slopeAt = (multiplier: number): number => {
    const priced = knapsack.units.map((unit) => ({
      ...unit,
      values: unit.values.map((value, c) => value + multiplier * unit.weights[1]![c]!),
    }));
    const { relaxation, partial } = relaxOneRow(priced, 0, capacity);
    let used = 0;
    knapsack.units.forEach((unit, u) => {
      used += unit.weights[1]![relaxation.picks[u]!]!;
    });
    if (partial !== undefined) {
      const column = knapsack.units[partial.step.unit]!.weights[1]!;
      used += partial.share * (column[partial.step.to]! - column[partial.step.from]!);
    }
    const bound = relaxation.bound - multiplier * second;
    if (bound > best.bound) {
      best = { bound, multipliers: [relaxation.multipliers[0]!, multiplier], picks: relaxation.picks };
    }
    return used - second;
  };
  if (slopeAt(0) <= 0) {
    return best;
  }
  let low = 0;
  let high = priceScale(knapsack);
  for (let i = 0; slopeAt(high) > 0; i++) {
    if (i === 64) {
      return { ...best, bound: Infinity };
    }
    low = high;
    high *= 4;
  }
  for (let i = 0; i < 48; i++) {
    const middle = (low + high) / 2;
    if (slopeAt(middle) > 0) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return best;
}

/** A first guess at the second row's multiplier: total value range per total weight. */
function priceScale(knapsack: Knapsack): number {
  let value = 0;
  let weight = 0;
  for (const unit of knapsack.units) {
    value += largest(unit.values);
    weight += largest(unit.weights[1]!);
  }
  return value > 0 && weight > 0 ? value / weight : 1;
}

export function largest(column: Float64Array): number {
  let most = -Infinity;
  for (const value of column) {
    most = Math.max(most, value);
  }
  return most;
}

function leastIndex(column: Float64Array): number {
  let best = 0;
  for (let i = 1; i < column.length; i++) {
    if (column[i]! < column[best]!) {
      best = i;
    }
  }
  return best;
}
