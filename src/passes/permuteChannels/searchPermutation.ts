import type { NmPattern } from '../../analysis';
import { seededRandom } from '../../base/random';

export interface SearchOptions {
  readonly pattern: NmPattern;
  /** @default 1 */
  readonly seed?: number;
  /** How often a local optimum is shaken and climbed again. @default 4 */
  readonly escapes?: number;
}

export interface FoundPermutation {
  /** Channel that comes to place i. */
  readonly order: Int32Array;
  /** Kept score / total score, before and after; 1 for scores of zero. */
  readonly before: number;
  readonly after: number;
}

/** Gains below this share of the total are rounding. */
const LEAST_GAIN = 1e-9;
/** Share of the channels that an escape moves. */
const SHAKE = 0.1;

/**
 * Orders channels so that row-wise N:M masks keep as much as possible: swaps channels between groups as long as that
 * gains, then shakes the order and climbs again a bounded number of times, keeping the best (after Pool and Yu, "Channel
 * Permutations for N:M Sparsity", NeurIPS 2021; their search permutes pairs of groups, this one swaps pairs of channels
 * with exact gains for all pairs at hand). Deterministic for a seed.
 *
 * With Q a group without channel a and q its keep-th largest score, the group with b in place of a keeps top(Q) +
 * max(0, b − q). So one table of Σ max(0, b − q) over rows, channels × channels, answers all swaps, and a swap renews the
 * table's rows of two groups only.
 *
 * @param scores channel by channel: `channels` runs of `rows` non-negative numbers
 */
export function searchPermutation(
  scores: Float32Array,
  channels: number,
  rows: number,
  { pattern, seed = 1, escapes = 4 }: SearchOptions,
): FoundPermutation {
  const climb = new Climb(scores, channels, rows, pattern);
  let total = 0;
  for (const score of scores) {
    total += score;
  }
  const start = climb.kept();
  climb.run(total * LEAST_GAIN);
  let best = climb.order.slice();
  let bestKept = climb.kept();
  const random = seededRandom(seed);
  for (let attempt = 0; attempt < escapes && climb.groups > 1; attempt++) {
    const swaps = Math.max(1, Math.round((SHAKE * channels) / 2));
    for (let i = 0; i < swaps; i++) {
      climb.swap(Math.floor(random() * channels), Math.floor(random() * channels));
    }
    climb.run(total * LEAST_GAIN);
    const kept = climb.kept();
    if (kept > bestKept + total * LEAST_GAIN) {
      best = climb.order.slice();
      bestKept = kept;
    } else {
      climb.restore(best);
    }
  }
  return {
    order: tidy(best, pattern.group),
    before: total === 0 ? 1 : start / total,
    after: total === 0 ? 1 : bestKept / total,
  };
}

/** The same groups with channels in rising order and groups by their first channel; a shorter last group stays last. */
function tidy(order: Int32Array, group: number): Int32Array {
  const whole: Int32Array[] = [];
  for (let at = 0; at + group <= order.length; at += group) {
    whole.push(order.slice(at, at + group).sort());
  }
  whole.sort((a, b) => a[0]! - b[0]!);
  const tail = order.slice(whole.length * group).sort();
  return Int32Array.from([...whole.flatMap((part) => Array.from(part)), ...tail]);
}

class Climb {
  /** Channel at each place. */
  readonly order: Int32Array;
  readonly groups: number;

  private readonly keep: number;
  private readonly group: number;
  /** By place a: the keep-th largest score in each row of a's group without a. */
  private readonly thresholds: Float32Array;
  /** By place a: what a's group keeps without a. */
  private readonly without: Float64Array;
  /** [place a, channel b]: Σ over rows of max(0, b − threshold of a). */
  private readonly joins: Float64Array;
  private readonly groupKept: Float64Array;

  constructor(
    private readonly scores: Float32Array,
    private readonly channels: number,
    private readonly rows: number,
    { keep, group }: NmPattern,
  ) {
    this.keep = keep;
    this.group = group;
    this.order = Int32Array.from({ length: channels }, (_, c) => c);
    this.groups = Math.ceil(channels / group);
    this.thresholds = new Float32Array(channels * rows);
    this.without = new Float64Array(channels);
    this.joins = new Float64Array(channels * channels);
    this.groupKept = new Float64Array(this.groups);
    this.renewAll();
  }

  kept(): number {
    return this.groupKept.reduce((sum, kept) => sum + kept, 0);
  }

  /** Swaps until no swap gains more than `least`. Each round makes the best swaps of distinct groups. */
  run(least: number): void {
    for (;;) {
      const found = this.gains(least);
      if (found.length === 0) {
        return;
      }
      const touched = new Set<number>();
      for (const { a, b } of found) {
        const s = this.groupOf(a);
        const t = this.groupOf(b);
        if (!touched.has(s) && !touched.has(t)) {
          touched.add(s).add(t);
          this.exchange(a, b);
        }
      }
      touched.forEach((group) => this.renew(group));
    }
  }

