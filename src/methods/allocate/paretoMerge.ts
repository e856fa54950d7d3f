import { throwIfCancelled } from '../../base/errors';
import type { Knapsack, KnapsackUnit } from './knapsack';
import { boundSlack, leastOf, pricedValues } from './pricing';
import { hullSteps } from './relaxation';
import { isWithin, totalsOf } from './rounding';
import { mergeStates, StateList } from './stateList';

export interface MergeOptions {
  /** Milliseconds of `performance.now()`. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  readonly incumbent?: Int32Array | undefined;
  readonly multipliers: readonly number[];
  /** Keeps only this many states per unit (the most promising): a heuristic that finds good incumbents fast. */
  readonly beam?: number;
  /** Gives up when this many states have been kept in all: 20 bytes each. */
  readonly stateLimit: number;
}

export interface MergeResult {
  readonly picks: Int32Array | undefined;
  /** No better solution exists. Never claimed when states were cut by a beam. */
  readonly complete: boolean;
}

/**
 * Exact solution by merging lists of undominated partial solutions unit by unit, with bounds.
 *
 * After each unit a state (value, weights) is dropped when another is no worse, or when its bound exceeds the best known
 * solution: value + λ·(weights − capacity) + Σ_remaining min_c (v + λ·w), the Lagrangian bound of its completion, for a few
 * multipliers λ around those of the relaxation. Units are taken in the order of how open they are (gap between their two
 * best priced choices), so that the undecided ones (the "core", Pisinger, "A minimal algorithm for the multiple-choice
 * knapsack problem", EJOR 83, 1995) come first and the tail is all but forced. Each state is also completed with the best
 * priced choices of the remaining units, which yields better and better solutions on the way.
 *
 * Ties: least value, then least weights in the order of the rows, then the order in which units are taken.
 */
export async function mergePareto(knapsack: Knapsack, options: MergeOptions): Promise<MergeResult> {
  const { capacities } = knapsack;
  const rows = capacities.length;
  const multipliers = options.multipliers.slice(0, rows);
  const order = openFirst(knapsack, multipliers);
  const units = order.map((u) => knapsack.units[u]!);
  const prices = multiplierSet(knapsack, multipliers);
  const bases = units.map((unit) => basePick(unit, multipliers));
  const tails = new Tails(units, bases, prices, rows);

  let best: { picks: Int32Array; value: number; weights: readonly number[] } | undefined;
  const offer = (picks: Int32Array): void => {
    const totals = totalsOf(knapsack, picks);
    if (isWithin(knapsack, totals.weights) && (best === undefined || isBetter(totals, best))) {
      best = { picks, value: totals.value, weights: totals.weights };
    }
  };
  if (options.incumbent !== undefined) {
    offer(options.incumbent);
  }

  const scratch = new Scratch();
  const lists: StateList[] = [StateList.root()];
  let kept = 1;
  let cut = false;
  let breath = performance.now();
  for (let stage = 0; stage < units.length; stage++) {
    const now = performance.now();
    if (now - breath > 30) {
      // Lets an abort or a message through.
      await new Promise((resolve) => setImmediate(resolve));
      breath = performance.now();
    }
    throwIfCancelled(options.signal);
    if (now > options.deadline || kept > options.stateLimit) {
      return { picks: best?.picks, complete: false };
    }
    const limit = best === undefined ? Infinity : best.value;
    const slack = best === undefined ? 0 : boundSlack(limit, multipliers, capacities);
    let next = extend(knapsack, lists[stage]!, units[stage]!, stage, tails, limit + slack, options.deadline, scratch);
    if (next === undefined) {
      return { picks: best?.picks, complete: false };
    }
    if (options.beam !== undefined && next.length > options.beam) {
      next = narrow(next, options.beam, tails, stage + 1, capacities);
      cut = true;
    }
    lists.push(next);
    kept += next.length;
    const at = bestCompletion(next, tails, stage + 1, capacities, best);
    if (at >= 0) {
      offer(trace(lists, at, order, bases, knapsack.units.length));
    }
  }
  return { picks: best?.picks, complete: !cut };
}

