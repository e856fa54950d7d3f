import type { Node, Value } from '../../onnx';

/** Puts a value in the place of a node's only output: under its name and type, for its readers and the graph's outputs; the node goes. */
export function takePlace(value: Value, node: Node): void {
  const { graph } = node;
  const old = node.outputs[0]!;
  const { name, type } = old;
  graph.replaceAllUses(old, value, { outputs: true });
  graph.removeNode(node);
  graph.renameValue(value, name);
  if (type !== undefined) {
    graph.setType(value, type);
  }
}
