import type { Node, Value } from '../onnx';

export interface ConstantUse {
  /** The node that reads the constant for its value, behind all shape-only nodes. */
  readonly node: Node;
  readonly index: number;
  /** The value it reads: the constant itself or the end of a chain. */
  readonly value: Value;
}

const MOVES = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten']);

/**
 * Who reads a constant in the end: uses of it and of what Identity, Transpose, Reshape… make of it. A graph output among
 * them is reported through `isOutput`.
 */
export function constantUses(source: Value): { readonly uses: readonly ConstantUse[]; readonly isOutput: boolean } {
  const uses: ConstantUse[] = [];
  const pending = [source];
  let isOutput = false;
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    isOutput ||= value.isGraphOutput;
    for (const { node, index } of value.uses()) {
      const output = node.outputs[0];
      if (index === 0 && MOVES.has(node.opType) && node.domain === '' && output !== undefined) {
        pending.push(output);
      } else {
        uses.push({ node, index, value });
      }
    }
  }
  return { uses, isOutput };
}
