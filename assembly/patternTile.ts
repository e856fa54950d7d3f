import { ROW_BYTES, ROW_SETS, SCORES } from './memory';

/** Score of each pair of columns in each row: 8 places for 6 pairs. */
const PAIR_SCORES: usize = memory.data(256, 64);
/** The 90 patterns, four bytes each: the place of each row's pair in PAIR_SCORES. */
const PATTERNS: usize = memory.data(360, 64);
/** Column sets of the six pairs. Smaller columns first. */
const PAIRS: u64 = 0x0c0a06090503;
let listed = false;

/** The best of the 90 masks with two cells in every row and column of the 4 × 4 tile in SCORES, into ROW_SETS. */
export function searchPatternTile(): void {
  if (!listed) {
    listPatterns();
  }
  for (let i = 0; i < 4; i++) {
    const from = SCORES + i * ROW_BYTES;
    const to = PAIR_SCORES + ((<usize>i) << 6);
    const a = load<f64>(from);
    const b = load<f64>(from, 8);
    const c = load<f64>(from, 16);
    const d = load<f64>(from, 24);
    store<f64>(to, a + b);
    store<f64>(to, a + c, 8);
    store<f64>(to, a + d, 16);
    store<f64>(to, b + c, 24);
    store<f64>(to, b + d, 32);
    store<f64>(to, c + d, 40);
  }
  let best = PATTERNS;
  let bestScore: f64 = -Infinity;
  for (let at = PATTERNS; at < PATTERNS + 360; at += 4) {
    const score = pairScore(at, 0) + pairScore(at, 1) + pairScore(at, 2) + pairScore(at, 3);
    best = score > bestScore ? at : best;
    bestScore = score > bestScore ? score : bestScore;
  }
  for (let i = 0; i < 4; i++) {
    store<i32>(ROW_SETS + ((<usize>i) << 2), pairSet(load<u8>(best + i)));
  }
}

function pairScore(pattern: usize, row: i32): f64 {
  return load<f64>(PAIR_SCORES + ((<usize>row) << 6) + ((<usize>load<u8>(pattern + row)) << 3));
}

function pairSet(pair: i32): i32 {
  return (<i32>(PAIRS >> (pair << 3))) & 15;
}

function listPatterns(): void {
  let to = PATTERNS;
  for (let code = 0; code < 1296; code++) {
    const pairs = (code / 216) | (((code / 36) % 6) << 8) | (((code / 6) % 6) << 16) | ((code % 6) << 24);
    let once = 0;
    let twice = 0;
    let more = 0;
    for (let i = 0; i < 4; i++) {
      const set = pairSet((pairs >>> (i << 3)) & 255);
      more |= twice & set;
      twice |= once & set;
      once |= set;
    }
    if (twice === 15 && more === 0) {
      store<i32>(to, pairs);
      to += 4;
    }
  }
  listed = true;
}
