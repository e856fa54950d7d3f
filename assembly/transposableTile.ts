import {
  COLUMNS,
  COUNTS,
  DISTANCES,
  FREE,
  KEEPERS,
  PREVIOUS,
  PRICES,
  PRUNED,
  ROW_BYTES,
  ROW_SETS,
  SCORES,
  SETTLED,
} from './memory';

let distanceToSink: f64 = 0;
let sink: i32 = -1;
let giver: i32 = -1;

/**
 * The best mask of the tile in SCORES and COLUMNS with at most (or exactly) `keep` cells in every row and column, left in
 * ROW_SETS. Same steps as src/kernels/masks/transposableTile.ts, where they are explained; columns are handled eight at
 * a time, as four vectors of two.
 */
export function solveTransposableTile(height: i32, width: i32, keep: i32, exactly: bool): void {
  const blocks = (width + 7) >>> 3;
  startRows(height, width, blocks, keep);
  let dropped = false;
  for (let column = 0; column < width; column++) {
    while (load<i32>(COUNTS + ((<usize>column) << 2)) > keep) {
      findPath(column, blocks, exactly);
      dropped = dropped || sink < 0;
      movePlaces(column, keep);
    }
  }
  if (dropped) {
    fillFreeCells(height, width, keep);
  }
}

/** Every row keeps its largest cells. Lanes are rows: counts for each column which values of the row precede it. */
function startRows(height: i32, width: i32, blocks: i32, keep: i32): void {
  memory.fill(ROW_SETS, 0, 128);
  const columns = blocks << 3;
  for (let j = 0; j < columns; j++) {
    store<f64>(PRICES + ((<usize>j) << 3), 0);
    store<i64>(FREE + ((<usize>j) << 3), 0);
  }
  for (let i = 0; i < height; i++) {
    const from = SCORES + i * ROW_BYTES;
    const to = PRUNED + i * ROW_BYTES;
    for (let j = 0; j < width; j++) {
      store<f64>(to + ((<usize>j) << 3), load<f64>(from + ((<usize>j) << 3)));
    }
    for (let j = width; j < columns; j++) {
      store<f64>(to + ((<usize>j) << 3), -Infinity);
    }
  }
  const limit = i64x2.splat(<i64>min(keep, width));
  const within: i32 = height === 32 ? -1 : (1 << height) - 1;
  for (let j = 0; j < width; j++) {
    const own = COLUMNS + j * ROW_BYTES;
    let set = 0;
    for (let i = 0; i < height; i += 2) {
      const at = (<usize>i) << 3;
      const value = v128.load(own + at);
      let before = i64x2.splat(0);
      let other = COLUMNS + at;
      for (; other < own; other += ROW_BYTES) {
        before = i64x2.sub(before, f64x2.ge(v128.load(other), value));
      }
      const end = COLUMNS + at + width * ROW_BYTES;
      for (other = own + at + ROW_BYTES; other < end; other += ROW_BYTES) {
        before = i64x2.sub(before, f64x2.gt(v128.load(other), value));
      }
      set |= i64x2.bitmask(i64x2.lt_s(before, limit)) << i;
    }
    set &= within;
    const count = popcnt(set);
    store<i32>(KEEPERS + ((<usize>j) << 2), set);
    store<i32>(COUNTS + ((<usize>j) << 2), count);
    store<i64>(FREE + ((<usize>j) << 3), -(<i64>(count < keep)));
    for (let rest = set; rest !== 0; rest &= rest - 1) {
      const i = ctz(rest);
      const to = ROW_SETS + ((<usize>i) << 2);
      store<i32>(to, load<i32>(to) | (1 << j));
      store<f64>(PRUNED + i * ROW_BYTES + ((<usize>j) << 3), -Infinity);
    }
  }
}

