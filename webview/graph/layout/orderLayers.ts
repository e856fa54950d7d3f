import { countCrossings, pieceEnd } from './crossings';
import type { ProperGraph } from './properGraph';

/** Rounds, each once down and once up. */
const MOST_ROUNDS = 8;
/** Rounds without fewer crossings, after which it ends. */
const PATIENCE = 2;

/**
 * Orders the nodes of each layer so that few edges cross: a depth-first walk to start from, then sweeps in which every
 * node goes to the mean place of its neighbours above or below (Sugiyama, Tagawa, Toda, 1981), then exchanges of
 * neighbours. Keeps the best order it met, which is never worse than the first. Changes `graph.order`.
 */
export function orderLayers(graph: ProperGraph): void {
  const nodes = graph.layer.length;
  const place = new Int32Array(nodes);
  walkOrder(graph);
  setPlaces(graph, place);
  let best = graph.order.map((layer) => layer.slice());
  let fewest = countCrossings(graph, place);
  let idle = 0;
  for (let round = 0; round < MOST_ROUNDS && fewest > 0 && idle < PATIENCE; round++) {
    for (let layer = 1; layer < graph.order.length; layer++) {
      sortByNeighbours(graph, place, layer, true);
    }
    for (let layer = graph.order.length - 2; layer >= 0; layer--) {
      sortByNeighbours(graph, place, layer, false);
    }
    exchange(graph, place);
    const crossings = countCrossings(graph, place);
    idle = crossings < fewest ? 0 : idle + 1;
    if (crossings < fewest) {
      fewest = crossings;
      best = graph.order.map((layer) => layer.slice());
    }
  }
  best.forEach((layer, index) => graph.order[index]!.set(layer));
}

function setPlaces(graph: ProperGraph, place: Int32Array): void {
  for (const layer of graph.order) {
    layer.forEach((node, at) => (place[node] = at));
  }
}

/** What is reached first stands left: a chain stays together. */
function walkOrder(graph: ProperGraph): void {
  const filled = graph.order.map(() => 0);
  const seen = new Uint8Array(graph.layer.length);
  const roots = graph.order.flatMap((layer) => [...layer]);
  for (const root of roots) {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (seen[node] === 1) {
        continue;
      }
      seen[node] = 1;
      const layer = graph.layer[node]!;
      graph.order[layer]![filled[layer]!++] = node;
      const { start, list } = graph.outgoing;
      for (let i = start[node + 1]! - 1; i >= start[node]!; i--) {
        stack.push(graph.to[list[i]!]!);
      }
    }
  }
}

/** Nodes without neighbours on that side keep their places. */
function sortByNeighbours(graph: ProperGraph, place: Int32Array, layer: number, above: boolean): void {
  const nodes = graph.order[layer]!;
  if (nodes.length < 2) {
    return;
  }
  const movable: { node: number; mean: number; at: number }[] = [];
  const slots: number[] = [];
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at]!;
    const mean = meanPlace(graph, place, node, above);
    if (mean !== undefined) {
      movable.push({ node, mean, at });
      slots.push(at);
    }
  }
  movable.sort((a, b) => a.mean - b.mean || a.at - b.at);
  movable.forEach(({ node }, i) => (nodes[slots[i]!] = node));
  nodes.forEach((node, at) => (place[node] = at));
}

function meanPlace(graph: ProperGraph, place: Int32Array, node: number, above: boolean): number | undefined {
  const { start, list } = above ? graph.incoming : graph.outgoing;
  const pieces = start[node + 1]! - start[node]!;
  if (pieces === 0) {
    return undefined;
  }
  let sum = 0;
  for (let i = start[node]!; i < start[node + 1]!; i++) {
    const piece = list[i]!;
    sum += above
      ? pieceEnd(graph, place, graph.from[piece]!, graph.fromPort[piece]!) -
        graph.toPort[piece]! / Math.max(1, graph.width[node]!)
      : pieceEnd(graph, place, graph.to[piece]!, graph.toPort[piece]!) -
        graph.fromPort[piece]! / Math.max(1, graph.width[node]!);
  }
  return sum / pieces;
}

/** One pass over neighbours in every layer: they change places where that saves crossings. */
function exchange(graph: ProperGraph, place: Int32Array): void {
  for (const nodes of graph.order) {
    for (let at = 0; at + 1 < nodes.length; at++) {
      const left = nodes[at]!;
      const right = nodes[at + 1]!;
      const gain = pairGain(graph, place, left, right, true) + pairGain(graph, place, left, right, false);
      if (gain > 0) {
        nodes[at] = right;
        nodes[at + 1] = left;
        place[right] = at;
        place[left] = at + 1;
      }
    }
  }
}

/** Pieces of more than this many on one side are not worth comparing all pairs of. */
const MOST_PAIRS = 4096;

/** Crossings saved on one side when two neighbours change places. */
function pairGain(graph: ProperGraph, place: Int32Array, left: number, right: number, above: boolean): number {
  const { start, list } = above ? graph.incoming : graph.outgoing;
  const pairs = (start[left + 1]! - start[left]!) * (start[right + 1]! - start[right]!);
  if (pairs === 0 || pairs > MOST_PAIRS) {
    return 0;
  }
  const end = (piece: number) =>
    above
      ? pieceEnd(graph, place, graph.from[piece]!, graph.fromPort[piece]!)
      : pieceEnd(graph, place, graph.to[piece]!, graph.toPort[piece]!);
  let gain = 0;
  for (let i = start[left]!; i < start[left + 1]!; i++) {
    const a = end(list[i]!);
    for (let k = start[right]!; k < start[right + 1]!; k++) {
      gain += Math.sign(a - end(list[k]!));
    }
  }
  return gain;
}
