import { adjacency, type Adjacency } from '../layout/levelGraph';
import type { GraphStructure } from '../../../src/protocol/graph';

/** Edges of a graph by their ends, made once for all questions. */
export interface GraphLinks {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly outgoing: Adjacency;
  readonly incoming: Adjacency;
}

export function graphLinks({ nodes, edges }: GraphStructure): GraphLinks {
  const from = Int32Array.from(edges, (edge) => edge[0]);
  const to = Int32Array.from(edges, (edge) => edge[1]);
  return { from, to, outgoing: adjacency(nodes.length, from), incoming: adjacency(nodes.length, to) };
}

/**
 * Whether no path leaves the set and comes back: then it can be drawn as one box without closing a cycle. `nodes` are
 * indexes, ascending, of a list in an order of running.
 */
export function isConvex(links: GraphLinks, nodes: readonly number[]): boolean {
  const inside = new Set(nodes);
  const last = nodes[nodes.length - 1] ?? -1;
  const seen = new Set<number>();
  const pending = [...nodes];
  while (pending.length > 0) {
    const node = pending.pop()!;
    const { start, list } = links.outgoing;
    for (let i = start[node]!; i < start[node + 1]!; i++) {
      const target = links.to[list[i]!]!;
      if (inside.has(target)) {
        if (!inside.has(node)) {
          return false;
        }
      } else if (target < last && !seen.has(target)) {
        seen.add(target);
        pending.push(target);
      }
    }
  }
  return true;
}
