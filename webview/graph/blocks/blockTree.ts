import type { GraphStructure } from '../../../src/protocol/graph';
import { graphLinks, isConvex, type GraphLinks } from './isConvex';
import { modulePath } from './modulePath';
import { repeatedRun } from './repeatedRun';

/** Part of a graph that can be drawn as one box or opened. The root is the graph itself. */
export interface Block {
  /** Stays the same while the model's names do: its path from the root. */
  readonly id: string;
  /** "layers.0". */
  readonly label: string;
  readonly parent: Block | undefined;
  readonly children: readonly Block[];
  /** Indexes of the nodes that are in no child, ascending. */
  readonly nodes: readonly number[];
  /** Indexes of all nodes inside, ascending. */
  readonly all: readonly number[];
  /** The first of its siblings with the same operators and edges inside; undefined for the first itself. */
  readonly alike: Block | undefined;
  /** How many siblings, itself included, have the same operators and edges inside. */
  readonly copies: number;
}

interface Draft {
  readonly name: string;
  children: Draft[];
  nodes: number[];
}

/** Nodes of one level without names that group them, beyond which repetition of operators is looked for. */
const MANY_LOOSE = 24;
/** Blocks of one level from which on they are gathered into fewer. */
const MANY_BLOCKS = 48;

/**
 * Blocks of a graph: by the modules in the names of its nodes, and where names say nothing, by stretches of operators that
 * repeat. Every block has two nodes or more, and no path leaves it and comes back.
 */
export function blockTree(graph: GraphStructure): Block {
  const links = graphLinks(graph);
  const root: Draft = { name: '', children: [], nodes: [] };
  const byPath = new Map<string, Draft>();
  graph.nodes.forEach((node, index) => {
    let at = root;
    let path = '';
    for (const part of node.kind === 'operator' ? modulePath(node.name) : []) {
      path += `/${part}`;
      let next = byPath.get(path);
      if (next === undefined) {
        next = { name: part, children: [], nodes: [] };
        at.children.push(next);
        byPath.set(path, next);
      }
      at = next;
    }
    at.nodes.push(index);
  });
  tidy(root, links, graph.nodes.filter((node) => node.kind === 'operator').length);
  findRepetition(root, graph, links);
  gather(root, links);
  return finished(root, undefined, '', graph, links);
}

function allNodes(draft: Draft): number[] {
  return [...draft.nodes, ...draft.children.flatMap(allNodes)].sort((a, b) => a - b);
}

/** Takes out blocks of one node, blocks that hold everything, and those a path leaves and comes back to. */
function tidy(draft: Draft, links: GraphLinks, operators: number): void {
  draft.children = draft.children.flatMap((child) => {
    tidy(child, links, operators);
    const nodes = allNodes(child);
    const only = child.nodes.length === 0 && child.children.length === 1 ? child.children[0] : undefined;
    if (only !== undefined) {
      return [{ ...only, name: `${child.name}.${only.name}` }];
    }
    if (nodes.length < 2 || nodes.length === operators || !isConvex(links, nodes)) {
      draft.nodes.push(...child.nodes);
      return child.children.map((inner) => ({
        ...inner,
        name: nodes.length === operators && !/^\d/.test(inner.name) ? inner.name : `${child.name}.${inner.name}`,
      }));
    }
    return [child];
  });
  draft.nodes.sort((a, b) => a - b);
}

/** Where many nodes lie loose, stretches of operators that repeat become blocks, in a block of their own. */
function findRepetition(draft: Draft, graph: GraphStructure, links: GraphLinks): void {
  draft.children.forEach((child) => findRepetition(child, graph, links));
  for (;;) {
    const loose = draft.nodes.filter((node) => graph.nodes[node]!.kind === 'operator');
    if (loose.length <= MANY_LOOSE) {
      return;
    }
    const run = repeatedRun(loose.map((node) => graph.nodes[node]!.operator));
    if (run === undefined) {
      return;
    }
    const start = run.start + bestCut(loose, run.start, run.period, run.count, links);
    const count = Math.floor((run.start + run.count * run.period - start) / run.period);
    const series: Draft = { name: `${count} repeated blocks`, children: [], nodes: [] };
    for (let copy = 0; copy < count; copy++) {
      const nodes = loose.slice(start + copy * run.period, start + (copy + 1) * run.period);
      series.children.push({ name: `block ${copy + 1}`, children: [], nodes });
    }
    const taken = new Set(allNodes(series));
    if (count < 2 || ![series, ...series.children].every((block) => isConvex(links, allNodes(block)))) {
      return;
    }
    draft.nodes = draft.nodes.filter((node) => !taken.has(node));
    draft.children.push(series);
  }
}