/** All undominated (weight, value) pairs of a one-row knapsack, lightest first; undefined when over the state limit. */
export async function wholeFrontier(
  knapsack: Knapsack,
  options: { readonly stateLimit: number; readonly deadline: number; readonly signal?: AbortSignal | undefined },
): Promise<Int32Array[] | undefined> {
  const { units } = knapsack;
  const order = units.map((_, u) => u);
  const scratch = new Scratch();
  const lists: StateList[] = [StateList.root()];
  let kept = 1;
  for (let stage = 0; stage < units.length; stage++) {
    await new Promise((resolve) => setImmediate(resolve));
    throwIfCancelled(options.signal);
    const next = extend(knapsack, lists[stage]!, units[stage]!, stage, undefined, Infinity, options.deadline, scratch);
    kept += next?.length ?? 0;
    if (next === undefined || kept > options.stateLimit) {
      return undefined;
    }
    lists.push(next);
  }
  const last = lists[units.length]!;
  return Array.from({ length: last.length }, (_, at) => trace(lists, at, order, [], units.length));
}

function isBetter(
  a: { value: number; weights: readonly number[] },
  b: { value: number; weights: readonly number[] },
): boolean {
  if (a.value !== b.value) {
    return a.value < b.value;
  }
  for (let row = 0; row < a.weights.length; row++) {
    if (a.weights[row] !== b.weights[row]) {
      return a.weights[row]! < b.weights[row]!;
    }
  }
  return false;
}

/** Units by the gap between their best and second-best priced choice, smallest first; fixed units last. */
function openFirst(knapsack: Knapsack, multipliers: readonly number[]): number[] {
  const gaps = knapsack.units.map((unit) => {
    const costs = pricedValues(unit.values, unit.weights, multipliers).sort();
    return costs.length < 2 ? Infinity : costs[1]! - costs[0]!;
  });
  return gaps.map((_, u) => u).sort((a, b) => (gaps[a] === gaps[b] ? a - b : gaps[a]! - gaps[b]!));
}

function basePick(unit: KnapsackUnit, multipliers: readonly number[]): number {
  const costs = pricedValues(unit.values, unit.weights, multipliers);
  let best = 0;
  for (let c = 1; c < costs.length; c++) {
    if (costs[c]! < costs[best]!) {
      best = c;
    }
  }
  return best;
}

/**
 * Multipliers tried in bounds. One row: those of the hull steps at distances 0, 1, 2, 4, … from the step where the
 * relaxation stopped, since the best multiplier of a sub-problem is one of them. Two rows: a grid around the optimum.
 */
function multiplierSet(knapsack: Knapsack, multipliers: readonly number[]): number[][] {
  if (multipliers.length === 0) {
    return [[]];
  }
  if (multipliers.length === 1) {
    const { steps } = hullSteps(knapsack.units, 0);
    const ratios = steps.map((step) => step.saving / step.weight);
    const middle = ratios.findIndex((ratio) => ratio <= multipliers[0]!);
    const set = new Set<number>([multipliers[0]!]);
    for (let distance = 1; distance < ratios.length; distance *= 2) {
      for (const at of [middle - distance, middle + distance]) {
        if (middle >= 0 && at >= 0 && at < ratios.length) {
          set.add(ratios[at]!);
        }
      }
    }
    return [...set].map((ratio) => [ratio]);
  }
  const set: number[][] = [[...multipliers]];
  for (const a of GRID) {
    for (const b of GRID) {
      if (a !== 1 || b !== 1) {
        set.push([multipliers[0]! * a, multipliers[1]! * b]);
      }
    }
  }
  return set;
}

const GRID = [1, 0.97, 1.03, 0.85, 1.15, 0.5, 2];

