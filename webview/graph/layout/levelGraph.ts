/** One level of nesting: boxes and the edges between them. All lengths in pixels at zoom 1. */
export interface LevelGraph {
  readonly items: readonly LevelItem[];
  readonly edges: readonly LevelEdge[];
}

export interface LevelItem {
  readonly width: number;
  readonly height: number;
  /** Where edges enter or leave the level: `first` lie in a row above everything else, `last` in one below. */
  readonly rank?: 'first' | 'last';
}

export interface LevelEdge {
  /** Indexes of items. */
  readonly from: number;
  readonly to: number;
  /** Where the edge leaves and enters, from the middle of the item to the right. */
  readonly fromPort: number;
  readonly toPort: number;
}

export interface LevelLayout {
  readonly width: number;
  readonly height: number;
  /** Left edges and tops of the items. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly lines: readonly LevelLine[];
  /** For each edge its last line; those it continues are reached by `before`. −1 for an edge within one item. */
  readonly edgeLine: Int32Array;
}

/** An edge, or a part of it that other edges do not share. Drawn from top to bottom; its ends are vertical. */
export interface LevelLine {
  /** x, y, x, y… */
  readonly points: readonly number[];
  /** Index of the line it continues; −1 when it starts at an item. */
  readonly before: number;
  /** Edge that ends with this line; −1 when it only leads to others. */
  readonly edge: number;
  /** The edge points up, against the line: it closes a cycle. */
  readonly isTurned: boolean;
}

/** Neighbours of every node, as slices of one array: those of node n are `list[start[n]]` to `list[start[n + 1] − 1]`. */
export interface Adjacency {
  readonly start: Int32Array;
  /** Indexes of edges, in their order. */
  readonly list: Int32Array;
}

/** Edges by the node at one of their ends. */
export function adjacency(nodes: number, ends: ArrayLike<number>): Adjacency {
  const start = new Int32Array(nodes + 1);
  for (let edge = 0; edge < ends.length; edge++) {
    start[ends[edge]! + 1]!++;
  }
  for (let node = 0; node < nodes; node++) {
    start[node + 1]! += start[node]!;
  }
  const next = start.slice(0, nodes);
  const list = new Int32Array(ends.length);
  for (let edge = 0; edge < ends.length; edge++) {
    list[next[ends[edge]!]!++] = edge;
  }
  return { start, list };
}
