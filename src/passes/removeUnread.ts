import type { Node, Value } from '../onnx';

/** Removes nodes and initializers that only led to `values`, which nothing reads any more. Inputs stay. */
export function removeUnread(values: Iterable<Value | undefined>): void {
  const pending = [...values];
  for (let value = pending.pop(); pending.length > 0 || value !== undefined; value = pending.pop()) {
    if (value === undefined || value.uses().length > 0 || value.isGraphOutput) {
      continue;
    }
    const producer = value.producer();
    if (producer !== undefined) {
      if (isUnread(producer)) {
        const inputs = producer.inputs;
        const read = [...inputs];
        producer.graph.removeNode(producer);
        pending.push(...read);
      }
    } else if (value.initializer !== undefined && !value.isOverridable) {
      value.graph.removeInitializer(value.name);
    }
  }
}

function isUnread(node: Node): boolean {
  return (
    node.subgraphs.length === 0 &&
    node.outputs.every((output) => output === undefined || (output.uses().length === 0 && !output.isGraphOutput))
  );
}
