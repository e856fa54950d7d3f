import { assignLayers } from './assignLayers';
import type { LevelGraph, LevelLayout, LevelLine } from './levelGraph';
import { orderLayers } from './orderLayers';
import { placeNodes } from './placeNodes';
import { properGraph, type ProperGraph } from './properGraph';

const LAYER_GAP = 26;
/** Added where edges run far to the side, so that they do not lie flat. */
const MOST_EXTRA_GAP = 30;
/** Sideways run that adds a pixel of gap. */
const RUN_PER_PIXEL = 16;

/**
 * Draws a directed graph in layers from top to bottom: cycles broken, layers by longest path and balance, crossings
 * reduced by sweeps, straight edges where possible. The same input gives the same layout. Time grows with edges and with
 * the layers they pass.
 */
export function layoutLevel(level: LevelGraph): LevelLayout {
  const layering = assignLayers(level);
  const graph = properGraph(level, layering);
  orderLayers(graph);
  const middle = placeNodes(graph);
  const { items, edges } = level;

  let leftmost = Infinity;
  let rightmost = -Infinity;
  for (let node = 0; node < middle.length; node++) {
    leftmost = Math.min(leftmost, middle[node]! - graph.width[node]! / 2);
    rightmost = Math.max(rightmost, middle[node]! + graph.width[node]! / 2);
  }
  if (items.length === 0) {
    return { width: 0, height: 0, x: new Float64Array(), y: new Float64Array(), lines: [], edgeLine: new Int32Array() };
  }
  for (let node = 0; node < middle.length; node++) {
    middle[node]! -= leftmost;
  }
  const bands = layerBands(level, graph, middle);
  const y = Float64Array.from(items, (item, i) => {
    const band = bands[graph.layer[i]!]!;
    return band.top + (band.bottom - band.top - item.height) / 2;
  });
  const lines: LevelLine[] = graph.lines.map(({ nodes, before, edge }) => ({
    points: linePoints(nodes, edge, layering.reversed[edge] === 1),
    before,
    edge,
    isTurned: layering.reversed[edge] === 1,
  }));
  const edgeLine = graph.edgeLine.slice();
  edges.forEach(({ from, to }, edge) => {
    if (edgeLine[edge]! < 0 && from !== to) {
      const isTurned = layering.reversed[edge] === 1;
      edgeLine[edge] = lines.length;
      lines.push({
        points: linePoints(isTurned ? [to, from] : [from, to], edge, isTurned),
        before: -1,
        edge,
        isTurned,
      });
    }
  });
  return {
    width: rightmost - leftmost,
    height: bands[bands.length - 1]!.bottom,
    x: Float64Array.from(items, (item, i) => middle[i]! - item.width / 2),
    y,
    lines,
    edgeLine,
  };

  function linePoints(nodes: readonly number[], edge: number, isTurned: boolean): number[] {
    const { fromPort, toPort } = edge < 0 ? portsOfStem(nodes) : edges[edge]!;
    const points: number[] = [];
    nodes.forEach((node, at) => {
      const { top, bottom } = bands[graph.layer[node]!]!;
      const isFirst = at === 0;
      const isLast = at === nodes.length - 1;
      if (node >= graph.items) {
        // A line that continues another starts where that one leaves the layer.
        points.push(...(isFirst ? [] : [middle[node]!, top]), middle[node]!, bottom);
      } else if (isFirst) {
        const x = middle[node]! + (isTurned ? toPort : fromPort);
        points.push(x, y[node]! + items[node]!.height, x, bottom);
      } else if (isLast) {
        const x = middle[node]! + (isTurned ? fromPort : toPort);
        points.push(x, top, x, y[node]!);
      }
    });
    return simplified(points);
  }

  function portsOfStem([first, second]: readonly number[]): { fromPort: number; toPort: number } {
    const { start, list } = graph.incoming;
    const piece = second === undefined ? undefined : list[start[second]!];
    const isStart = piece !== undefined && graph.from[piece] === first;
    return { fromPort: isStart ? graph.fromPort[piece]! : 0, toPort: 0 };
  }
}

interface Band {
  readonly top: number;
  readonly bottom: number;
}

function layerBands({ items }: LevelGraph, graph: ProperGraph, middle: Float64Array): Band[] {
  const heights = new Float64Array(graph.order.length);
  items.forEach((item, i) => {
    const layer = graph.layer[i]!;
    heights[layer] = Math.max(heights[layer]!, item.height);
  });
  const runs = new Float64Array(graph.order.length);
  for (let piece = 0; piece < graph.from.length; piece++) {
    const from = graph.from[piece]!;
    const run = middle[graph.to[piece]!]! + graph.toPort[piece]! - middle[from]! - graph.fromPort[piece]!;
    runs[graph.layer[from]!] = Math.max(runs[graph.layer[from]!]!, Math.abs(run));
  }
  let top = 0;
  return [...heights].map((height, layer) => {
    const band = { top, bottom: top + height };
    // Rows of ports have no height and need no full gap to what is inside.
    const isPorts = height === 0 || (layer + 1 < heights.length && heights[layer + 1] === 0);
    top = band.bottom + (isPorts ? LAYER_GAP / 2 : LAYER_GAP) + Math.min(MOST_EXTRA_GAP, runs[layer]! / RUN_PER_PIXEL);
    return band;
  });
}

/** Without points that lie on a vertical between their neighbours. */
function simplified(points: readonly number[]): number[] {
  const result: number[] = [];
  for (let i = 0; i < points.length; i += 2) {
    const n = result.length;
    const isOnLine =
      n >= 4 &&
      Math.abs(result[n - 4]! - result[n - 2]!) < 0.01 &&
      Math.abs(result[n - 2]! - points[i]!) < 0.01 &&
      (points[i + 1]! - result[n - 1]!) * (result[n - 1]! - result[n - 3]!) >= 0;
    const isSame = n >= 2 && result[n - 2] === points[i] && result[n - 1] === points[i + 1];
    if (isSame) {
      continue;
    }
    if (isOnLine) {
      result[n - 1] = points[i + 1]!;
    } else {
      result.push(points[i]!, points[i + 1]!);
    }
  }
  return result;
}
