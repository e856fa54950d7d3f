import type { GraphStructure } from '../../src/protocol/graph';
import { blockTree, type Block } from './blocks/blockTree';
import { firstOpen } from './blocks/firstOpen';
import { blocksAround } from './graphScene';

/** A graph on show, and how it was left when one inside it was opened. */
export interface OpenGraph {
  readonly structure: GraphStructure;
  readonly root: Block;
  /** "If /choose, then_branch"; empty for the model's own. */
  readonly label: string;
  /** Ids of the open blocks; replaced, not changed. */
  open: ReadonlySet<string>;
  /** Node under the cursor; of a closed block the first one inside. */
  focused: number | undefined;
}

/** `before` is the same graph as it was read earlier: what was open stays open. */
export function openGraph(structure: GraphStructure, label: string, before: OpenGraph | undefined): OpenGraph {
  const root = blockTree(structure);
  const isSame = before?.structure.nodes.length === structure.nodes.length;
  return {
    structure,
    root,
    label,
    open: before?.open ?? firstOpen(root),
    focused: isSame ? before.focused : undefined,
  };
}

/** Opens what is closed around a node; false where nothing is. */
export function openAround(graph: OpenGraph, node: number): boolean {
  const closed = blocksAround(graph.root, node).filter((block) => !graph.open.has(block.id));
  if (closed.length > 0) {
    graph.open = new Set([...graph.open, ...closed.map((block) => block.id)]);
  }
  return closed.length > 0;
}

export function setOpen(graph: OpenGraph, block: Block, isOpen: boolean): void {
  const open = new Set(graph.open);
  if (isOpen) {
    open.add(block.id);
  } else {
    open.delete(block.id);
  }
  graph.open = open;
}

export function setAllOpen(graph: OpenGraph, isOpen: boolean): void {
  const open = new Set<string>();
  const visit = (block: Block) => {
    for (const child of block.children) {
      open.add(child.id);
      visit(child);
    }
  };
  if (isOpen) {
    visit(graph.root);
  }
  graph.open = open;
}

/** Open blocks around the cursor, from the outside in; without the one it stands on while that is closed. */
export function openBlocksAround(graph: OpenGraph): Block[] {
  const { focused } = graph;
  if (focused === undefined) {
    return [];
  }
  const path = blocksAround(graph.root, focused);
  const closed = path.findIndex((block) => !graph.open.has(block.id));
  return closed < 0 ? path : path.slice(0, closed);
}
