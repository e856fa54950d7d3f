import { strict as assert } from 'node:assert';
import { assignLayers } from '../../../../webview/graph/layout/assignLayers';
import { countCrossings, inversions } from '../../../../webview/graph/layout/crossings';
import { layoutGraph, type LayoutRequest } from '../../../../webview/graph/layout/layoutGraph';
import { layoutLevel } from '../../../../webview/graph/layout/layoutLevel';
import type { LevelGraph } from '../../../../webview/graph/layout/levelGraph';
import { orderLayers } from '../../../../webview/graph/layout/orderLayers';
import { properGraph, type ProperGraph } from '../../../../webview/graph/layout/properGraph';

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Edges from earlier to later items, most of them short. */
function randomLevel(items: number, seed: number): LevelGraph {
  const random = seeded(seed);
  const edges = new Map<string, [number, number]>();
  for (let to = 1; to < items; to++) {
    for (let n = random() < 0.4 ? 2 : 1; n > 0; n--) {
      const reach = random() < 0.1 ? to : Math.min(to, 6);
      const from = to - 1 - Math.floor(random() * reach);
      edges.set(`${from}-${to}`, [from, to]);
    }
  }
  return {
    items: Array.from({ length: items }, () => ({
      width: 30 + Math.floor(random() * 120),
      height: random() < 0.5 ? 26 : 40,
    })),
    edges: [...edges.values()].map(([from, to]) => ({ from, to, fromPort: 0, toPort: 0 })),
  };
}

function chain(length: number, extra: readonly (readonly [number, number])[] = []): LevelGraph {
  const pairs = [...Array.from({ length: length - 1 }, (_, i) => [i, i + 1] as const), ...extra];
  return {
    items: Array.from({ length }, () => ({ width: 60, height: 26 })),
    edges: pairs.map(([from, to]) => ({ from, to, fromPort: 0, toPort: 0 })),
  };
}

/** Crossings counted pair by pair. */
function crossingsByPairs(graph: ProperGraph, place: Int32Array): number {
  let found = 0;
  for (let a = 0; a < graph.from.length; a++) {
    for (let b = a + 1; b < graph.from.length; b++) {
      if (graph.layer[graph.from[a]!] === graph.layer[graph.from[b]!]) {
        const above = place[graph.from[a]!]! - place[graph.from[b]!]!;
        const below = place[graph.to[a]!]! - place[graph.to[b]!]!;
        found += above * below < 0 ? 1 : 0;
      }
    }
  }
  return found;
}

function places(graph: ProperGraph): Int32Array {
  const place = new Int32Array(graph.layer.length);
  graph.order.forEach((layer) => layer.forEach((node, at) => (place[node] = at)));
  return place;
}

