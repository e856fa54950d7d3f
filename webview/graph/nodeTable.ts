import type { LayerSummary } from '../../src/protocol/model';
import type { Sort } from '../table/column';
import { VirtualTable } from '../table/virtualTable';
import { blocksAround } from './graphScene';
import type { Measure } from './measures';
import { nodeColumns, type NodeRow } from './nodeColumns';
import type { OpenGraph } from './openGraph';

/** The same graph as rows, for those who read rather than look; the search filters them. */
export class NodeTable {
  readonly table: VirtualTable<NodeRow>;
  private sort: Sort | undefined;
  private drawnWith: readonly unknown[] = [];

  constructor(actions: { select(node: number): void; show(node: number): void; changed(): void }) {
    this.table = new VirtualTable<NodeRow>({
      label: 'Nodes of the graph',
      key: (row) => String(row.index),
      onSelect: (row) => actions.select(row.index),
      onActivate: (row) => actions.show(row.index),
      onSort: (sort) => {
        this.sort = sort;
        actions.changed();
      },
    });
  }

  /** `figures` changes with everything the measure is computed from. */
  update(
    graph: OpenGraph,
    measure: Measure,
    matches: readonly number[],
    layer: (node: number) => LayerSummary | undefined,
    figures: readonly unknown[],
  ): void {
    const inputs = [graph.structure, matches, measure.id, this.sort, ...figures];
    if (inputs.length !== this.drawnWith.length || inputs.some((input, i) => input !== this.drawnWith[i])) {
      this.drawnWith = inputs;
      this.table.show(rowsOf(graph, matches, layer), nodeColumns(measure), this.sort);
    }
    this.table.select(graph.focused === undefined ? undefined : String(graph.focused));
  }
}

function rowsOf(
  { structure, root }: OpenGraph,
  matches: readonly number[],
  layer: (node: number) => LayerSummary | undefined,
): NodeRow[] {
  const { nodes, edges, shapes } = structure;
  const from = nodes.map(() => [] as string[]);
  const to = nodes.map(() => [] as string[]);
  const shape = nodes.map(() => '');
  const name = (index: number) => layer(index)?.shortName ?? nodes[index]!.name;
  for (const [a, b, at] of edges) {
    from[b]!.push(name(a));
    to[a]!.push(name(b));
    shape[a] ||= shapes[at] === '?' ? '' : (shapes[at] ?? '');
  }
  const indexes = matches.length > 0 ? matches : nodes.map((_, index) => index);
  return indexes.map((index) => ({
    index,
    node: nodes[index]!,
    layer: layer(index),
    blocks: blocksAround(root, index).at(-1)?.label ?? '',
    shape: shape[index]!,
    from: from[index]!,
    to: to[index]!,
  }));
}
