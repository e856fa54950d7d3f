import { layoutLevel } from './layoutLevel';
import type { LevelEdge, LevelItem, LevelLayout } from './levelGraph';

/** What is laid out: boxes, open blocks around them, and edges from box to box. All lengths in pixels at zoom 1. */
export interface LayoutRequest {
  /** Sizes of the boxes, in the order in which they are preferred from left to right. */
  readonly width: Float64Array;
  readonly height: Float64Array;
  /** Open block of each box; 0 is the whole picture. */
  readonly block: Int32Array;
  /** Blocks: parents come before their children, block 0 has parent −1. */
  readonly parent: Int32Array;
  /** Least width of each block, for its heading. */
  readonly leastWidth: Float64Array;
  /** Boxes at the ends of the edges. */
  readonly from: Int32Array;
  readonly to: Int32Array;
}

export interface LayoutResult {
  readonly width: number;
  readonly height: number;
  /** Left edges and tops of the boxes. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Left, top, width, height of each block. */
  readonly blocks: Float64Array;
  /** x, y, x, y… of all lines; those of line n are `points[start[n]]` to `points[start[n + 1] − 1]`. */
  readonly points: Float64Array;
  readonly start: Int32Array;
  /** Box a line comes from. */
  readonly source: Int32Array;
  /** Box a line ends at, where it ends at one from above; −1 elsewhere. */
  readonly target: Int32Array;
  /** Lines of each edge, as `start` and `points` above. */
  readonly edgeStart: Int32Array;
  readonly edgeLines: Int32Array;
}

/** Room between the border of an open block and what is in it. */
export const BLOCK_PADDING = 14;
export const BLOCK_HEADING = 24;

/** One block while it is put together. Edges are told apart by their ends and the box they come from. */
interface Level {
  readonly items: LevelItem[];
  /** Boxes by item, −1 for blocks and ports. */
  readonly boxes: number[];
  readonly blocks: number[];
  readonly itemOfBox: Map<number, number>;
  readonly itemOfBlock: Map<number, number>;
  /** Items for edges that enter from outside or leave, by the box they come from. */
  readonly entries: Map<number, number>;
  readonly exits: Map<number, number>;
  readonly edges: { from: number; to: number; source: number }[];
  readonly edgeIndex: Map<string, number>;
}

/**
 * Lays out nested blocks from the inside out: each open block is a drawing of its own that its surroundings see as one
 * box, with ports where edges pass its border. So opening a block moves nothing inside any other.
 */
export function layoutGraph(request: LayoutRequest): LayoutResult {
  const { parent } = request;
  const levels = makeLevels(request);
  const steps = route(request, levels);
  const layouts = new Array<LevelLayout>(parent.length);
  for (let block = parent.length - 1; block >= 0; block--) {
    const level = levels[block]!;
    level.blocks.forEach((child, item) => {
      if (child >= 0) {
        const size = blockSize(layouts[child]!, request.leastWidth[child]!);
        level.items[item] = size;
      }
    });
    const edges = level.edges.map((edge): LevelEdge => ({
      from: edge.from,
      to: edge.to,
      fromPort: portOffset(levels, layouts, level, edge.from, edge.source, 'exits', request),
      toPort: portOffset(levels, layouts, level, edge.to, edge.source, 'entries', request),
    }));
    layouts[block] = layoutLevel({ items: level.items, edges });
  }
  return assemble(request, levels, layouts, steps);
}

function makeLevels({ width, height, block, parent }: LayoutRequest): Level[] {
  const levels = Array.from(parent, (): Level => ({
    items: [],
    boxes: [],
    blocks: [],
    itemOfBox: new Map(),
    itemOfBlock: new Map(),
    entries: new Map(),
    exits: new Map(),
    edges: [],
    edgeIndex: new Map(),
  }));
  const addBlock = (child: number) => {
    const outer = parent[child]!;
    const level = levels[outer];
    if (level !== undefined && !level.itemOfBlock.has(child)) {
      addBlock(outer);
      level.itemOfBlock.set(child, addItem(level, { width: 0, height: 0 }, -1, child));
    }
  };
  // A block stands where its first box does.
  for (let box = 0; box < block.length; box++) {
    const level = levels[block[box]!]!;
    addBlock(block[box]!);
    level.itemOfBox.set(box, addItem(level, { width: width[box]!, height: height[box]! }, box, -1));
  }
  parent.forEach((_, child) => addBlock(child));
  return levels;
}

function addItem(level: Level, item: LevelItem, box: number, block: number): number {
  level.items.push(item);
  level.boxes.push(box);
  level.blocks.push(block);
  return level.items.length - 1;
}

/** For each edge the level edges it runs over, from its source outwards and then inwards. */
type Step = { readonly block: number; readonly edge: number };

function route({ block, parent, from, to }: LayoutRequest, levels: Level[]): Step[][] {
  const depth = new Int32Array(parent.length);
  for (let child = 1; child < parent.length; child++) {
    depth[child] = depth[parent[child]!]! + 1;
  }
  return Array.from(from, (source, index) => {
    const target = to[index]!;
    const steps: Step[] = [];
    const inward: Step[] = [];
    let a = block[source]!;
    let b = block[target]!;
    let fromItem = levels[a]!.itemOfBox.get(source)!;
    let toItem = levels[b]!.itemOfBox.get(target)!;
    const leave = () => {
      const level = levels[a]!;
      const port = portItem(level, level.exits, source, 'last');
      steps.push({ block: a, edge: levelEdge(level, fromItem, port, source) });
      fromItem = levels[parent[a]!]!.itemOfBlock.get(a)!;
      a = parent[a]!;
    };
    const enter = () => {
      const level = levels[b]!;
      const port = portItem(level, level.entries, source, 'first');
      inward.push({ block: b, edge: levelEdge(level, port, toItem, source) });
      toItem = levels[parent[b]!]!.itemOfBlock.get(b)!;
      b = parent[b]!;
    };
    while (a !== b) {
      if (depth[a]! >= depth[b]!) {
        leave();
      } else {
        enter();
      }
    }
    steps.push({ block: a, edge: levelEdge(levels[a]!, fromItem, toItem, source) });
    return [...steps, ...inward.reverse()];
  });
}

