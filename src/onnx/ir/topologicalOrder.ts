import type { Graph } from './graph';
import type { Node } from './node';
import type { Value } from './value';

/** Values from outside a node that its sub-graphs read. */
export function capturedValues(node: Node): Set<Value> {
  const captured = new Set<Value>();
  const inside = new Set<Graph>();
  const visit = (graph: Graph): void => {
    inside.add(graph);
    const take = (value: Value | undefined): void => {
      // Graphs are visited from the outside in, so a value of an inner graph is known as such here.
      if (value !== undefined && !inside.has(value.graph)) {
        captured.add(value);
      }
    };
    for (const inner of graph.nodes) {
      inner.inputs.forEach(take);
      inner.subgraphs.forEach(visit);
    }
    graph.outputs.forEach(take);
  };
  node.subgraphs.forEach(visit);
  return captured;
}

/** Nodes of the same graph whose outputs the node reads, itself or in its sub-graphs. */
export function* predecessors(node: Node): Generator<Node> {
  for (const value of node.inputs) {
    const producer = value?.producer();
    if (producer?.graph === node.graph) {
      yield producer;
    }
  }
  if (node.subgraphs.length > 0) {
    for (const value of capturedValues(node)) {
      const producer = value.producer();
      if (producer?.graph === node.graph) {
        yield producer;
      }
    }
  }
}

/**
 * An order in which each node comes after those it reads, otherwise in the present order; an order that is right already
 * comes back unchanged. `stuck` are the nodes of cycles found on the way.
 */
export function orderTopologically(graph: Graph): { order: readonly Node[]; stuck: readonly Node[] } {
  const order: Node[] = [];
  const stuck: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  // Depth first with a stack of our own: chains are longer than a call stack is deep.
  for (const start of graph.nodes) {
    if (state.has(start)) {
      continue;
    }
    const stack = [{ node: start, rest: predecessors(start) }];
    state.set(start, 'open');
    while (stack.length > 0) {
      const { node, rest } = stack[stack.length - 1]!;
      const next = rest.next();
      if (next.done === true) {
        state.set(node, 'done');
        order.push(node);
        stack.pop();
        continue;
      }
      const predecessor = next.value;
      const known = state.get(predecessor);
      if (known === undefined) {
        state.set(predecessor, 'open');
        stack.push({ node: predecessor, rest: predecessors(predecessor) });
      } else if (known === 'open') {
        const from = stack.findIndex((frame) => frame.node === predecessor);
        stuck.push(...stack.slice(from).map((frame) => frame.node));
      }
    }
  }
  return { order, stuck: [...new Set(stuck)] };
}