describe('graph layout', () => {
  it('puts every item below all it reads', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const level = randomLevel(120, seed);
      const { layer, reversed } = assignLayers(level);
      assert.ok(reversed.every((one) => one === 0));
      level.edges.forEach(({ from, to }) => assert.ok(layer[from]! < layer[to]!, `${from} → ${to}`));
    }
  });

  it('takes no more layers than the longest path has items', () => {
    const level = randomLevel(200, 3);
    const depth = new Int32Array(200).fill(1);
    [...level.edges]
      .sort((a, b) => a.to - b.to)
      .forEach(({ from, to }) => (depth[to] = Math.max(depth[to]!, depth[from]! + 1)));
    assert.equal(assignLayers(level).layers, Math.max(...depth));
  });

  it('moves an item that feeds a late reader down to it', () => {
    const level = chain(8);
    const late: LevelGraph = {
      items: [...level.items, { width: 60, height: 26 }],
      edges: [...level.edges, { from: 8, to: 7, fromPort: 0, toPort: 0 }],
    };
    assert.equal(assignLayers(late).layer[8], 6);
  });

  it('turns round an edge that closes a cycle, and only that', () => {
    const { reversed, layer } = assignLayers(chain(5, [[4, 1]]));
    assert.deepEqual([...reversed], [0, 0, 0, 0, 1]);
    assert.deepEqual([...layer], [0, 1, 2, 3, 4]);
  });

  it('counts crossings as pair by pair', () => {
    assert.equal(inversions(Float64Array.of(3, 1, 2, 0)), 5);
    for (let seed = 1; seed <= 4; seed++) {
      const level = randomLevel(60, seed);
      const graph = properGraph(level, assignLayers(level));
      assert.equal(countCrossings(graph, places(graph)), crossingsByPairs(graph, places(graph)));
    }
  });

  it('crosses no more edges than the order of the input does, and far fewer where they can be avoided', () => {
    let naive = 0;
    let ordered = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const level = randomLevel(150, seed);
      const graph = properGraph(level, assignLayers(level));
      const before = crossingsByPairs(graph, places(graph));
      orderLayers(graph);
      const after = crossingsByPairs(graph, places(graph));
      assert.ok(after <= before, `seed ${seed}: ${after} > ${before}`);
      naive += before;
      ordered += after;
    }
    assert.ok(ordered < naive * 0.6, `${ordered} of ${naive}`);
  });

  it('draws a tree without crossings', () => {
    const random = seeded(5);
    const parents = Array.from({ length: 80 }, (_, i) => Math.floor(random() * (i + 1)));
    const level: LevelGraph = {
      items: Array.from({ length: 81 }, () => ({ width: 40, height: 26 })),
      edges: parents.map((from, i) => ({ from, to: i + 1, fromPort: 0, toPort: 0 })),
    };
    const graph = properGraph(level, assignLayers(level));
    orderLayers(graph);
    assert.equal(crossingsByPairs(graph, places(graph)), 0);
  });

  it('lets no two items overlap', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const level = randomLevel(150, seed);
      const { x, y, width, height } = layoutLevel(level);
      level.items.forEach((a, i) => {
        assert.ok(x[i]! >= 0 && x[i]! + a.width <= width + 1e-6 && y[i]! >= 0 && y[i]! + a.height <= height + 1e-6);
        level.items.forEach((b, k) => {
          const apart =
            x[i]! + a.width <= x[k]! ||
            x[k]! + b.width <= x[i]! ||
            y[i]! + a.height <= y[k]! ||
            y[k]! + b.height <= y[i]!;
          assert.ok(i >= k || apart, `seed ${seed}: ${i} and ${k}`);
        });
      });
    }
  });

  it('draws lines that only run down, from item to item', () => {
    const level = randomLevel(150, 2);
    const { lines, edgeLine, x, y } = layoutLevel(level);
    level.edges.forEach(({ from, to }, edge) => {
      const path: number[][] = [];
      for (let line = edgeLine[edge]!; line >= 0; line = lines[line]!.before) {
        path.unshift([...lines[line]!.points]);
      }
      const points = path.flat();
      const last = points.length - 2;
      assert.ok(Math.abs(points[0]! - x[from]! - level.items[from]!.width / 2) < 1e-6);
      assert.ok(Math.abs(points[1]! - y[from]! - level.items[from]!.height) < 1e-6);
      assert.ok(Math.abs(points[last]! - x[to]! - level.items[to]!.width / 2) < 1e-6);
      assert.ok(Math.abs(points[last + 1]! - y[to]!) < 1e-6);
      for (let i = 2; i < points.length; i += 2) {
        assert.ok(points[i + 1]! >= points[i - 1]! - 1e-6, `edge ${edge}`);
      }
    });
  });

  it('keeps the trunk of a network with skips in one line', () => {
    const skips = Array.from({ length: 10 }, (_, i) => [i * 4, i * 4 + 4] as const);
    const level = chain(41, skips);
    const { x } = layoutLevel(level);
    assert.ok(
      x.every((left) => Math.abs(left - x[0]!) < 1e-6),
      [...x].join(' '),
    );
  });

  it('shares one line among all readers of a value', () => {
    const readers = Array.from({ length: 40 }, (_, i) => [0, i + 2] as const);
    const level = chain(42, readers);
    const graph = properGraph(level, assignLayers(level));
    assert.ok(graph.layer.length < 42 + 42, 'bends of one line, not of forty');
  });

  it('draws the longest edges straight through when there would be too many bends', () => {
    const level = chain(30, [
      [0, 29],
      [3, 8],
    ]);
    const layering = assignLayers(level);
    const graph = properGraph(level, layering, 10);
    assert.equal(graph.layer.length - 30, 4);
    assert.equal(graph.edgeLine[29], -1);
  });

  it('gives the same layout for the same input, whatever was laid out before', () => {
    const level = randomLevel(300, 9);
    const first = layoutLevel(level);
    layoutLevel(randomLevel(50, 1));
    assert.deepEqual(layoutLevel(level), first);
  });

  it('lays out nothing, one item, and items without edges', () => {
    assert.equal(layoutLevel({ items: [], edges: [] }).width, 0);
    assert.deepEqual([...layoutLevel({ items: [{ width: 50, height: 20 }], edges: [] }).x], [0]);
    const three = layoutLevel({ items: Array.from({ length: 3 }, () => ({ width: 50, height: 20 })), edges: [] });
    assert.deepEqual([...three.y], [0, 0, 0]);
  });
});

