import { adjacency, type Adjacency, type LevelGraph } from './levelGraph';

export interface Layering {
  /** Layer of each item, 0 at the top. */
  readonly layer: Int32Array;
  readonly layers: number;
  /** Edges that were turned round, so that all of them point down. */
  readonly reversed: Uint8Array;
}

/**
 * Layers by longest path from the top, then balanced: an item with room moves towards the side on which it has more
 * edges, since that shortens them (Gansner et al., A Technique for Drawing Directed Graphs, 1993, section 2.4, without
 * its network simplex). Edges that close a cycle are turned round.
 */
export function assignLayers({ items, edges }: LevelGraph): Layering {
  const count = items.length;
  const reversed = backEdges(count, edges);
  const from = Int32Array.from(edges, (edge, i) => (reversed[i] === 1 ? edge.to : edge.from));
  const to = Int32Array.from(edges, (edge, i) => (reversed[i] === 1 ? edge.from : edge.to));
  const outgoing = adjacency(count, from);
  const incoming = adjacency(count, to);
  const order = topologicalOrder(count, to, outgoing, incoming);
  const layer = new Int32Array(count);
  const base = items.some((item) => item.rank === 'first') ? 1 : 0;
  for (const item of order) {
    layer[item] = items[item]!.rank === 'first' ? 0 : Math.max(layer[item]!, base);
    for (let i = outgoing.start[item]!; i < outgoing.start[item + 1]!; i++) {
      const target = to[outgoing.list[i]!]!;
      layer[target] = Math.max(layer[target]!, layer[item] + 1);
    }
  }
  balance(layer, order, { from, to, outgoing, incoming }, (item) => items[item]!.rank !== undefined);
  const lowest = items.reduce((low, item, i) => (item.rank === 'last' ? low : Math.max(low, layer[i]!)), base - 1);
  items.forEach((item, i) => {
    if (item.rank === 'last') {
      layer[i] = lowest + 1;
    }
  });
  return { layer, layers: layer.reduce((most, one) => Math.max(most, one + 1), 0), reversed };
}

interface Links {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly outgoing: Adjacency;
  readonly incoming: Adjacency;
}

function balance(layer: Int32Array, order: Int32Array, links: Links, isFixed: (item: number) => boolean): void {
  const { from, to, outgoing, incoming } = links;
  const degree = ({ start }: Adjacency, item: number) => start[item + 1]! - start[item]!;
  for (let i = order.length - 1; i >= 0; i--) {
    const item = order[i]!;
    const out = degree(outgoing, item);
    if (out > 0 && out >= degree(incoming, item) && !isFixed(item)) {
      let room = Infinity;
      for (let k = outgoing.start[item]!; k < outgoing.start[item + 1]!; k++) {
        room = Math.min(room, layer[to[outgoing.list[k]!]!]! - 1);
      }
      layer[item] = Math.max(layer[item]!, room);
    }
  }
  for (const item of order) {
    const into = degree(incoming, item);
    if (into > 0 && into >= degree(outgoing, item) && !isFixed(item)) {
      let room = 0;
      for (let k = incoming.start[item]!; k < incoming.start[item + 1]!; k++) {
        room = Math.max(room, layer[from[incoming.list[k]!]!]! + 1);
      }
      layer[item] = Math.min(layer[item]!, room);
    }
  }
}

/** Edges to an item that is still open in a depth-first walk; an edge from an item to itself counts as one. */
function backEdges(count: number, edges: LevelGraph['edges']): Uint8Array {
  const { start, list } = adjacency(
    count,
    edges.map((edge) => edge.from),
  );
  const reversed = new Uint8Array(edges.length);
  const state = new Uint8Array(count);
  const next = start.slice(0, count);
  for (let root = 0; root < count; root++) {
    const stack = state[root] === 0 ? [root] : [];
    while (stack.length > 0) {
      const item = stack[stack.length - 1]!;
      state[item] = 1;
      if (next[item] === start[item + 1]) {
        state[item] = 2;
        stack.pop();
        continue;
      }
      const edge = list[next[item]!++]!;
      const target = edges[edge]!.to;
      if (state[target] === 1) {
        reversed[edge] = 1;
      } else if (state[target] === 0) {
        stack.push(target);
      }
    }
  }
  return reversed;
}

/** Kahn's order, first come first; the input has no cycles apart from edges of an item to itself, which it ignores. */
function topologicalOrder(count: number, to: Int32Array, outgoing: Adjacency, incoming: Adjacency): Int32Array {
  const open = Int32Array.from({ length: count }, (_, item) => incoming.start[item + 1]! - incoming.start[item]!);
  const order = new Int32Array(count);
  let filled = 0;
  for (let item = 0; item < count; item++) {
    if (open[item] === 0) {
      order[filled++] = item;
    }
  }
  for (let at = 0; at < filled; at++) {
    const item = order[at]!;
    for (let i = outgoing.start[item]!; i < outgoing.start[item + 1]!; i++) {
      const target = to[outgoing.list[i]!]!;
      if (--open[target]! === 0) {
        order[filled++] = target;
      }
    }
  }
  return order;
}
