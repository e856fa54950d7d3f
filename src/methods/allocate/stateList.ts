/**
 * Partial solutions of the merge: parallel columns, ordered by first weight (then second weight, then value). A state is
 * kept only if no other one is at most as heavy in each row and at most as costly.
 */
export class StateList {
  length = 0;
  value: Float64Array;
  first: Float64Array;
  second: Float64Array;
  /** Index of the state it was made from, in the list of the unit before. */
  parent: Int32Array;
  choice: Int32Array;

  constructor(capacity: number) {
    this.value = new Float64Array(capacity);
    this.first = new Float64Array(capacity);
    this.second = new Float64Array(capacity);
    this.parent = new Int32Array(capacity);
    this.choice = new Int32Array(capacity);
  }

  static root(): StateList {
    const list = new StateList(1);
    list.push(0, 0, 0, -1, -1);
    return list;
  }

  /** A copy that holds just what is in use. */
  trimmed(): StateList {
    const copy = new StateList(0);
    copy.length = this.length;
    copy.value = this.value.slice(0, this.length);
    copy.first = this.first.slice(0, this.length);
    copy.second = this.second.slice(0, this.length);
    copy.parent = this.parent.slice(0, this.length);
    copy.choice = this.choice.slice(0, this.length);
    return copy;
  }

  /** Empties the list and makes room, keeping its memory. */
  reset(capacity: number): void {
    this.length = 0;
    if (this.value.length < capacity) {
      this.adopt(new StateList(Math.ceil(capacity * 1.5)));
    }
  }

  push(first: number, second: number, value: number, parent: number, choice: number): void {
    if (this.length === this.value.length) {
      this.grow(Math.max(64, this.length * 2));
    }
    const at = this.length++;
    this.first[at] = first;
    this.second[at] = second;
    this.value[at] = value;
    this.parent[at] = parent;
    this.choice[at] = choice;
  }

  private grow(capacity: number): void {
    const bigger = new StateList(capacity);
    bigger.value.set(this.value);
    bigger.first.set(this.first);
    bigger.second.set(this.second);
    bigger.parent.set(this.parent);
    bigger.choice.set(this.choice);
    this.adopt(bigger);
  }

  private adopt(other: StateList): void {
    this.value = other.value;
    this.first = other.first;
    this.second = other.second;
    this.parent = other.parent;
    this.choice = other.choice;
  }
}

/**
 * Merges two ordered lists into a third and drops dominated states.
 *
 * @param rows 0 or 1: a state must be cheaper than all lighter ones, so the last value kept decides. 2: a staircase of
 * (second weight, value) over all lighter states decides.
 */
export function mergeStates(a: StateList, b: StateList, rows: number, merged: StateList): void {
  merged.reset(a.length + b.length);
  const stairs = rows === 2 ? new Staircase() : undefined;
  let least = Infinity;
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    let from: StateList;
    let at: number;
    if (j === b.length || (i < a.length && !isBefore(b, j, a, i))) {
      from = a;
      at = i++;
    } else {
      from = b;
      at = j++;
    }
    const value = from.value[at]!;
    const second = from.second[at]!;
    if (stairs === undefined) {
      if (value >= least) {
        continue;
      }
      least = value;
    } else if (!stairs.add(second, value)) {
      continue;
    }
    merged.push(from.first[at]!, second, value, from.parent[at]!, from.choice[at]!);
  }
}

function isBefore(a: StateList, i: number, b: StateList, j: number): boolean {
  if (a.first[i] !== b.first[j]) {
    return a.first[i]! < b.first[j]!;
  }
  if (a.second[i] !== b.second[j]) {
    return a.second[i]! < b.second[j]!;
  }
  return a.value[i]! < b.value[j]!;
}

/** Undominated (weight, value) pairs seen so far: weights rise, values fall. */
class Staircase {
  private readonly weights: number[] = [];
  private readonly values: number[] = [];

  /** Adds a pair unless one at most as heavy and at most as costly is there; pairs it dominates leave. */
  add(weight: number, value: number): boolean {
    const { weights, values } = this;
    let low = 0;
    let high = weights.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (weights[middle]! <= weight) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low > 0 && values[low - 1]! <= value) {
      return false;
    }
    let start = low;
    if (start > 0 && weights[start - 1] === weight) {
      start--;
    }
    let end = low;
    while (end < weights.length && values[end]! >= value) {
      end++;
    }
    weights.splice(start, end - start, weight);
    values.splice(start, end - start, value);
    return true;
  }
}