describe('layout of nested blocks', () => {
  /** input → [a → [b → c] → d] → output, and a skip from the input into the inner block. */
  const request: LayoutRequest = {
    width: Float64Array.from({ length: 6 }, () => 80),
    height: Float64Array.from({ length: 6 }, () => 26),
    block: Int32Array.of(0, 1, 2, 2, 1, 0),
    parent: Int32Array.of(-1, 0, 1),
    leastWidth: Float64Array.of(0, 60, 60),
    from: Int32Array.of(0, 1, 2, 3, 4, 0),
    to: Int32Array.of(1, 2, 3, 4, 5, 3),
  };

  it('keeps boxes inside their blocks and blocks inside theirs', () => {
    const { x, y, blocks, width, height } = layoutGraph(request);
    const box = (i: number) => ({
      left: blocks[i * 4]!,
      top: blocks[i * 4 + 1]!,
      right: blocks[i * 4]! + blocks[i * 4 + 2]!,
      bottom: blocks[i * 4 + 1]! + blocks[i * 4 + 3]!,
    });
    request.block.forEach((block, i) => {
      const around = box(block);
      assert.ok(
        x[i]! >= around.left && x[i]! + 80 <= around.right && y[i]! >= around.top && y[i]! + 26 <= around.bottom,
      );
    });
    const [outer, inner] = [box(1), box(2)];
    assert.ok(
      inner.left > outer.left && inner.right < outer.right && inner.top > outer.top && inner.bottom < outer.bottom,
    );
    assert.ok(y[0]! + 26 <= outer.top && y[5]! >= outer.bottom, 'what is outside is above or below');
    assert.ok(outer.right <= width + 1e-6 && outer.bottom <= height);
  });

  it('joins the lines of an edge across borders into one way down', () => {
    const { x, y, points, start, edgeStart, edgeLines, source } = layoutGraph(request);
    request.from.forEach((from, edge) => {
      const lines = [...edgeLines.subarray(edgeStart[edge], edgeStart[edge + 1])];
      assert.ok(lines.every((line) => source[line] === from));
      const ends = lines
        .map((line) => ({
          top: [points[start[line]!]!, points[start[line]! + 1]!] as const,
          bottom: [points[start[line + 1]! - 2]!, points[start[line + 1]! - 1]!] as const,
        }))
        .sort((a, b) => a.top[1] - b.top[1]);
      assert.ok(Math.abs(ends[0]!.top[1] - y[from]! - 26) < 1e-6);
      const to = request.to[edge]!;
      assert.ok(Math.abs(ends.at(-1)!.bottom[1] - y[to]!) < 1e-6);
      assert.ok(Math.abs(ends.at(-1)!.bottom[0] - x[to]! - 40) < 1e-6);
      for (let i = 1; i < ends.length; i++) {
        assert.ok(Math.abs(ends[i]!.top[0] - ends[i - 1]!.bottom[0]) < 1, `edge ${edge} is in one piece`);
        assert.ok(Math.abs(ends[i]!.top[1] - ends[i - 1]!.bottom[1]) < 1, `edge ${edge} is in one piece`);
      }
    });
  });

  it('says at which boxes lines end', () => {
    const { target, start, points, y } = layoutGraph(request);
    target.forEach((box, line) => {
      if (box >= 0) {
        assert.ok(Math.abs(points[start[line + 1]! - 1]! - y[box]!) < 1e-6);
      }
    });
    assert.deepEqual([...new Set(target)].filter((box) => box >= 0).sort(), [1, 2, 3, 4, 5]);
  });
});
