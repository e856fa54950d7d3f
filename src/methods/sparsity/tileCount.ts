/** Largest number of states of the counting programme, by its closed bound, for which exact counts are offered. */
const MAX_STATES = 1_000_000;

const counted = new Map<string, bigint | undefined>();

/**
 * How many masks a rectangular tile admits that keep as many cells as lines of at most `keep` allow: the number of 0/1
 * matrices whose shorter side's lines hold exactly min(keep, length) ones and whose other lines hold at most `keep`. For a
 * square tile all lines hold exactly `keep`: A(M, k), e.g. A(4, 2) = 90, A(8, 4) = 116963796250.
 *
 * Exact, by a programme over rows whose state is the histogram of how full the columns are. Undefined where that has too
 * many states (beyond about 16 × 16 at half density); see {@link log10TileCount}.
 */
export function countTileMasks(rows: number, columns: number, keep: number): bigint | undefined {
  const short = Math.min(rows, columns);
  const long = Math.max(rows, columns);
  const key = `${short} ${long} ${keep}`;
  if (!counted.has(key)) {
    counted.set(key, countMasks(short, long, keep));
  }
  return counted.get(key);
}

/** log10 of {@link countTileMasks}; beyond exact counts of {@link log10TileEstimate}, which `exact` tells. */
export function log10TileCount(
  rows: number,
  columns: number,
  keep: number,
): { readonly log10: number; readonly exact: boolean } {
  const count = countTileMasks(rows, columns, keep);
  return count === undefined
    ? { log10: log10TileEstimate(rows, columns, keep), exact: false }
    : { log10: log10BigInt(count), exact: true };
}

/**
 * log10 of an estimate of {@link countTileMasks} (Canfield, Greenhill and McKay 2008): A(M, k) ≈ C(M,k)^(2M) / C(M²,kM) ·
 * e^(−1/2), 3 % low at M = 16 and closer beyond. The lines of a rectangle's longer side are taken to share the ones evenly.
 */
export function log10TileEstimate(rows: number, columns: number, keep: number): number {
  const short = Math.min(rows, columns);
  const long = Math.max(rows, columns);
  const ones = short * keep;
  const lines = short * logBinomial(long, keep) + long * logBinomial(short, ones / long);
  return (lines - logBinomial(short * long, ones) - 0.5) / Math.LN10;
}

function countMasks(rows: number, columns: number, keep: number): bigint | undefined {
  if (rows === 0 || columns === 0) {
    return 1n;
  }
  const perRow = Math.min(keep, columns);
  if (keep >= rows) {
    return binomial(columns, perRow) ** BigInt(rows);
  }
  if (rows === columns && keep * 2 > rows) {
    // Complement: as many matrices with `rows − keep` ones in every line.
    return countTileMasks(rows, columns, rows - keep);
  }
  if (Number(binomial(columns + keep, keep)) > MAX_STATES) {
    return undefined;
  }
  if (rows !== columns) {
    let total = 0n;
    for (const ways of spread(rows, columns, perRow, keep).values()) {
      total += ways;
    }
    return total;
  }
  // Both halves of the rows fill the same columns: what the upper half leaves open the lower one fills.
  const upper = spread(rows >> 1, columns, keep, keep);
  const lower = rows % 2 === 0 ? upper : spread(rows - (rows >> 1), columns, keep, keep);
  let total = 0n;
  for (const [state, ways] of upper) {
    const { ways: arrangements, open } = complementOf(state, columns, keep);
    // The lower half's count is over all arrangements of its histogram; the upper half has fixed one.
    total += (ways * (lower.get(open) ?? 0n)) / arrangements;
  }
  return total;
}

/**
 * Number of 0/1 matrices with `perRow` ones in every row and at most `capacity` in every column, by histogram: digit b of
 * a state, to the base columns + 1, is the number of columns that hold b ones. A row is laid bin by bin, fullest columns
 * first, so that a column it has filled is not met again and partial rows that leave the same histogram merge.
 */
function spread(rows: number, columns: number, perRow: number, capacity: number): Map<number, bigint> {
  const base = columns + 1;
  let states = new Map<number, bigint>([[columns, 1n]]);
  for (let row = 0; row < rows; row++) {
    const wanted = (row + 1) * perRow;
    for (let bin = capacity - 1; bin >= 0; bin--) {
      states = layBin(states, bin, wanted, base, capacity);
    }
  }
  return states;
}

/** Gives `n` columns of a bin a one from the current row, for every n that lets the row reach `wanted` ones in all. */
function layBin(
  states: ReadonlyMap<number, bigint>,
  bin: number,
  wanted: number,
  base: number,
  capacity: number,
): Map<number, bigint> {
  const unit = base ** bin;
  const step = unit * (base - 1);
  const next = new Map<number, bigint>();
  for (const [state, ways] of states) {
    let left = wanted;
    let below = 0;
    let size = 0;
    for (let b = 0, rest = state; b <= capacity; b++) {
      const digit = rest % base;
      rest = (rest - digit) / base;
      left -= b * digit;
      if (b < bin) {
        below += digit;
      } else if (b === bin) {
        size = digit;
      }
    }
    for (let n = Math.max(0, left - below); n <= Math.min(size, left); n++) {
      const key = state + n * step;
      const added = n === 0 || n === size ? ways : ways * binomial(size, n);
      const known = next.get(key);
      next.set(key, known === undefined ? added : known + added);
    }
  }
  return next;
}

/** Ways to give columns the fillings of a histogram (a multinomial coefficient), and the histogram of what is left open. */
function complementOf(state: number, columns: number, capacity: number): { ways: bigint; open: number } {
  const base = columns + 1;
  let ways = 1n;
  let left = columns;
  let open = 0;
  for (let b = 0, rest = state; b <= capacity; b++) {
    const digit = rest % base;
    rest = (rest - digit) / base;
    ways *= binomial(left, digit);
    left -= digit;
    open = open * base + digit;
  }
  return { ways, open };
}

const binomials = new Map<number, bigint>();

/** C(n, k), exact. */
export function binomial(n: number, k: number): bigint {
  if (k < 0 || k > n) {
    return 0n;
  }
  const m = Math.min(k, n - k);
  const key = n * 65_536 + m;
  let value = binomials.get(key);
  if (value === undefined) {
    value = 1n;
    for (let i = 1; i <= m; i++) {
      value = (value * BigInt(n - m + i)) / BigInt(i);
    }
    if (n < 256) {
      binomials.set(key, value);
    }
  }
  return value;
}

/** log10 of a positive integer of any size, to double precision. */
export function log10BigInt(n: bigint): number {
  const digits = n.toString();
  const lead = digits.slice(0, 17);
  return Math.log10(Number(lead)) + (digits.length - lead.length);
}

/** ln C(n, k) for real k. */
export function logBinomial(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}

/** ln Γ(x) for x ≥ 1, to about 1e-15 relative: recurrence up to 16, then Stirling's series. */
export function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  while (at < 16) {
    shift += Math.log(at);
    at += 1;
  }
  const inverse = 1 / (at * at);
  const series =
    (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse * (1 / 1188))))) / at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
