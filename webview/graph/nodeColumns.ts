import type { GraphNode } from '../../src/protocol/graph';
import type { LayerSummary } from '../../src/protocol/model';
import type { Column } from '../table/column';
import type { Measure } from './measures';

/** A node as a row of the table beside the picture. */
export interface NodeRow {
  readonly index: number;
  readonly node: GraphNode;
  readonly layer: LayerSummary | undefined;
  /** Blocks around it, outermost first. */
  readonly blocks: string;
  readonly shape: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

export function nodeColumns(measure: Measure): readonly Column<NodeRow>[] {
  const text = (id: string, header: string, explanation: string, value: (row: NodeRow) => string): Column<NodeRow> => ({
    id,
    header,
    explanation,
    align: 'start',
    maxWidth: 220,
    quiet: id !== 'name',
    value: (row) => value(row) || undefined,
    text: value,
  });
  return [
    text('name', 'Node', 'Name of the layer, operator or value', (row) => row.layer?.shortName ?? row.node.name),
    text('operator', 'Operator', 'Operator type, or what the value is', (row) =>
      row.node.kind === 'operator' ? row.node.operator : row.node.kind,
    ),
    ...(measure.ramp === 'kind'
      ? []
      : [
          {
            id: 'measure',
            header: measure.label,
            explanation: measure.meaning,
            align: 'end' as const,
            value: (row: NodeRow) => (row.layer === undefined ? undefined : measure.value([row.layer])),
            text: (row: NodeRow) => {
              const value = row.layer === undefined ? undefined : measure.value([row.layer]);
              return value === undefined ? '' : measure.text(value);
            },
          },
        ]),
    text('blocks', 'Block', 'Innermost block of the graph it belongs to', (row) => row.blocks),
    text('shape', 'Output', 'Shape of the output', (row) => row.shape),
    text('from', 'From', 'What it reads', (row) => row.from.join(', ')),
    text('to', 'To', 'What reads it', (row) => row.to.join(', ')),
  ];
}
