import type { Graph, Node, Value } from '../onnx';

/**
 * A graph cut in front of one node: what the nodes from there on still need of what came before.
 *
 * Running the nodes before the cut once, keeping `live`, and replaying only the nodes behind it is what makes a scan over
 * all layers cost about half of running the whole network for each candidate.
 */
export interface Cut {
  /** Index of the node in `graph.nodes` that the cut lies in front of. */
  readonly position: number;
  /** Values made before the cut (or fed from outside) that are read at or behind it, and outputs made before it. */
  readonly live: readonly Value[];
}

/**
 * Cuts a topologically sorted graph in front of each given node.
 *
 * Constants (initializers, and values computed from nothing but constants by `Constant` nodes) are never live: they stay
 * in both halves. Inner reads of sub-graphs count as reads of the node that holds the sub-graph.
 * Cost: one sweep over nodes and uses, plus the size of the answers.
 */
export function cutBefore(graph: Graph, nodes: readonly Node[]): Cut[] {
  const indexOf = new Map<Node, number>();
  graph.nodes.forEach((node, index) => indexOf.set(node, index));
  const spans = liveSpans(graph, indexOf);
  return nodes.map((node) => {
    const position = indexOf.get(node);
    if (position === undefined) {
      throw new Error(`Internal error: node ${node.key} is not in the graph that is cut`);
    }
    const live = spans.filter((span) => span.made < position && span.lastRead >= position).map((span) => span.value);
    return { position, live };
  });
}

interface LiveSpan {
  readonly value: Value;
  /** Index of the producing node; -1 for graph inputs. */
  readonly made: number;
  /** Index of the last reading node; Infinity for graph outputs. */
  readonly lastRead: number;
}

function liveSpans(graph: Graph, indexOf: ReadonlyMap<Node, number>): LiveSpan[] {
  const spans: LiveSpan[] = [];
  const add = (value: Value, made: number): void => {
    let lastRead = value.isGraphOutput ? Infinity : -1;
    for (const use of value.uses()) {
      const outer = nodeInGraph(use.node, graph);
      const index = outer === undefined ? undefined : indexOf.get(outer);
      if (index !== undefined && index > lastRead) {
        lastRead = index;
      }
    }
    if (lastRead > made) {
      spans.push({ value, made, lastRead });
    }
  };
  for (const input of graph.trueInputs) {
    add(input, -1);
  }
  graph.nodes.forEach((node, index) => {
    if (node.opType === 'Constant') {
      return;
    }
    for (const output of node.outputs) {
      if (output !== undefined) {
        add(output, index);
      }
    }
  });
  return spans;
}

/** The node of `graph` that is, or holds in its sub-graphs, the given node. */
function nodeInGraph(node: Node, graph: Graph): Node | undefined {
  let current: Node | undefined = node;
  while (current !== undefined && current.graph !== graph) {
    current = current.graph.ownerNode;
  }
  return current;
}
