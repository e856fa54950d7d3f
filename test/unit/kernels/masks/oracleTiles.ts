/** The matrix of an oracle case: a linear congruential generator, filled row by row. */
export function oracleMatrix(seed: number, cells: number, modulus: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: cells }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 16) % modulus;
  });
}

/** Rows of a mask as text, e.g. 0110/1001. */
export function maskText(mask: Uint8Array, columns: number): string {
  const rows = Array.from({ length: mask.length / columns }, (_, i) =>
    mask.subarray(i * columns, (i + 1) * columns).join(''),
  );
  return rows.join('/');
}

export interface OracleCase {
  readonly name: string;
  readonly scores: Float64Array;
  readonly size: number;
  readonly keep: number;
  readonly exactly: number;
  readonly atMost: number;
  readonly rowWise: number;
  readonly columnWise: number;
  readonly greedy: readonly [sum: number, cells: number];
  readonly intersection: readonly [sum: number, cells: number];
}

function oracleCase(name: string, scores: Float64Array, keep: number, figures: readonly number[]): OracleCase {
  const [exactly, atMost, rowWise, columnWise, greedySum, greedyCells, bothSum, bothCells] = figures as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    name,
    scores,
    size: Math.sqrt(scores.length),
    keep,
    exactly,
    atMost,
    rowWise,
    columnWise,
    greedy: [greedySum, greedyCells],
    intersection: [bothSum, bothCells],
  };
}

/**
 * Sums found by a network simplex and a linear programme outside this code base: best with exactly and with at most
 * `keep` per line, row-wise, column-wise, greedy and intersection (sum, cells).
 */
export const ORACLES: readonly OracleCase[] = [
  oracleCase(
    'A',
    Float64Array.from([2, 8, 9, 9, 9, 1, 3, 9, 5, 6, 3, 9, 2, 4, 6, 9]),
    2,
    [61, 61, 66, 61, 57, 8, 48, 6],
  ),
  oracleCase('B', oracleMatrix(1, 16, 100), 2, [568, 568, 617, 613, 567, 7, 487, 6]),
  oracleCase('C', oracleMatrix(2021, 64, 1000), 4, [23458, 23458, 24386, 23702, 22983, 31, 19844, 24]),
  oracleCase('D', oracleMatrix(7, 64, 10), 4, [216, 216, 225, 220, 212, 32, 187, 25]),
  oracleCase('E2', oracleMatrix(11, 64, 1000), 2, [11538, 11538, 12583, 12010, 11182, 16, 9470, 11]),
  oracleCase('E4', oracleMatrix(11, 64, 1000), 4, [20006, 20006, 21546, 20784, 19806, 31, 17716, 24]),
  oracleCase('E6', oracleMatrix(11, 64, 1000), 6, [25590, 25636, 26856, 25992, 25602, 46, 25008, 42]),
  oracleCase('F', oracleMatrix(2024, 256, 1000), 8, [91715, 91715, 93280, 94545, 90825, 128, 85165, 110]),
  oracleCase('G', oracleMatrix(9, 64, 1000), 4, [22051, 22051, 23320, 22988, 21576, 30, 19221, 24]),
  oracleCase('H', oracleMatrix(40, 16, 100), 2, [485, 487, 520, 521, 487, 7, 435, 6]),
];
