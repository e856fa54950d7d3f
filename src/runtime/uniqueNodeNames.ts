import type { Graph, Model } from '../onnx';

/**
 * The model itself when no two nodes of a graph share a name; else a copy in which repeats have lost theirs. ONNX allows
 * repeated names, ONNX Runtime refuses the model. Names mean nothing to a run, and keys do not change with them.
 */
export function withUniqueNodeNames(model: Model): Model {
  if (!hasRepeats(model.graph)) {
    return model;
  }
  const copy = model.clone();
  blankRepeats(copy.graph);
  return copy;
}

function hasRepeats(graph: Graph): boolean {
  const seen = new Set<string>();
  return graph.nodes.some((node) => {
    const repeated = node.name !== '' && seen.has(node.name);
    seen.add(node.name);
    return repeated || node.subgraphs.some(hasRepeats);
  });
}

function blankRepeats(graph: Graph): void {
  const seen = new Set<string>();
  for (const node of graph.nodes) {
    if (node.name !== '' && seen.has(node.name)) {
      node.name = '';
    }
    seen.add(node.name);
    node.subgraphs.forEach(blankRepeats);
  }
}