function findPath(source: i32, blocks: i32, exactly: bool): void {
  const bytes = (<usize>blocks) << 6;
  const infinity = f64x2.splat(Infinity);
  for (let at: usize = 0; at < bytes; at += 16) {
    v128.store(DISTANCES + at, infinity);
    v128.store(SETTLED + at, i64x2.splat(0));
  }
  store<f64>(DISTANCES + ((<usize>source) << 3), 0);
  distanceToSink = Infinity;
  sink = -1;
  giver = -1;
  let column = source;
  while (column >= 0) {
    store<i64>(SETTLED + ((<usize>column) << 3), -1);
    relax(column, bytes, exactly);
    column = nearest(bytes);
  }
  const reached = f64x2.splat(distanceToSink);
  for (let at: usize = 0; at < bytes; at += 16) {
    const price = v128.load(PRICES + at);
    const raised = f64x2.add(price, f64x2.sub(reached, v128.load(DISTANCES + at)));
    v128.store(PRICES + at, v128.bitselect(raised, price, v128.load(SETTLED + at)));
  }
}

function relax(a: i32, bytes: usize, exactly: bool): void {
  const own = (<usize>a) << 3;
  const keepers = load<i32>(KEEPERS + ((<usize>a) << 2));
  const distance = load<f64>(DISTANCES + own);
  const price = load<f64>(PRICES + own);
  if (!exactly) {
    let least: f64 = Infinity;
    for (let set = keepers; set !== 0; set &= set - 1) {
      const score = load<f64>(SCORES + ctz(set) * ROW_BYTES + own);
      least = score < least ? score : least;
    }
    const end = distance + (least - price);
    if (end < distanceToSink) {
      distanceToSink = end;
      sink = -1;
      giver = a;
    }
  }
  const distances = f64x2.splat(distance);
  const prices = f64x2.splat(price);
  const from = i64x2.splat(<i64>a);
  for (let block: usize = 0; block < bytes; block += 64) {
    let e0 = f64x2.splat(Infinity);
    let e1 = e0;
    let e2 = e0;
    let e3 = e0;
    for (let set = keepers; set !== 0; set &= set - 1) {
      const row = ctz(set) * ROW_BYTES;
      const score = f64x2.splat(load<f64>(SCORES + row + own));
      const others = PRUNED + row + block;
      e0 = f64x2.pmin(e0, f64x2.sub(score, v128.load(others)));
      e1 = f64x2.pmin(e1, f64x2.sub(score, v128.load(others, 16)));
      e2 = f64x2.pmin(e2, f64x2.sub(score, v128.load(others, 32)));
      e3 = f64x2.pmin(e3, f64x2.sub(score, v128.load(others, 48)));
    }
    shorten(block, e0, distances, prices, from);
    shorten(block + 16, e1, distances, prices, from);
    shorten(block + 32, e2, distances, prices, from);
    shorten(block + 48, e3, distances, prices, from);
  }
}

function shorten(at: usize, exchange: v128, distance: v128, price: v128, from: v128): void {
  const way = f64x2.add(distance, f64x2.add(f64x2.sub(exchange, price), v128.load(PRICES + at)));
  const known = v128.load(DISTANCES + at);
  const shorter = v128.andnot(f64x2.lt(way, known), v128.load(SETTLED + at));
  v128.store(DISTANCES + at, v128.bitselect(way, known, shorter));
  v128.store(PREVIOUS + at, v128.bitselect(from, v128.load(PREVIOUS + at), shorter));
}

function nearest(bytes: usize): i32 {
  const infinity = f64x2.splat(Infinity);
  let inner = infinity;
  let ends = infinity;
  for (let at: usize = 0; at < bytes; at += 16) {
    const way = v128.load(DISTANCES + at);
    const free = v128.load(FREE + at);
    ends = f64x2.pmin(ends, v128.bitselect(way, infinity, free));
    inner = f64x2.pmin(inner, v128.bitselect(infinity, way, v128.or(free, v128.load(SETTLED + at))));
  }
  const end = lesser(ends);
  if (end < distanceToSink || (end === distanceToSink && sink < 0 && end < Infinity)) {
    distanceToSink = end;
    const wanted = f64x2.splat(end);
    for (let at: usize = 0; at < bytes; at += 16) {
      const found = v128.and(f64x2.eq(v128.load(DISTANCES + at), wanted), v128.load(FREE + at));
      const lanes = i64x2.bitmask(found);
      if (lanes !== 0) {
        sink = ((<i32>at) >>> 3) + ctz(lanes);
        break;
      }
    }
    giver = -1;
  }
  const distance = lesser(inner);
  if (!(distance < distanceToSink)) {
    return -1;
  }
  const wanted = f64x2.splat(distance);
  for (let at: usize = 0; at < bytes; at += 16) {
    const closed = v128.or(v128.load(FREE + at), v128.load(SETTLED + at));
    const lanes = i64x2.bitmask(v128.andnot(f64x2.eq(v128.load(DISTANCES + at), wanted), closed));
    if (lanes !== 0) {
      return ((<i32>at) >>> 3) + ctz(lanes);
    }
  }
  return -1;
}