/** What the units from a stage on add at least (per multiplier set), and with their base picks. */
class Tails {
  readonly least: Float64Array[];
  readonly baseValue: Float64Array;
  readonly baseFirst: Float64Array;
  readonly baseSecond: Float64Array;
  readonly leastFirst: Float64Array;
  readonly leastSecond: Float64Array;

  constructor(
    units: readonly KnapsackUnit[],
    bases: readonly number[],
    readonly prices: readonly (readonly number[])[],
    rows: number,
  ) {
    const size = units.length + 1;
    this.least = prices.map(() => new Float64Array(size));
    this.baseValue = new Float64Array(size);
    this.baseFirst = new Float64Array(size);
    this.baseSecond = new Float64Array(size);
    this.leastFirst = new Float64Array(size);
    this.leastSecond = new Float64Array(size);
    for (let stage = units.length - 1; stage >= 0; stage--) {
      const unit = units[stage]!;
      const base = bases[stage]!;
      prices.forEach((price, p) => {
        const costs = pricedValues(unit.values, unit.weights, price);
        this.least[p]![stage] = this.least[p]![stage + 1]! + leastOf(costs);
      });
      const least = (row: number): number => leastOf(unit.weights[row]!);
      this.baseValue[stage] = this.baseValue[stage + 1]! + unit.values[base]!;
      this.baseFirst[stage] = this.baseFirst[stage + 1]! + (rows > 0 ? unit.weights[0]![base]! : 0);
      this.baseSecond[stage] = this.baseSecond[stage + 1]! + (rows > 1 ? unit.weights[1]![base]! : 0);
      this.leastFirst[stage] = this.leastFirst[stage + 1]! + (rows > 0 ? least(0) : 0);
      this.leastSecond[stage] = this.leastSecond[stage + 1]! + (rows > 1 ? least(1) : 0);
    }
  }
}

/** Lists used over and over: allocating them for each choice took longer than filling them. */
class Scratch {
  readonly shifted = new StateList(0);
  readonly merged = new StateList(0);
  readonly spare = new StateList(0);
}

/** All states of `list` with each choice of `unit`, bounded and merged; undefined when the deadline passed. */
function extend(
  knapsack: Knapsack,
  list: StateList,
  unit: KnapsackUnit,
  stage: number,
  tails: Tails | undefined,
  limit: number,
  deadline: number,
  scratch: Scratch,
): StateList | undefined {
  const rows = knapsack.capacities.length;
  const capacityFirst = rows > 0 ? knapsack.capacities[0]! : Infinity;
  const capacitySecond = rows > 1 ? knapsack.capacities[1]! : Infinity;
  const roomFirst = capacityFirst - (tails?.leastFirst[stage + 1] ?? 0);
  const roomSecond = capacitySecond - (tails?.leastSecond[stage + 1] ?? 0);
  const prices = tails === undefined || limit === Infinity ? 0 : tails.prices.length;
  const priceFirst = new Float64Array(prices);
  const priceSecond = new Float64Array(prices);
  const priceLimit = new Float64Array(prices);
  for (let p = 0; p < prices; p++) {
    const price = tails!.prices[p]!;
    priceFirst[p] = rows > 0 ? price[0]! : 0;
    priceSecond[p] = rows > 1 ? price[1]! : 0;
    // value + λ·w ≤ limit + λ·capacity − tail
    priceLimit[p] =
      limit -
      tails!.least[p]![stage + 1]! +
      (rows > 0 ? price[0]! * capacityFirst : 0) +
      (rows > 1 ? price[1]! * capacitySecond : 0);
  }
  let merged = scratch.merged;
  let spare = scratch.spare;
  const { shifted } = scratch;
  merged.reset(0);
  let hot = 0;
  for (let c = 0; c < unit.values.length; c++) {
    if (performance.now() > deadline) {
      return undefined;
    }
    const addValue = unit.values[c]!;
    const addFirst = rows > 0 ? unit.weights[0]![c]! : 0;
    const addSecond = rows > 1 ? unit.weights[1]![c]! : 0;
    shifted.reset(list.length);
    for (let i = 0; i < list.length; i++) {
      const value = list.value[i]! + addValue;
      const first = list.first[i]! + addFirst;
      const second = list.second[i]! + addSecond;
      if (first > roomFirst || second > roomSecond) {
        continue;
      }
      // What cut the last state probably cuts this one.
      if (prices > 0 && value + priceFirst[hot]! * first + priceSecond[hot]! * second > priceLimit[hot]!) {
        continue;
      }
      let p = 0;
      while (p < prices && value + priceFirst[p]! * first + priceSecond[p]! * second <= priceLimit[p]!) {
        p++;
      }
      if (p === prices) {
        shifted.push(first, second, value, i, c);
      } else {
        hot = p;
      }
    }
    mergeStates(merged, shifted, rows, spare);
    [merged, spare] = [spare, merged];
  }
  return merged.trimmed();
}

