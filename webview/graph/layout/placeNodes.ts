import type { ProperGraph } from './properGraph';
import { straightRuns, type StraightRuns } from './straightRuns';

/** Between two items; a bend and its neighbour stand closer. */
const ITEM_GAP = 24;
const BEND_GAP = 12;
const ROUNDS = 10;

/** Runs and what keeps them apart: `right[i]` stands at least `distance[i]` to the right of `left[i]`. */
interface Separation {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly distance: Float64Array;
  /** Constraints by the run on their left and on their right. */
  readonly onLeft: readonly (readonly number[])[];
  readonly onRight: readonly (readonly number[])[];
}

/**
 * Middles of all nodes. Straight runs are packed to the left and to the right, the mean of which keeps every distance;
 * then each run moves, as far as its neighbours let it, to the median of the places its other edges pull it to.
 */
export function placeNodes(graph: ProperGraph): Float64Array {
  const chosen = straightRuns(graph);
  const attempt = place(graph, chosen);
  if (attempt !== undefined) {
    return attempt;
  }
  // Runs that stand in each other's way all round cannot be packed; single nodes always can.
  const single: StraightRuns = {
    count: graph.layer.length,
    run: Int32Array.from(graph.layer, (_, node) => node),
    shift: new Float64Array(graph.layer.length),
  };
  return place(graph, single)!;
}

function place(graph: ProperGraph, runs: StraightRuns): Float64Array | undefined {
  const apart = separation(graph, runs);
  const order = leftToRight(runs.count, apart);
  if (order === undefined) {
    return undefined;
  }
  const x = packed(runs.count, apart, order);
  const pulls = pullsOf(graph, runs);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = order.length - 1; i >= 0; i--) {
      moveRun(order[i]!, x, apart, pulls);
    }
    for (const run of order) {
      moveRun(run, x, apart, pulls);
    }
  }
  return Float64Array.from(graph.layer, (_, node) => x[runs.run[node]!]! + runs.shift[node]!);
}

function separation(graph: ProperGraph, { count, run, shift }: StraightRuns): Separation {
  const left: number[] = [];
  const right: number[] = [];
  const distance: number[] = [];
  const onLeft = Array.from({ length: count }, () => [] as number[]);
  const onRight = Array.from({ length: count }, () => [] as number[]);
  for (const layer of graph.order) {
    for (let at = 1; at < layer.length; at++) {
      const a = layer[at - 1]!;
      const b = layer[at]!;
      const gap = a < graph.items && b < graph.items ? ITEM_GAP : BEND_GAP;
      onLeft[run[a]!]!.push(left.length);
      onRight[run[b]!]!.push(left.length);
      left.push(run[a]!);
      right.push(run[b]!);
      distance.push(shift[a]! - shift[b]! + graph.width[a]! / 2 + graph.width[b]! / 2 + gap);
    }
  }
  return {
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    distance: Float64Array.from(distance),
    onLeft,
    onRight,
  };
}

/** Undefined when some runs stand left of one another in a circle. */
function leftToRight(count: number, apart: Separation): Int32Array | undefined {
  const open = Int32Array.from(apart.onRight, (list) => list.length);
  const order = new Int32Array(count);
  let filled = 0;
  for (let run = 0; run < count; run++) {
    if (open[run] === 0) {
      order[filled++] = run;
    }
  }
  for (let at = 0; at < filled; at++) {
    for (const constraint of apart.onLeft[order[at]!]!) {
      if (--open[apart.right[constraint]!]! === 0) {
        order[filled++] = apart.right[constraint]!;
      }
    }
  }
  return filled === count ? order : undefined;
}

function packed(
  count: number,
  { left, right, distance, onLeft, onRight }: Separation,
  order: Int32Array,
): Float64Array {
  const leftmost = new Float64Array(count);
  for (const run of order) {
    for (const constraint of onRight[run]!) {
      leftmost[run] = Math.max(leftmost[run]!, leftmost[left[constraint]!]! + distance[constraint]!);
    }
  }
  const widest = leftmost.reduce((most, one) => Math.max(most, one), 0);
  const rightmost = new Float64Array(count).fill(widest);
  for (let i = order.length - 1; i >= 0; i--) {
    const run = order[i]!;
    for (const constraint of onLeft[run]!) {
      rightmost[run] = Math.min(rightmost[run]!, rightmost[right[constraint]!]! - distance[constraint]!);
    }
  }
  return leftmost.map((value, run) => (value + rightmost[run]!) / 2);
}

