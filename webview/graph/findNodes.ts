import type { GraphStructure } from '../../src/protocol/graph';
import type { LayerSummary } from '../../src/protocol/model';

/** Indexes of the nodes in whose name, operator or layer all words occur, in the order of the graph. */
export function findNodes(
  graph: GraphStructure,
  text: string,
  layer: (name: string) => LayerSummary | undefined,
): number[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) {
    return [];
  }
  return graph.nodes.flatMap((node, index) => {
    const known = node.layer === undefined ? undefined : layer(node.layer);
    const texts =
      `${node.name} ${node.operator} ${node.kind} ${known?.shortName ?? ''} ${known?.description ?? ''}`.toLowerCase();
    return words.every((word) => texts.includes(word)) ? [index] : [];
  });
}
