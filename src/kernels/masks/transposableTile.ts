import { largestOf } from './largestOf';
import { MAX_GROUP } from './maskKernel';
import { tileRows, tileScores } from './tiles';

/** Scores of pruned cells, -Infinity at kept ones: what a row gains by taking a column up. */
const pruned = new Float64Array(MAX_GROUP * MAX_GROUP);
/** Rows that keep a column, as bits. */
const keepers = new Int32Array(MAX_GROUP);
/** Cells kept in each column. */
const counts = new Int32Array(MAX_GROUP);
/** Price of a place in each column: 0 while it has places free. */
const prices = new Float64Array(MAX_GROUP);
/** Reduced distance from the over-full column to each column, and the column before it on the way. */
const distances = new Float64Array(MAX_GROUP);
const previous = new Int32Array(MAX_GROUP);
/** Cheapest exchange of the settled column for each column. */
const exchanges = new Float64Array(MAX_GROUP);

let distanceToSink = 0;
/** Column whose free place ends the path, or -1: the last row on the path gives up a cell for nothing. */
let sink = -1;
/** With `sink` = -1: the column in which that cell is. */
let giver = -1;
let settled = 0;

/**
 * The best mask of the tile in `tileScores` with at most (or exactly) `keep` cells in every row and column; `exactly`
 * needs a square tile. The mask is left in `tileRows`.
 *
 * A minimum-cost flow in which only columns are nodes. Each row starts with its largest cells, which is optimal while
 * columns are ignored. As long as a column holds too many, a unit moves along a shortest path of exchanges: from column
 * a to b through the row that loses least by keeping b for a, and on to a column with a free place, or to nowhere at the
 * cost of the cell. Paths are found by Dijkstra's algorithm on costs reduced by the columns' prices, so a path is a tree
 * path whatever the rounding. Every step keeps the reduced costs non-negative, hence the mask optimal for its column
 * counts (successive shortest paths: Ahuja, Magnanti, Orlin, Network Flows, 1993, section 9.7). Nowhere always has room
 * and costs nothing to reach the end from, so no path need pass through it.
 */
export function solveTransposableTile(height: number, width: number, keep: number, exactly: boolean): void {
  start(height, width, keep);
  let dropped = false;
  for (let column = 0; column < width; column++) {
    while (counts[column]! > keep) {
      findPath(column, width, keep, exactly);
      dropped = sink < 0 || dropped;
      movePlaces(column, width);
    }
  }
  if (dropped) {
    fillFreeCells(height, width, keep);
  }
}

function start(height: number, width: number, keep: number): void {
  for (let j = 0; j < width; j++) {
    keepers[j] = 0;
    counts[j] = 0;
    prices[j] = 0;
  }
  for (let i = 0; i < height; i++) {
    const set = largestOf(tileScores, i * width, 1, width, keep);
    tileRows[i] = set;
    for (let j = 0, at = i * width; j < width; j++, at++) {
      if (((set >>> j) & 1) === 1) {
        pruned[at] = -Infinity;
        keepers[j]! |= 1 << i;
        counts[j]! += 1;
      } else {
        pruned[at] = tileScores[at]!;
      }
    }
  }
}

/** Dijkstra from an over-full column until no unsettled column is nearer than the best end; then raises prices. */
function findPath(source: number, width: number, keep: number, exactly: boolean): void {
  for (let j = 0; j < width; j++) {
    distances[j] = Infinity;
  }
  distances[source] = 0;
  distanceToSink = Infinity;
  sink = -1;
  giver = -1;
  settled = 0;
  let column = source;
  while (column >= 0) {
    settled |= 1 << column;
    relax(column, width, exactly);
    column = nearest(width, keep);
  }
  for (let set = settled; set !== 0; set &= set - 1) {
    const j = 31 - Math.clz32(set & -set);
    prices[j]! += distanceToSink - distances[j]!;
  }
}

/** Settles column `a`: shortens the ways to other columns through it. */
function relax(a: number, width: number, exactly: boolean): void {
  for (let b = 0; b < width; b++) {
    exchanges[b] = Infinity;
  }
  let least = Infinity;
  for (let set = keepers[a]!; set !== 0; set &= set - 1) {
    const row = (31 - Math.clz32(set & -set)) * width;
    const score = tileScores[row + a]!;
    if (score < least) {
      least = score;
    }
    for (let b = 0; b < width; b++) {
      const loss = score - pruned[row + b]!;
      if (loss < exchanges[b]!) {
        exchanges[b] = loss;
      }
    }
  }
  const distance = distances[a]!;
  const price = prices[a]!;
  if (!exactly) {
    const end = distance + (least - price);
    if (end < distanceToSink) {
      distanceToSink = end;
      sink = -1;
      giver = a;
    }
  }
  for (let b = 0; b < width; b++) {
    const way = distance + (exchanges[b]! - price + prices[b]!);
    if (way < distances[b]! && ((settled >>> b) & 1) === 0) {
      distances[b] = way;
      previous[b] = a;
    }
  }
}

/**
 * The nearest column that is neither settled nor an end, or -1 when an end is at least as near. Ends among the columns
 * are taken note of; at equal distance they win over giving up a cell, and smaller columns win.
 */
function nearest(width: number, keep: number): number {
  let best = -1;
  let distance = Infinity;
  for (let b = 0; b < width; b++) {
    const way = distances[b]!;
    if (counts[b]! < keep) {
      if (way < distanceToSink || (way === distanceToSink && sink < 0 && way < Infinity)) {
        distanceToSink = way;
        sink = b;
        giver = -1;
      }
    } else if (way < distance && ((settled >>> b) & 1) === 0) {
      distance = way;
      best = b;
    }
  }
  return distance < distanceToSink ? best : -1;
}

/** Moves one unit along the path found, from its end to `source`. */
function movePlaces(source: number, width: number): void {
  let b = sink;
  if (b < 0) {
    b = giver;
    dropCell(leastRow(b, -1, width), b, width);
  } else {
    counts[b]! += 1;
  }
  while (b !== source) {
    const a = previous[b]!;
    const row = leastRow(a, b, width);
    dropCell(row, a, width);
    tileRows[row]! |= 1 << b;
    keepers[b]! |= 1 << row;
    pruned[row * width + b] = -Infinity;
    b = a;
  }
  counts[source]! -= 1;
}

function dropCell(row: number, column: number, width: number): void {
  tileRows[row]! &= ~(1 << column);
  keepers[column]! &= ~(1 << row);
  pruned[row * width + column] = tileScores[row * width + column]!;
}

/** First row that loses least by keeping column b (-1: nothing) for column a. */
function leastRow(a: number, b: number, width: number): number {
  let best = -1;
  let least = Infinity;
  for (let set = keepers[a]!; set !== 0; set &= set - 1) {
    const row = 31 - Math.clz32(set & -set);
    const loss = b < 0 ? tileScores[row * width + a]! : tileScores[row * width + a]! - pruned[row * width + b]!;
    if (loss < least) {
      least = loss;
      best = row;
    }
  }
  return best;
}

/** Keeps cells whose row and column both have room. Their scores are 0, else the mask were not optimal. */
function fillFreeCells(height: number, width: number, keep: number): void {
  for (let i = 0; i < height; i++) {
    let room = keep - bitCount(tileRows[i]!);
    for (let j = 0; j < width && room > 0; j++) {
      if (counts[j]! < keep && ((tileRows[i]! >>> j) & 1) === 0) {
        tileRows[i]! |= 1 << j;
        counts[j]! += 1;
        room--;
      }
    }
  }
}

function bitCount(set: number): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) {
    count++;
  }
  return count;
}
