import type { DiffView, LayerRowView } from '../../src/protocol/review';
import { bitChip } from '../charts/bitRamp';
import { element, hiddenText, type Child } from '../controls/element';
import type { Column } from '../table/column';
import { arrowText } from './answers';

/** A layer of the lock, and the same one of the report where there is one. */
export interface ReviewRow {
  readonly row: LayerRowView;
  readonly report: LayerRowView | undefined;
}

/** Columns for locks and reports; models have the fields that changed anywhere. */
export function layerColumns(
  diff: DiffView,
  rows: readonly ReviewRow[],
  nameCell: (row: ReviewRow) => HTMLElement,
): Column<ReviewRow>[] {
  const name: Column<ReviewRow> = {
    id: 'name',
    header: 'Layer',
    explanation: 'Name of the layer; opens it in the model',
    align: 'start',
    value: ({ row }) => row.name,
    text: ({ row }) => row.name,
    content: nameCell,
    cellTitle: ({ row }) => row.name,
    maxWidth: 280,
  };
  const status: Column<ReviewRow> = {
    id: 'status',
    header: 'Status',
    explanation: 'Whether both files have the layer',
    align: 'start',
    value: ({ row }) => row.status,
    text: ({ row }) => (row.status === 'same' ? 'unchanged' : row.status),
    quiet: true,
  };
  const withStatus = rows.some(({ row }) => row.status === 'added' || row.status === 'removed') ? [status] : [];
  if (diff.kind === 'model') {
    const fields = [
      ...new Set(diff.layers.flatMap(({ before = {}, after = {} }) => [...Object.keys(after), ...Object.keys(before)])),
    ];
    return [name, ...withStatus, ...fields.map((field) => textColumn(field, field))];
  }
  const measured = rows.some(({ report, row }) => (report ?? row).after?.output !== undefined);
  return [
    name,
    ...withStatus,
    bitsColumn('W', 'Weights', 'Bits of the weights, before and after'),
    bitsColumn('A', 'Activations', "Bits of the layer's input, before and after"),
    maskColumn,
    amountColumn('size', 'Size', 'Nominal: elements × bits', 'size'),
    amountColumn('loss', 'Loss, predicted', 'Predicted loss of this layer alone', 'cost'),
    ...(measured ? [outputColumn] : []),
    {
      id: 'why',
      header: 'Why',
      explanation: 'What can have moved the layer: its own reason, or what the allocation was given',
      align: 'start',
      value: ({ row }) => whyOf(row),
      text: ({ row }) => whyOf(row) ?? '',
      cellTitle: ({ row }) => whyOf(row),
      maxWidth: 220,
      quiet: true,
    },
  ];
}

/** A reason of a layer that did not change is no news, but it is what the lock says. */
function whyOf(row: LayerRowView): string | undefined {
  return row.why ?? row.after?.why;
}

function bitsColumn(field: string, header: string, explanation: string): Column<ReviewRow> {
  const bitsOf = (text: string | undefined) => (text === undefined ? undefined : text === 'float' ? 32 : Number(text));
  return {
    id: field,
    header,
    explanation,
    align: 'start',
    value: ({ row }) => bitsOf(row.after?.[field] ?? row.before?.[field]),
    // Chips are wider than their digits.
    text: ({ row }) => (isMoved(row, field) ? 'float   →   float' : `${row.after?.[field] ?? ''} unchanged`),
    content: ({ row }): Child => {
      const before = bitsOf(row.before?.[field]);
      const after = bitsOf(row.after?.[field]);
      if (before === after) {
        return quiet(`${row.after?.[field] ?? ''} unchanged`);
      }
      return element(
        'span',
        { class: 'bits-move' },
        before === undefined ? quiet('–') : bitChip(before),
        element('span', { class: 'arrow', text: '→', attributes: { 'aria-hidden': 'true' } }),
        hiddenText(' to '),
        after === undefined ? quiet('–') : bitChip(after),
      );
    },
  };
}

const maskColumn: Column<ReviewRow> = {
  id: 'sparsity',
  header: 'Mask',
  explanation: 'N:M pattern of the weights, before and after',
  align: 'start',
  value: ({ row }) => row.after?.sparsity ?? 'dense',
  text: ({ row }) => maskText(row),
  content: ({ row }) => (isMoved(row, 'sparsity') ? maskText(row) : quiet(maskText(row))),
  maxWidth: 200,
};

function maskText(row: LayerRowView): string {
  const mask = (side: LayerRowView['before']) => (side === undefined ? '–' : (side.sparsity ?? 'dense'));
  const [before, after] = [mask(row.before), mask(row.after)];
  return before === after ? `${after} unchanged` : `${before} → ${after}`;
}

function amountColumn(field: string, header: string, explanation: string, kind: 'size' | 'cost'): Column<ReviewRow> {
  const shown = (row: LayerRowView): string => {
    const only = row.before === undefined ? row.after : row.after === undefined ? row.before : undefined;
    return row.changes[field] ?? only?.[field] ?? '';
  };
  return {
    id: field,
    header,
    explanation: `${explanation}: its change`,
    align: 'end',
    value: ({ row }) => amountOf(row.changes[field]),
    text: ({ row }) => shown(row),
    content: ({ row }) => {
      const amount = amountOf(row.changes[field]);
      const tone = kind === 'size' || amount === undefined || amount === 0 ? '' : amount > 0 ? 'is-worse' : 'is-better';
      return element('span', { class: tone, text: shown(row) });
    },
    cellTitle: ({ row }) => {
      const [before, after] = [row.before?.[field], row.after?.[field]];
      return before === undefined || after === undefined ? undefined : arrowText(before, after);
    },
  };
}

const outputColumn: Column<ReviewRow> = {
  id: 'output',
  header: 'Output, measured',
  explanation: "Signal-to-noise ratio of the layer's output, errors of earlier layers included",
  align: 'end',
  value: ({ row, report }) => amountOf((report ?? row).after?.output),
  text: ({ row, report }) => {
    const { before, after } = report ?? row;
    const [old, now] = [before?.output ?? '–', after?.output ?? '–'];
    return old === '–' && now === '–' ? '' : arrowText(old, now);
  },
};

function textColumn(field: string, header: string): Column<ReviewRow> {
  const text = (row: LayerRowView): string => {
    const [before, after] = [row.before?.[field], row.after?.[field]];
    return before === after ? (after ?? '') : arrowText(before ?? '–', after ?? '–');
  };
  return {
    id: field,
    header: `${header.charAt(0).toUpperCase()}${header.slice(1)}`,
    explanation: `${header}, before and after`,
    align: 'start',
    value: ({ row }) => row.after?.[field],
    text: ({ row }) => text(row),
    cellTitle: ({ row }) => text(row),
    maxWidth: 240,
  };
}

function isMoved(row: LayerRowView, field: string): boolean {
  return row.before?.[field] !== row.after?.[field] || row.before === undefined || row.after === undefined;
}

const units: Partial<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** "−18.0 KB" → −18000, for sorting. */
export function amountOf(text: string | undefined): number | undefined {
  const [, sign, digits, unit = ''] = /^([+−-]?)([\d.]+(?:e[+-]?\d+)?)(?: (\S+))?$/.exec(text ?? '') ?? [];
  if (digits === undefined) {
    return undefined;
  }
  return (sign === '−' || sign === '-' ? -1 : 1) * Number(digits) * (units[unit] ?? 1);
}

function quiet(text: string): HTMLElement {
  return element('span', { class: 'quiet-text', text });
}
