import { patternOutOfRange } from './errors';
import { checkPlane, type Scores } from './maskKernel';
import { forEachTile, tileRows, tileScores } from './tiles';
import { solveTransposableTile } from './transposableTile';

/** The six ways to keep two of four cells; bit j = column j. Smaller columns first. */
const PAIRS = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100] as const;
/** The 90 ways to keep two cells in every row and column: four indices into {@link PAIRS} each. */
const PATTERNS = listPatterns();
/** Score of each pair in each row. */
const pairScores = new Float64Array(4 * PAIRS.length);

/**
 * Transposable 2:4 mask by trying all 90 masks of each 4 × 4 tile with exactly two cells per row and column; the first of
 * the best wins. Tails take the "at most" solver. A {@link MaskKernel} for keep = 2, group = 4 only.
 */
export function patternMask4(
  scores: Scores,
  rows: number,
  columns: number,
  keep: number,
  group: number,
  mask: Uint8Array,
): void {
  checkPlane(scores, rows, columns, keep, group, mask);
  checkPattern4(keep, group);
  forEachTile(scores, rows, columns, group, mask, (height, width) => {
    if (height === 4 && width === 4) {
      searchPatterns();
    } else {
      solveTransposableTile(height, width, keep, false);
    }
  });
}

/** @throws LatheError `kernels/pattern` unless the pattern is 2 of 4. */
export function checkPattern4(keep: number, group: number): void {
  if (keep !== 2 || group !== 4) {
    throw patternOutOfRange(keep, group, 'the search over all patterns covers 2 of 4 only');
  }
}

function searchPatterns(): void {
  for (let i = 0; i < 4; i++) {
    const a = tileScores[4 * i]!;
    const b = tileScores[4 * i + 1]!;
    const c = tileScores[4 * i + 2]!;
    const d = tileScores[4 * i + 3]!;
    pairScores[6 * i] = a + b;
    pairScores[6 * i + 1] = a + c;
    pairScores[6 * i + 2] = a + d;
    pairScores[6 * i + 3] = b + c;
    pairScores[6 * i + 4] = b + d;
    pairScores[6 * i + 5] = c + d;
  }
  let best = 0;
  let bestScore = -Infinity;
  for (let n = 0; n < PATTERNS.length; n += 4) {
    const score =
      pairScores[PATTERNS[n]!]! +
      pairScores[6 + PATTERNS[n + 1]!]! +
      pairScores[12 + PATTERNS[n + 2]!]! +
      pairScores[18 + PATTERNS[n + 3]!]!;
    if (score > bestScore) {
      bestScore = score;
      best = n;
    }
  }
  for (let i = 0; i < 4; i++) {
    tileRows[i] = PAIRS[PATTERNS[best + i]!]!;
  }
}

function listPatterns(): Uint8Array {
  const found: number[] = [];
  for (let code = 0; code < 6 ** 4; code++) {
    const choice = [216, 36, 6, 1].map((place) => Math.floor(code / place) % 6);
    const columnCounts = [0, 1, 2, 3].map((j) => choice.filter((p) => ((PAIRS[p]! >>> j) & 1) === 1).length);
    if (columnCounts.every((count) => count === 2)) {
      found.push(...choice);
    }
  }
  return Uint8Array.from(found);
}
