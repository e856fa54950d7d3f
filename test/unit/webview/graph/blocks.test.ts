import { strict as assert } from 'node:assert';
import type { GraphEdge, GraphNode, GraphStructure } from '../../../../src/protocol/graph';
import { blockTree, type Block } from '../../../../webview/graph/blocks/blockTree';
import { firstOpen } from '../../../../webview/graph/blocks/firstOpen';
import { graphLinks, isConvex } from '../../../../webview/graph/blocks/isConvex';
import { modulePath } from '../../../../webview/graph/blocks/modulePath';
import { repeatedRun } from '../../../../webview/graph/blocks/repeatedRun';

function graph(
  nodes: readonly (readonly [name: string, operator: string])[],
  edges: readonly GraphEdge[],
): GraphStructure {
  return {
    graph: 0,
    name: 'test',
    nodes: nodes.map(([name, operator]): GraphNode => ({ kind: 'operator', name, operator })),
    edges,
    shapes: ['?'],
  };
}

function chained(nodes: readonly (readonly [string, string])[], skips: readonly GraphEdge[] = []): GraphStructure {
  return graph(nodes, [...nodes.slice(1).map((_, i): GraphEdge => [i, i + 1, 0]), ...skips]);
}

function labels(block: Block): unknown[] {
  return block.children.map((child) => (child.children.length === 0 ? child.label : [child.label, labels(child)]));
}

describe('blocks of a graph', () => {
  it('reads modules from the names of exporters', () => {
    assert.deepEqual(modulePath('/layers/layers.0/conv1/Conv'), ['layers', '0', 'conv1']);
    assert.deepEqual(modulePath('model/block_1_expand/Conv2D'), ['model', 'block_1', 'expand']);
    assert.deepEqual(modulePath('stage1_unit2_conv1'), ['stage1', 'unit2']);
    assert.deepEqual(modulePath('Conv_12'), []);
    assert.deepEqual(modulePath('/Relu'), []);
    assert.deepEqual(modulePath(''), []);
  });

  it('finds blocks by name, says which are alike, and leaves single nodes alone', () => {
    const block = (n: number): [string, string][] => [
      [`/layers/layers.${n}/conv1/Conv`, 'Conv'],
      [`/layers/layers.${n}/relu/Relu`, 'Relu'],
      [`/layers/layers.${n}/conv2/Conv`, n === 1 ? 'ConvTranspose' : 'Conv'],
    ];
    const tree = blockTree(
      chained([['/stem/Conv', 'Conv'], ...block(0), ...block(1), ...block(2), ['/fc/Gemm', 'Gemm']]),
    );
    assert.deepEqual(labels(tree), [['layers', ['layers.0', 'layers.1', 'layers.2']]]);
    assert.deepEqual(tree.nodes, [0, 10]);
    const [first, second, third] = tree.children[0]!.children;
    assert.equal(first!.copies, 2);
    assert.equal(third!.alike, first);
    assert.equal(second!.alike, undefined);
    assert.deepEqual(third!.all, [7, 8, 9]);
  });

  it('makes no block that a path leaves and comes back to', () => {
    const tree = blockTree(
      chained([
        ['/a/x/Add', 'Add'],
        ['/Outside', 'Relu'],
        ['/a/y/Add', 'Add'],
        ['/b/x/Add', 'Add'],
        ['/b/y/Add', 'Add'],
      ]),
    );
    assert.deepEqual(labels(tree), ['b']);
    assert.deepEqual(tree.nodes, [0, 1, 2]);
  });

  it('tells convex sets by brute force over all paths', () => {
    const nodes = Array.from({ length: 7 }, (_, i) => [`n${i}`, 'Add'] as const);
    const edges: GraphEdge[] = [
      [0, 1, 0],
      [0, 2, 0],
      [1, 3, 0],
      [2, 4, 0],
      [3, 5, 0],
      [4, 5, 0],
      [2, 6, 0],
      [1, 4, 0],
    ];
    const structure = graph(nodes, edges);
    const reach = nodes.map((_, from) => {
      const seen = new Set<number>();
      const visit = (at: number): void => {
        for (const [a, b] of edges) {
          if (a === at && !seen.has(b)) {
            seen.add(b);
            visit(b);
          }
        }
      };
      visit(from);
      return seen;
    });
    const links = graphLinks(structure);
    for (let mask = 1; mask < 128; mask++) {
      const inside = nodes.flatMap((_, i) => ((mask >> i) & 1 ? [i] : []));
      const outside = nodes.flatMap((_, i) => ((mask >> i) & 1 ? [] : [i]));
      const broken = outside.some((o) => inside.some((i) => reach[i]!.has(o)) && inside.some((i) => reach[o]!.has(i)));
      assert.equal(isConvex(links, inside), !broken, inside.join());
    }
  });

  it('finds what repeats, with the shorter pattern and the most copies', () => {
    assert.deepEqual(repeatedRun(Array.from('xabcabcabcy')), { start: 1, period: 3, count: 3 });
    assert.deepEqual(repeatedRun(Array.from('ababab')), { start: 0, period: 2, count: 3 });
    assert.equal(repeatedRun(Array.from('aaaaaa')), undefined, 'a chain of one operator is no block');
    assert.equal(repeatedRun(Array.from('abcdef')), undefined);
    assert.deepEqual(repeatedRun(Array.from('abababxyzxyzxyzxyz')), { start: 6, period: 3, count: 4 });
  });

  it('makes blocks of operators that repeat where names say nothing, cut where the fewest edges pass', () => {
    const nodes: [string, string][] = [['Conv_0', 'Conv']];
    const skips: GraphEdge[] = [];
    for (let block = 0; block < 8; block++) {
      const at = nodes.length;
      for (const operator of ['Conv', 'Relu', 'Conv', 'Add']) {
        nodes.push([`${operator}_${nodes.length}`, operator]);
      }
      skips.push([at - 1, at + 3, 0]);
    }
    const tree = blockTree(chained(nodes, skips));
    const series = tree.children[0]!;
    assert.equal(tree.children.length, 1);
    assert.ok(series.children.length >= 7);
    for (const block of series.children) {
      assert.equal(nodes[block.all.at(-1)!]![1], 'Add', 'a block ends behind its skip');
      assert.equal(block.all.length, 4);
      assert.equal(block.copies, series.children.length);
    }
  });

  it('opens at first what can be taken in, all siblings or none', () => {
    const nodes = Array.from({ length: 12 }, (_, i) => i).flatMap((n): [string, string][] =>
      Array.from({ length: 8 }, (_, k) => [`/net/block.${n}/part${k}/Add`, 'Add']),
    );
    const tree = blockTree(chained([['/first/Add', 'Add'], ...nodes]));
    assert.deepEqual([...firstOpen(tree)], [tree.children[0]!.id]);
    assert.equal(firstOpen(tree, 500).size, 13);
    assert.equal(firstOpen(tree, 1).size, 0);
  });
});
