import type { Layering } from './assignLayers';
import { adjacency, type Adjacency, type LevelGraph } from './levelGraph';

/** Room a passing edge takes in a layer, in pixels. */
const BEND_WIDTH = 2;

/**
 * The level with every edge cut into pieces from layer to layer: nodes are the items, then one bend for each layer an edge
 * passes. Edges that leave the same place share their bends as far as they run together, so that a value read all over the
 * network costs one line, not hundreds.
 */
export interface ProperGraph {
  /** Items have indexes below this, bends from it on. */
  readonly items: number;
  readonly layer: Int32Array;
  /** Nodes of each layer, from left to right. Order is changed in place. */
  readonly order: Int32Array[];
  readonly width: Float64Array;
  /** Pieces, all from one layer to the next. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly fromPort: Float64Array;
  readonly toPort: Float64Array;
  readonly outgoing: Adjacency;
  readonly incoming: Adjacency;
  readonly lines: readonly ProperLine[];
  /** Last line of each edge of the level; −1 for edges that go straight, without bends, and for those within one item. */
  readonly edgeLine: Int32Array;
}

/** What is drawn in one go: an edge, or the part of one that others do not share. */
export interface ProperLine {
  /** Nodes from top to bottom: an item or the bend where `before` ends, bends, an item or a bend. */
  readonly nodes: readonly number[];
  /** The line it continues; −1 when it starts at an item. */
  readonly before: number;
  /** Edge of the level that ends here; −1 where a line only leads to others. */
  readonly edge: number;
}

/** Bends beyond this many are not made: the longest edges go straight through whatever is there. */
export const MOST_BENDS = 200_000;

export function properGraph(level: LevelGraph, layering: Layering, mostBends = MOST_BENDS): ProperGraph {
  const { items, edges } = level;
  const layer = Array.from(layering.layer);
  const width = items.map((item) => item.width);
  const pieces: { from: number; to: number; fromPort: number; toPort: number }[] = [];
  const lines: ProperLine[] = [];
  const edgeLine = new Int32Array(edges.length).fill(-1);
  let bends = 0;
  for (const trunk of trunks(level, layering)) {
    const length = layer[trunk.end]! - layer[trunk.source]! - 1;
    if (bends + length > mostBends) {
      continue;
    }
    bends += length;
    let stem = [trunk.source];
    let before = -1;
    const port = () => (stem.length === 1 && before < 0 ? trunk.port : 0);
    trunk.targets.forEach(({ edge, target, port: targetPort }, index) => {
      for (let at = layer[stem[stem.length - 1]!]! + 1; at < layer[target]!; at++) {
        const bend = layer.length;
        layer.push(at);
        width.push(BEND_WIDTH);
        pieces.push({ from: stem[stem.length - 1]!, to: bend, fromPort: port(), toPort: 0 });
        stem.push(bend);
      }
      const last = stem[stem.length - 1]!;
      pieces.push({ from: last, to: target, fromPort: port(), toPort: targetPort });
      if (index < trunk.targets.length - 1 && stem.length > 1) {
        lines.push({ nodes: stem, before, edge: -1 });
        before = lines.length - 1;
        stem = [last];
      }
      edgeLine[edge] = lines.length;
      lines.push({ nodes: [...stem, target], before, edge });
    });
  }
  const from = Int32Array.from(pieces, (piece) => piece.from);
  const to = Int32Array.from(pieces, (piece) => piece.to);
  const order = Array.from({ length: layering.layers }, () => [] as number[]);
  layer.forEach((at, node) => order[at]!.push(node));
  return {
    items: items.length,
    layer: Int32Array.from(layer),
    order: order.map((nodes) => Int32Array.from(nodes)),
    width: Float64Array.from(width),
    from,
    to,
    fromPort: Float64Array.from(pieces, (piece) => piece.fromPort),
    toPort: Float64Array.from(pieces, (piece) => piece.toPort),
    outgoing: adjacency(layer.length, from),
    incoming: adjacency(layer.length, to),
    lines,
    edgeLine,
  };
}

interface Trunk {
  readonly source: number;
  readonly port: number;
  /** Lowest target. */
  readonly end: number;
  /** From the highest to the lowest. */
  readonly targets: readonly { readonly edge: number; readonly target: number; readonly port: number }[];
}

/** Edges that leave the same item at the same place, the short ones first. Edges within one item are left out. */
function trunks({ edges }: LevelGraph, { layer, reversed }: Layering): Trunk[] {
  const bySource = new Map<string, { source: number; port: number; targets: Trunk['targets'][number][] }>();
  edges.forEach((edge, index) => {
    const turned = reversed[index] === 1;
    const [source, port, target, targetPort] = turned
      ? [edge.to, edge.toPort, edge.from, edge.fromPort]
      : [edge.from, edge.fromPort, edge.to, edge.toPort];
    if (source === target) {
      return;
    }
    const key = `${source}:${port}`;
    const trunk = bySource.get(key) ?? { source, port, targets: [] };
    bySource.set(key, trunk);
    trunk.targets.push({ edge: index, target, port: targetPort });
  });
  const length = (trunk: Trunk) => layer[trunk.end]! - layer[trunk.source]!;
  return [...bySource.values()]
    .map(({ source, port, targets }) => {
      targets.sort((a, b) => layer[a.target]! - layer[b.target]! || a.edge - b.edge);
      return { source, port, targets, end: targets[targets.length - 1]!.target };
    })
    .sort((a, b) => length(a) - length(b));
}
