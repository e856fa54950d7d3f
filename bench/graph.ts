/**
 * What the Graph tab takes against the nodes of a model: its structure as JSON, its blocks, and the layout with all blocks
 * open, none, and no blocks at all, as multiples of one plain topological sweep over the same nodes and edges.
 *
 *     npx tsx bench/graph.ts
 *
 * Each round runs everything once, so that a busy machine slows all of it; times are the processor's, the median of the
 * rounds after two to warm up. The table goes to stdout, the figures to bench/results/graph.json.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { declaredShapes, findLayers } from '../src/analysis';
import type { GraphStructure } from '../src/protocol/graph';
import { modelGraph } from '../src/worker/modelGraph';
import { blockTree } from '../webview/graph/blocks/blockTree';
import { graphScene } from '../webview/graph/graphScene';
import { layoutGraph } from '../webview/graph/layout/layoutGraph';
import { adjacency } from '../webview/graph/layout/levelGraph';
import { layeredEncoder } from './networks/generate';

const SIZES = [100, 1000, 5000, 10_000];
const ROUNDS = 7;
const WARM_UP = 2;

/** Layers of a plain topological sweep: what any layout has to do at least. */
function sweep({ nodes, edges }: GraphStructure): Int32Array {
  const from = edges.map((edge) => edge[0]);
  const to = edges.map((edge) => edge[1]);
  const outgoing = adjacency(nodes.length, from);
  const open = new Int32Array(nodes.length);
  to.forEach((node) => open[node]!++);
  const layer = new Int32Array(nodes.length);
  const ready = nodes.flatMap((_, node) => (open[node] === 0 ? [node] : []));
  for (const node of ready) {
    for (let i = outgoing.start[node]!; i < outgoing.start[node + 1]!; i++) {
      const target = to[outgoing.list[i]!]!;
      layer[target] = Math.max(layer[target]!, layer[node]! + 1);
      if (--open[target]! === 0) {
        ready.push(target);
      }
    }
  }
  return layer;
}

function milliseconds(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const results = SIZES.map((size) => {
  const model = layeredEncoder(size, 1);
  const layers = findLayers(model);
  const shapes = declaredShapes(model);
  const read = () => modelGraph(model, layers, shapes, 0);
  const graph = read();
  const tree = blockTree(graph);
  const flat = { ...tree, children: [], nodes: tree.all };
  const scene = (root: typeof tree, isOpen: boolean) =>
    graphScene(
      graph,
      root,
      () => isOpen,
      (node) => ({ title: graph.nodes[node]!.operator, note: '', width: 90 }),
      () => 60,
    ).request;
  const [opened, closed, plain] = [scene(tree, true), scene(tree, false), scene(flat, true)];
  const works = {
    // Too short to be measured once.
    sweep: () => {
      for (let i = 0; i < 20; i++) {
        sweep(graph);
      }
    },
    structure: read,
    blocks: () => blockTree(graph),
    layoutOpen: () => layoutGraph(opened),
    layoutClosed: () => layoutGraph(closed),
    layoutFlat: () => layoutGraph(plain),
  };
  const times: Record<keyof typeof works, number[]> = {
    sweep: [],
    structure: [],
    blocks: [],
    layoutOpen: [],
    layoutClosed: [],
    layoutFlat: [],
  };
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    for (const name of Object.keys(works) as (keyof typeof works)[]) {
      const time = milliseconds(works[name]) / (name === 'sweep' ? 20 : 1);
      if (round >= WARM_UP) {
        times[name].push(time);
      }
    }
  }
  const medians = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)])) as Record<
    keyof typeof works,
    number
  >;
  const ratios = Object.fromEntries(Object.entries(medians).map(([name, time]) => [name, time / medians.sweep]));
  return {
    operators: graph.nodes.length,
    edges: graph.edges.length,
    structureBytes: JSON.stringify(graph).length,
    milliseconds: medians,
    timesSweep: ratios,
  };
});

const folder = path.join(__dirname, 'results');
fs.mkdirSync(folder, { recursive: true });
const machine = `${os.cpus()[0]?.model ?? 'unknown'} × ${os.cpus().length}, Node ${process.versions.node}`;
fs.writeFileSync(path.join(folder, 'graph.json'), `${JSON.stringify({ machine, rounds: ROUNDS, results }, null, 2)}\n`);
console.log(machine);
console.table(
  results.map(({ operators, edges, structureBytes, milliseconds: ms, timesSweep }) => ({
    nodes: operators,
    edges,
    'JSON, KB': Math.round(structureBytes / 1000),
    'sweep, ms': ms.sweep.toFixed(2),
    'structure, ms': ms.structure.toFixed(0),
    'blocks, ms': ms.blocks.toFixed(0),
    'all open, ms': ms.layoutOpen.toFixed(0),
    '× sweep': Math.round(timesSweep.layoutOpen!),
    'closed, ms': ms.layoutClosed.toFixed(1),
    'no blocks, ms': ms.layoutFlat.toFixed(0),
    '× sweep ': Math.round(timesSweep.layoutFlat!),
  })),
);