/** More blocks in a row than can be taken in are gathered, as evenly as their number allows. */
function gather(draft: Draft, links: GraphLinks): void {
  draft.children.forEach((child) => gather(child, links));
  const count = draft.children.length;
  if (count < MANY_BLOCKS) {
    return;
  }
  const size = Math.ceil(count / Math.ceil(Math.sqrt(count)));
  const inOrder = byFirstNode(draft.children);
  draft.children = [];
  for (let from = 0; from < count; from += size) {
    const members = inOrder.slice(from, from + size);
    const first = members[0]!.name;
    const together: Draft = { name: rangeName(first, members[members.length - 1]!.name), children: members, nodes: [] };
    const isBlock = members.length > 1 && isConvex(links, allNodes(together));
    draft.children.push(...(isBlock ? [together] : members));
  }
}

function byFirstNode(drafts: readonly Draft[]): Draft[] {
  return drafts
    .map((draft) => ({ draft, first: allNodes(draft)[0]! }))
    .sort((a, b) => a.first - b.first)
    .map(({ draft }) => draft);
}

/** "encoder.0" to "encoder.22" is "encoder.0–22". */
function rangeName(first: string, last: string): string {
  const parts = [first.split('.'), last.split('.')] as const;
  const differs = parts[0].findIndex((part, i) => part !== parts[1][i]);
  return `${first}–${parts[1].slice(Math.max(0, differs)).join('.')}`;
}

/** Where to begin within the pattern so that the fewest edges pass from block to block. */
function bestCut(loose: readonly number[], start: number, period: number, count: number, links: GraphLinks): number {
  const place = new Map(loose.map((node, at) => [node, at]));
  const cut = new Int32Array(period);
  for (let at = start; at < start + count * period; at++) {
    const { start: first, list } = links.outgoing;
    const node = loose[at]!;
    for (let i = first[node]!; i < first[node + 1]!; i++) {
      const to = Math.min(place.get(links.to[list[i]!]!) ?? at, at + period);
      for (let between = at + 1; between <= to; between++) {
        cut[(between - start) % period]!++;
      }
    }
  }
  return cut.indexOf(cut.reduce((least, one) => Math.min(least, one), Infinity));
}

function finished(
  draft: Draft,
  parent: Block | undefined,
  id: string,
  graph: GraphStructure,
  links: GraphLinks,
): Block {
  const shape = new Map<string, Block[]>();
  const children: Block[] = [];
  const block = {
    id,
    label: draft.name,
    parent,
    children,
    nodes: draft.nodes,
    all: allNodes(draft),
    alike: undefined,
    copies: 1,
  };
  const names = new Set<string>();
  for (const child of byFirstNode(draft.children)) {
    let name = child.name;
    for (let n = 2; names.has(name); n++) {
      name = `${child.name} (${n})`;
    }
    names.add(name);
    const label = /^\d/.test(name) && draft.name !== '' ? `${draft.name}.${name}` : name;
    const made = finished({ ...child, name: label }, block, `${id}/${name}`, graph, links);
    const key = structure(made.all, graph, links);
    shape.set(key, [...(shape.get(key) ?? []), made]);
    children.push(made);
  }
  for (const same of shape.values()) {
    same.forEach((one, i) => {
      Object.assign(one, { alike: i === 0 ? undefined : same[0], copies: same.length });
    });
  }
  return block;
}

/** Operators in order with the places of those they read, from the block's own first node; sizes do not count. */
function structure(nodes: readonly number[], graph: GraphStructure, links: GraphLinks): string {
  const place = new Map(nodes.map((node, at) => [node, at]));
  const { start, list } = links.incoming;
  return nodes
    .map((node) => {
      const reads: number[] = [];
      for (let i = start[node]!; i < start[node + 1]!; i++) {
        reads.push(place.get(links.from[list[i]!]!) ?? -1);
      }
      return `${graph.nodes[node]!.operator}(${reads.join()})`;
    })
    .join(' ');
}
