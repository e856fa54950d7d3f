import type { GraphStructure } from '../../src/protocol/graph';
import type { Block } from './blocks/blockTree';
import type { LayoutRequest } from './layout/layoutGraph';

/** One box of the picture: a node, or a closed block. */
export interface SceneBox {
  /** Stays the same while names do: "node:3" or "block:/layers/0". */
  readonly key: string;
  /** Index of the node; the first one inside for a block. */
  readonly node: number;
  readonly block: Block | undefined;
  readonly lines: readonly [title: string, note: string];
  readonly width: number;
  readonly height: number;
}

/** What is on show of a graph while some of its blocks are open. */
export interface GraphScene {
  readonly boxes: readonly SceneBox[];
  readonly indexByKey: ReadonlyMap<string, number>;
  /** Open blocks; the first is the graph itself. */
  readonly open: readonly Block[];
  /** Open block each box lies in, by index in `open`. */
  readonly blockOfBox: Int32Array;
  /** Box that shows each node. */
  readonly boxOfNode: Int32Array;
  /** Boxes at the ends of the edges between them, each pair once, and the graph's edge that stands for it. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly edge: Int32Array;
  readonly request: LayoutRequest;
}

export interface BoxText {
  readonly title: string;
  /** Second line; empty for boxes of one line. */
  readonly note: string;
  readonly width: number;
}

export const LINE_HEIGHT = 26;
export const TWO_LINES_HEIGHT = 40;

export function graphScene(
  graph: GraphStructure,
  root: Block,
  isOpen: (block: Block) => boolean,
  text: (node: number, block: Block | undefined) => BoxText,
  headingWidth: (block: Block) => number,
): GraphScene {
  const open: Block[] = [];
  const parent: number[] = [];
  const drawn: { readonly node: number; readonly block: Block | undefined; readonly inside: number }[] = [];
  const visit = (block: Block, outer: number) => {
    const inside = open.length;
    open.push(block);
    parent.push(outer);
    block.nodes.forEach((node) => drawn.push({ node, block: undefined, inside }));
    for (const child of block.children) {
      if (isOpen(child)) {
        visit(child, inside);
      } else {
        drawn.push({ node: child.all[0]!, block: child, inside });
      }
    }
  };
  visit(root, -1);
  drawn.sort((a, b) => a.node - b.node);

  const boxes = drawn.map(({ node, block }): SceneBox => {
    const { title, note, width } = text(node, block);
    return {
      key: block === undefined ? `node:${node}` : `block:${block.id}`,
      node,
      block,
      lines: [title, note],
      width,
      height: note === '' ? LINE_HEIGHT : TWO_LINES_HEIGHT,
    };
  });
  const boxOfNode = new Int32Array(graph.nodes.length).fill(-1);
  drawn.forEach(({ node, block }, box) => {
    (block?.all ?? [node]).forEach((inner) => (boxOfNode[inner] = box));
  });
  const ends: { from: number; to: number; edge: number }[] = [];
  const seen = new Set<number>();
  graph.edges.forEach(([a, b], edge) => {
    const from = boxOfNode[a]!;
    const to = boxOfNode[b]!;
    const pair = from * boxes.length + to;
    if (from !== to && !seen.has(pair)) {
      seen.add(pair);
      ends.push({ from, to, edge });
    }
  });
  const blockOfBox = Int32Array.from(drawn, (one) => one.inside);
  const from = Int32Array.from(ends, (one) => one.from);
  const to = Int32Array.from(ends, (one) => one.to);
  return {
    boxes,
    indexByKey: new Map(boxes.map((box, index) => [box.key, index])),
    open,
    blockOfBox,
    boxOfNode,
    from,
    to,
    edge: Int32Array.from(ends, (one) => one.edge),
    request: {
      width: Float64Array.from(boxes, (box) => box.width),
      height: Float64Array.from(boxes, (box) => box.height),
      block: blockOfBox,
      parent: Int32Array.from(parent),
      leastWidth: Float64Array.from(open, headingWidth),
      from,
      to,
    },
  };
}

/** Blocks around a node, from the outside in. */
export function blocksAround(root: Block, node: number): Block[] {
  const path: Block[] = [];
  let at: Block | undefined = root;
  while (at !== undefined) {
    at = at.children.find((child) => holds(child, node));
    if (at !== undefined) {
      path.push(at);
    }
  }
  return path;
}

function holds({ all }: Block, node: number): boolean {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (all[middle]! < node) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return all[low] === node;
}
