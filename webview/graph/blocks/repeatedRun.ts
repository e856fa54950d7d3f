/** A stretch of a sequence that repeats itself: `count` copies of `period` entries from `start`. */
export interface RepeatedRun {
  readonly start: number;
  readonly period: number;
  readonly count: number;
}

/** Longest period looked for. */
const LONGEST_PERIOD = 400;

/**
 * The stretch of a sequence that covers most entries by at least `least` copies of one pattern of two entries or more; the
 * shorter pattern where two cover the same. A pattern that is itself a repetition is not taken. Time: entries × periods.
 */
export function repeatedRun(tokens: readonly string[], least = 2): RepeatedRun | undefined {
  let best: RepeatedRun | undefined;
  const longest = Math.min(LONGEST_PERIOD, Math.floor(tokens.length / least));
  for (let period = 2; period <= longest; period++) {
    let matched = 0;
    for (let at = 0; at + period <= tokens.length; at++) {
      const same = at + period < tokens.length && tokens[at] === tokens[at + period];
      if (same) {
        matched += 1;
        continue;
      }
      const count = Math.floor(matched / period) + 1;
      if (count >= least && count * period > (best === undefined ? 0 : best.count * best.period)) {
        const start = at - matched;
        if (!isUniform(tokens, start, period)) {
          best = { start, period, count };
        }
      }
      matched = 0;
    }
  }
  return best;
}

/** One token over and over is a chain, not a block. */
function isUniform(tokens: readonly string[], start: number, period: number): boolean {
  for (let at = start + 1; at < start + period; at++) {
    if (tokens[at] !== tokens[start]) {
      return false;
    }
  }
  return true;
}