/** For each run, the runs at the other ends of its pieces, and where it would stand if the piece were straight. */
interface Pulls {
  readonly start: Int32Array;
  readonly run: Int32Array;
  readonly offset: Float64Array;
  readonly weight: Float64Array;
  /** Room for the pulls of one run. */
  readonly places: Float64Array;
  readonly weights: Float64Array;
}

function pullsOf(graph: ProperGraph, { count, run, shift }: StraightRuns): Pulls {
  const start = new Int32Array(count + 1);
  const isOuter = (piece: number) => run[graph.from[piece]!] !== run[graph.to[piece]!];
  for (let piece = 0; piece < graph.from.length; piece++) {
    if (isOuter(piece)) {
      start[run[graph.from[piece]!]! + 1]!++;
      start[run[graph.to[piece]!]! + 1]!++;
    }
  }
  let most = 0;
  for (let i = 0; i < count; i++) {
    most = Math.max(most, start[i + 1]!);
    start[i + 1]! += start[i]!;
  }
  const next = start.slice(0, count);
  const total = start[count]!;
  const pulls: Pulls = {
    start,
    run: new Int32Array(total),
    offset: new Float64Array(total),
    weight: new Float64Array(total),
    places: new Float64Array(most),
    weights: new Float64Array(most),
  };
  const add = (at: number, other: number, offset: number, weight: number) => {
    const slot = next[at]!++;
    pulls.run[slot] = other;
    pulls.offset[slot] = offset;
    pulls.weight[slot] = weight;
  };
  for (let piece = 0; piece < graph.from.length; piece++) {
    const from = graph.from[piece]!;
    const to = graph.to[piece]!;
    if (isOuter(piece)) {
      const offset = shift[from]! + graph.fromPort[piece]! - shift[to]! - graph.toPort[piece]!;
      const weight = from < graph.items && to < graph.items ? 2 : 1;
      add(run[to]!, run[from]!, offset, weight);
      add(run[from]!, run[to]!, -offset, weight);
    }
  }
  return pulls;
}

function moveRun(run: number, x: Float64Array, apart: Separation, pulls: Pulls): void {
  const wanted = median(run, pulls, x);
  if (wanted === undefined) {
    return;
  }
  let least = -Infinity;
  let most = Infinity;
  for (const constraint of apart.onRight[run]!) {
    least = Math.max(least, x[apart.left[constraint]!]! + apart.distance[constraint]!);
  }
  for (const constraint of apart.onLeft[run]!) {
    most = Math.min(most, x[apart.right[constraint]!]! - apart.distance[constraint]!);
  }
  x[run] = Math.max(least, Math.min(most, wanted));
}

/** Weighted median; between the two middle ones where they balance. */
function median(run: number, pulls: Pulls, x: Float64Array): number | undefined {
  const { start, places, weights } = pulls;
  const count = start[run + 1]! - start[run]!;
  if (count === 0) {
    return undefined;
  }
  let half = 0;
  for (let i = 0; i < count; i++) {
    const slot = start[run]! + i;
    const at = x[pulls.run[slot]!]! + pulls.offset[slot]!;
    const weight = pulls.weight[slot]!;
    half += weight / 2;
    // By insertion: runs have few pulls, and in all rounds but the first these are nearly in order.
    let to = i;
    for (; to > 0 && places[to - 1]! > at; to--) {
      places[to] = places[to - 1]!;
      weights[to] = weights[to - 1]!;
    }
    places[to] = at;
    weights[to] = weight;
  }
  let passed = 0;
  for (let i = 0; i < count; i++) {
    passed += weights[i]!;
    if (passed > half) {
      return places[i]!;
    }
    if (passed === half) {
      return (places[i]! + places[Math.min(i + 1, count - 1)]!) / 2;
    }
  }
  return places[count - 1]!;
}