function lesser(pair: v128): f64 {
  const a = f64x2.extract_lane(pair, 0);
  const b = f64x2.extract_lane(pair, 1);
  return b < a ? b : a;
}

function movePlaces(source: i32, keep: i32): void {
  let b = sink;
  if (b < 0) {
    b = giver;
    dropCell(leastRow(b), b);
  } else {
    changeCount(b, 1, keep);
  }
  while (b !== source) {
    const a = <i32>load<i64>(PREVIOUS + ((<usize>b) << 3));
    const row = exchangeRow(a, b);
    dropCell(row, a);
    const rowSet = ROW_SETS + ((<usize>row) << 2);
    store<i32>(rowSet, load<i32>(rowSet) | (1 << b));
    const keepers = KEEPERS + ((<usize>b) << 2);
    store<i32>(keepers, load<i32>(keepers) | (1 << row));
    store<f64>(PRUNED + row * ROW_BYTES + ((<usize>b) << 3), -Infinity);
    b = a;
  }
  changeCount(source, -1, keep);
}

function changeCount(column: i32, by: i32, keep: i32): void {
  const at = COUNTS + ((<usize>column) << 2);
  const count = load<i32>(at) + by;
  store<i32>(at, count);
  store<i64>(FREE + ((<usize>column) << 3), -(<i64>(count < keep)));
}

function dropCell(row: i32, column: i32): void {
  const rowSet = ROW_SETS + ((<usize>row) << 2);
  store<i32>(rowSet, load<i32>(rowSet) & ~(1 << column));
  const keepers = KEEPERS + ((<usize>column) << 2);
  store<i32>(keepers, load<i32>(keepers) & ~(1 << row));
  const cell = row * ROW_BYTES + ((<usize>column) << 3);
  store<f64>(PRUNED + cell, load<f64>(SCORES + cell));
}

function leastRow(a: i32): i32 {
  let best = -1;
  let least: f64 = Infinity;
  for (let set = load<i32>(KEEPERS + ((<usize>a) << 2)); set !== 0; set &= set - 1) {
    const row = ctz(set);
    const loss = load<f64>(SCORES + row * ROW_BYTES + ((<usize>a) << 3));
    if (loss < least) {
      least = loss;
      best = row;
    }
  }
  return best;
}

function exchangeRow(a: i32, b: i32): i32 {
  let best = -1;
  let least: f64 = Infinity;
  for (let set = load<i32>(KEEPERS + ((<usize>a) << 2)); set !== 0; set &= set - 1) {
    const row = ctz(set);
    const loss =
      load<f64>(SCORES + row * ROW_BYTES + ((<usize>a) << 3)) - load<f64>(PRUNED + row * ROW_BYTES + ((<usize>b) << 3));
    if (loss < least) {
      least = loss;
      best = row;
    }
  }
  return best;
}

function fillFreeCells(height: i32, width: i32, keep: i32): void {
  for (let i = 0; i < height; i++) {
    const at = ROW_SETS + ((<usize>i) << 2);
    let set = load<i32>(at);
    for (let j = 0; j < width && popcnt(set) < keep; j++) {
      const count = COUNTS + ((<usize>j) << 2);
      if (load<i32>(count) < keep && ((set >>> j) & 1) === 0) {
        set |= 1 << j;
        store<i32>(count, load<i32>(count) + 1);
      }
    }
    store<i32>(at, set);
  }
}