/** Keeps the states with the least bound, in order. */
function narrow(list: StateList, size: number, tails: Tails, stage: number, capacities: readonly number[]): StateList {
  const costs = new Float64Array(list.length).fill(-Infinity);
  tails.prices.forEach((price, p) => {
    const [first, second] = [price[0] ?? 0, price[1] ?? 0];
    const rest = tails.least[p]![stage]! - first * (capacities[0] ?? 0) - second * (capacities[1] ?? 0);
    for (let i = 0; i < list.length; i++) {
      const bound = list.value[i]! + first * list.first[i]! + second * list.second[i]! + rest;
      costs[i] = Math.max(costs[i]!, bound);
    }
  });
  const threshold = Float64Array.from(costs).sort()[size - 1]!;
  const kept = new StateList(size);
  for (let i = 0; i < list.length && kept.length < size; i++) {
    if (costs[i]! <= threshold) {
      kept.push(list.first[i]!, list.second[i]!, list.value[i]!, list.parent[i]!, list.choice[i]!);
    }
  }
  return kept;
}

/** Index of the state whose completion with base picks is the best and beats `best`; -1 if none. */
function bestCompletion(
  list: StateList,
  tails: Tails,
  stage: number,
  capacities: readonly number[],
  best: { readonly value: number; readonly weights: readonly number[] } | undefined,
): number {
  const first = (capacities[0] ?? Infinity) - tails.baseFirst[stage]!;
  const second = (capacities[1] ?? Infinity) - tails.baseSecond[stage]!;
  let value = best === undefined ? Infinity : best.value - tails.baseValue[stage]!;
  let weight = best === undefined ? Infinity : (best.weights[0] ?? 0) - tails.baseFirst[stage]!;
  let weight2 = best === undefined ? Infinity : (best.weights[1] ?? 0) - tails.baseSecond[stage]!;
  let found = -1;
  for (let i = 0; i < list.length; i++) {
    if (list.first[i]! > first || list.second[i]! > second || list.value[i]! > value) {
      continue;
    }
    const better =
      list.value[i]! < value || list.first[i]! < weight || (list.first[i] === weight && list.second[i]! < weight2);
    if (better) {
      value = list.value[i]!;
      weight = list.first[i]!;
      weight2 = list.second[i]!;
      found = i;
    }
  }
  return found;
}

function trace(
  lists: readonly StateList[],
  at: number,
  order: readonly number[],
  bases: readonly number[],
  units: number,
): Int32Array {
  const picks = new Int32Array(units);
  for (let stage = lists.length - 1; stage < order.length; stage++) {
    picks[order[stage]!] = bases[stage]!;
  }
  let state = at;
  for (let stage = lists.length - 1; stage > 0; stage--) {
    const list = lists[stage]!;
    picks[order[stage - 1]!] = list.choice[state]!;
    state = list.parent[state]!;
  }
  return picks;
}