  swap(a: number, b: number): void {
    const s = this.groupOf(a);
    const t = this.groupOf(b);
    if (s !== t) {
      this.exchange(a, b);
      this.renew(s);
      this.renew(t);
    }
  }

  restore(order: Int32Array): void {
    const changed = new Set<number>();
    order.forEach((channel, place) => {
      if (this.order[place] !== channel) {
        changed.add(this.groupOf(place));
      }
    });
    this.order.set(order);
    changed.forEach((group) => this.renew(group));
  }

  private groupOf(place: number): number {
    return Math.floor(place / this.group);
  }

  private exchange(a: number, b: number): void {
    const channel = this.order[a]!;
    this.order[a] = this.order[b]!;
    this.order[b] = channel;
  }

  /** The best swap of each pair of groups that gains, best first. */
  private gains(least: number): { readonly a: number; readonly b: number; readonly gain: number }[] {
    const { channels, order, joins, without, groupKept } = this;
    const found: { a: number; b: number; gain: number }[] = [];
    for (let s = 0; s < this.groups; s++) {
      for (let t = s + 1; t < this.groups; t++) {
        let best = { a: -1, b: -1, gain: least };
        const now = groupKept[s]! + groupKept[t]!;
        for (let a = s * this.group; a < this.endOf(s); a++) {
          for (let b = t * this.group; b < this.endOf(t); b++) {
            const then =
              without[a]! + joins[a * channels + order[b]!]! + without[b]! + joins[b * channels + order[a]!]!;
            if (then - now > best.gain) {
              best = { a, b, gain: then - now };
            }
          }
        }
        if (best.a >= 0) {
          found.push(best);
        }
      }
    }
    return found.sort((x, y) => y.gain - x.gain || x.a - y.a || x.b - y.b);
  }

  private endOf(group: number): number {
    return Math.min(this.channels, (group + 1) * this.group);
  }

  private renewAll(): void {
    for (let group = 0; group < this.groups; group++) {
      this.renew(group);
    }
  }

  /** Recomputes what depends on who is in a group. */
  private renew(group: number): void {
    const { scores, rows, channels, order, keep, thresholds, joins } = this;
    const start = group * this.group;
    const end = this.endOf(group);
    const values = new Float64Array(end - start);
    let kept = 0;
    this.without.fill(0, start, end);
    for (let r = 0; r < rows; r++) {
      for (let place = start; place < end; place++) {
        insert(values, place - start, scores[order[place]! * rows + r]!);
      }
      const size = values.length;
      // Ascending: the keep largest start at size − keep.
      let top = 0;
      for (let i = Math.max(0, size - keep); i < size; i++) {
        top += values[i]!;
      }
      kept += top;
      const last = size > keep ? values[size - keep]! : 0;
      const next = size > keep ? values[size - keep - 1]! : 0;
      for (let place = start; place < end; place++) {
        const own = scores[order[place]! * rows + r]!;
        const isTop = size <= keep || own >= last;
        // Without a top member the next one moves up; a member below the top leaves it as it is.
        thresholds[place * rows + r] = isTop ? next : last;
        this.without[place]! += isTop ? top - own + next : top;
      }
    }
    this.groupKept[group] = kept;
    for (let place = start; place < end; place++) {
      for (let channel = 0; channel < channels; channel++) {
        joins[place * channels + channel] = excessOver(scores, channel * rows, thresholds, place * rows, rows);
      }
    }
  }
}

/** Puts a value into its place among the first `count`, which rise. */
function insert(values: Float64Array, count: number, value: number): void {
  let at = count;
  while (at > 0 && values[at - 1]! > value) {
    values[at] = values[at - 1]!;
    at--;
  }
  values[at] = value;
}

/** Σ max(0, score − threshold), in four running sums. */
function excessOver(scores: Float32Array, at: number, thresholds: Float32Array, from: number, rows: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let r = 0;
  for (; r + 3 < rows; r += 4) {
    s0 += Math.max(0, scores[at + r]! - thresholds[from + r]!);
    s1 += Math.max(0, scores[at + r + 1]! - thresholds[from + r + 1]!);
    s2 += Math.max(0, scores[at + r + 2]! - thresholds[from + r + 2]!);
    s3 += Math.max(0, scores[at + r + 3]! - thresholds[from + r + 3]!);
  }
  for (; r < rows; r++) {
    s0 += Math.max(0, scores[at + r]! - thresholds[from + r]!);
  }
  return s0 + s1 + (s2 + s3);
}
