import type { ProperGraph } from './properGraph';

/** Nodes that stand straight below one another, at most one in a layer; they move as one. */
export interface StraightRuns {
  readonly count: number;
  /** Run of each node. */
  readonly run: Int32Array;
  /** Middle of the node from the middle of its run's first node, so that the ports of the run's pieces are in line. */
  readonly shift: Float64Array;
}

/**
 * Chooses the pieces of edges that are drawn straight (linear segments: Sander, Graph Layout through the VCG Tool, 1994),
 * none across another: first the longest path of the level, so that a network's trunk is one line, then edges that pass
 * several layers, then the rest, from the middle outwards where a node has several.
 */
export function straightRuns(graph: ProperGraph): StraightRuns {
  const nodes = graph.layer.length;
  const place = new Int32Array(nodes);
  graph.order.forEach((layer) => layer.forEach((node, at) => (place[node] = at)));
  const above = new Int32Array(nodes).fill(-1);
  const below = new Int32Array(nodes).fill(-1);
  const chosen = graph.order.map(() => [] as number[]);
  for (const piece of byRank(graph, place)) {
    const from = graph.from[piece]!;
    const to = graph.to[piece]!;
    if (below[from]! >= 0 || above[to]! >= 0) {
      continue;
    }
    const taken = chosen[graph.layer[from]!]!;
    const at = insertionPoint(taken, place[from]!, (other) => place[graph.from[other]!]!);
    const left = taken[at - 1];
    const right = taken[at];
    if (
      (left !== undefined && place[graph.to[left]!]! > place[to]!) ||
      (right !== undefined && place[graph.to[right]!]! < place[to]!)
    ) {
      continue;
    }
    taken.splice(at, 0, piece);
    below[from] = piece;
    above[to] = piece;
  }
  const run = new Int32Array(nodes).fill(-1);
  const shift = new Float64Array(nodes);
  let count = 0;
  for (const layer of graph.order) {
    for (const first of layer) {
      if (above[first]! >= 0) {
        continue;
      }
      run[first] = count;
      for (let node = first; below[node]! >= 0;) {
        const piece = below[node]!;
        const next = graph.to[piece]!;
        run[next] = count;
        shift[next] = shift[node]! + graph.fromPort[piece]! - graph.toPort[piece]!;
        node = next;
      }
      count += 1;
    }
  }
  return { count, run, shift };
}

function insertionPoint(taken: readonly number[], value: number, key: (piece: number) => number): number {
  let low = 0;
  let high = taken.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(taken[middle]!) < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function byRank(graph: ProperGraph, place: Int32Array): number[] {
  const { items, from, to } = graph;
  const through = lengthsThrough(graph);
  const longest = through.reduce((most, one) => Math.max(most, one), 0);
  const rank = Uint8Array.from(from, (source, piece) => {
    const ends = Number(source < items) + Number(to[piece]! < items);
    return ends === 2 ? (through[piece] === longest ? 0 : 2) : ends === 0 ? 1 : 3;
  });
  const aside = Float64Array.from(from, (_, piece) => offMiddle(graph, place, piece));
  return Array.from(from, (_, piece) => piece).sort(
    (a, b) => rank[a]! - rank[b]! || through[b]! - through[a]! || aside[a]! - aside[b]! || a - b,
  );
}

/** Items on the longest path through each piece. */
function lengthsThrough(graph: ProperGraph): Int32Array {
  const weight = (node: number) => (node < graph.items ? 1 : 0);
  const down = new Int32Array(graph.layer.length);
  const up = new Int32Array(graph.layer.length);
  for (const layer of graph.order) {
    for (const node of layer) {
      down[node]! += weight(node);
      for (let i = graph.outgoing.start[node]!; i < graph.outgoing.start[node + 1]!; i++) {
        const target = graph.to[graph.outgoing.list[i]!]!;
        down[target] = Math.max(down[target]!, down[node]!);
      }
    }
  }
  for (const layer of [...graph.order].reverse()) {
    for (const node of layer) {
      up[node]! += weight(node);
      for (let i = graph.incoming.start[node]!; i < graph.incoming.start[node + 1]!; i++) {
        const source = graph.from[graph.incoming.list[i]!]!;
        up[source] = Math.max(up[source]!, up[node]!);
      }
    }
  }
  return Int32Array.from(graph.from, (source, piece) => down[source]! + up[graph.to[piece]!]!);
}

/** How far a piece is from the middle of those at its two ends. */
function offMiddle(graph: ProperGraph, place: Int32Array, piece: number): number {
  const from = graph.from[piece]!;
  const to = graph.to[piece]!;
  const side = (start: Int32Array, list: Int32Array, node: number, at: number, end: (piece: number) => number) => {
    let before = 0;
    for (let i = start[node]!; i < start[node + 1]!; i++) {
      before += place[end(list[i]!)]! < at ? 1 : 0;
    }
    return Math.abs(before - (start[node + 1]! - start[node]! - 1) / 2);
  };
  return (
    side(graph.outgoing.start, graph.outgoing.list, from, place[to]!, (other) => graph.to[other]!) +
    side(graph.incoming.start, graph.incoming.list, to, place[from]!, (other) => graph.from[other]!)
  );
}