function portItem(level: Level, ports: Map<number, number>, source: number, rank: 'first' | 'last'): number {
  let port = ports.get(source);
  if (port === undefined) {
    port = addItem(level, { width: 1, height: 0, rank }, -1, -1);
    ports.set(source, port);
  }
  return port;
}

function levelEdge(level: Level, from: number, to: number, source: number): number {
  const key = `${from}>${to}>${source}`;
  let edge = level.edgeIndex.get(key);
  if (edge === undefined) {
    edge = level.edges.length;
    level.edges.push({ from, to, source });
    level.edgeIndex.set(key, edge);
  }
  return edge;
}

function blockSize(inner: LevelLayout, leastWidth: number): LevelItem {
  return {
    width: Math.max(leastWidth, inner.width + 2 * BLOCK_PADDING),
    height: inner.height + BLOCK_HEADING + BLOCK_PADDING,
  };
}

/** Where an edge passes the border of a block, from the block's middle; 0 for boxes. */
function portOffset(
  levels: readonly Level[],
  layouts: readonly LevelLayout[],
  level: Level,
  item: number,
  source: number,
  side: 'entries' | 'exits',
  request: LayoutRequest,
): number {
  const block = level.blocks[item]!;
  if (block < 0) {
    return 0;
  }
  const inner = layouts[block]!;
  const port = levels[block]![side].get(source);
  if (port === undefined) {
    return 0;
  }
  const size = blockSize(inner, request.leastWidth[block]!);
  return inner.x[port]! + 0.5 + (size.width - inner.width) / 2 - size.width / 2;
}

function assemble(
  { block, parent, leastWidth }: LayoutRequest,
  levels: readonly Level[],
  layouts: readonly LevelLayout[],
  steps: readonly (readonly Step[])[],
): LayoutResult {
  const blocks = new Float64Array(parent.length * 4);
  /** Where the inside of each block begins. */
  const inside = new Float64Array(parent.length * 2);
  const lineStart: number[] = [];
  const points: number[] = [];
  const start = [0];
  const source: number[] = [];
  const target: number[] = [];
  parent.forEach((outer, child) => {
    const inner = layouts[child]!;
    if (outer < 0) {
      blocks.set([0, 0, inner.width, inner.height], 0);
    } else {
      const item = levels[outer]!.itemOfBlock.get(child)!;
      const size = blockSize(inner, leastWidth[child]!);
      const left = inside[outer * 2]! + layouts[outer]!.x[item]!;
      const top = inside[outer * 2 + 1]! + layouts[outer]!.y[item]!;
      blocks.set([left, top, size.width, size.height], child * 4);
      inside[child * 2] = left + (size.width - inner.width) / 2;
      inside[child * 2 + 1] = top + BLOCK_HEADING;
    }
    lineStart.push(source.length);
    const { edges, boxes } = levels[child]!;
    // A line that only leads to others comes from where they come from.
    const led = new Map(inner.lines.filter((line) => line.edge >= 0).map((line) => [line.before, line.edge]));
    inner.lines.forEach((line, index) => {
      const edge = edges[line.edge >= 0 ? line.edge : led.get(index)!]!;
      const endsAtBox = line.edge >= 0 && !line.isTurned;
      addLine(child, line.points, edge, endsAtBox ? boxes[edge.to]! : -1);
    });
  });
  const edgeStart = [0];
  const edgeLines: number[] = [];
  for (const path of steps) {
    for (const { block: at, edge } of path) {
      for (let line = layouts[at]!.edgeLine[edge]!; line >= 0; line = layouts[at]!.lines[line]!.before) {
        edgeLines.push(lineStart[at]! + line);
      }
    }
    edgeStart.push(edgeLines.length);
  }
  const place = (axis: 0 | 1) =>
    Float64Array.from(block, (at, box) => {
      const layout = layouts[at]!;
      return inside[at * 2 + axis]! + (axis === 0 ? layout.x : layout.y)[levels[at]!.itemOfBox.get(box)!]!;
    });
  return {
    width: layouts[0]?.width ?? 0,
    height: layouts[0]?.height ?? 0,
    x: place(0),
    y: place(1),
    blocks,
    points: Float64Array.from(points),
    start: Int32Array.from(start),
    source: Int32Array.from(source),
    target: Int32Array.from(target),
    edgeStart: Int32Array.from(edgeStart),
    edgeLines: Int32Array.from(edgeLines),
  };

  function addLine(at: number, line: readonly number[], edge: Level['edges'][number], box: number): void {
    const [left, top] = [inside[at * 2]!, inside[at * 2 + 1]!];
    // Lines through a port go on through the heading, or the padding below, to the border.
    if (levels[at]!.items[edge.from]!.rank === 'first' && line.length > 1 && at > 0 && line[1] === 0) {
      points.push(left + line[0]!, blocks[at * 4 + 1]!);
    }
    for (let i = 0; i < line.length; i += 2) {
      points.push(left + line[i]!, top + line[i + 1]!);
    }
    if (levels[at]!.items[edge.to]!.rank === 'last' && line[line.length - 1] === layouts[at]!.height) {
      points.push(left + line[line.length - 2]!, blocks[at * 4 + 1]! + blocks[at * 4 + 3]!);
    }
    start.push(points.length);
    source.push(edge.source);
    target.push(box);
  }
}
