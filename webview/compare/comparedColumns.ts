import type { ComparedLayer, ComparedNode, LayerSide, ModelComparison, SideName } from '../../src/protocol/comparison';
import { bitChip } from '../charts/bitRamp';
import { element } from '../controls/element';
import type { Column } from '../table/column';
import { UNKNOWN, bitsText, bytes, decibel, exact, share, significant } from '../text/numbers';

/** Names a layer, whichever side has it. */
export function layerKey(layer: ComparedLayer): string {
  return `${layer.before?.name ?? ''}\n${layer.after?.name ?? ''}`;
}

export function layerName({ before, after }: ComparedLayer): string {
  return (after ?? before)?.shortName ?? '';
}

/** The columns of the layers that say something about these two models. */
export function layerColumns(
  layers: readonly ComparedLayer[],
  onOpen: (layer: ComparedLayer) => void,
): readonly Column<ComparedLayer>[] {
  const has = (test: (layer: ComparedLayer) => boolean) => layers.some(test);
  const differs = (of: (side: LayerSide) => unknown) =>
    has(({ before, after }) => before !== undefined && after !== undefined && of(before) !== of(after));
  return [
    nameColumn(onOpen),
    ...(has(({ status }) => status !== 'changed') ? [statusColumn] : []),
    ...(differs((side) => side.description)
      ? sides('operator', 'Kind', 'Operator with kernel, stride and groups', 'start', (side) => side.description)
      : []),
    ...(differs((side) => side.shape.join('×'))
      ? sides('shape', 'Weight', 'Shape of the weight as the layer sees it', 'start', (side) => side.shape.join('×'))
      : []),
    ...once(bitColumns('weightBits', 'W', 'Bits of the weights'), 'W', !differs((side) => side.weightBits)),
    ...once(
      bitColumns('inputBits', 'A', 'Bits of the activations that the layer reads'),
      'A',
      !differs((side) => side.inputBits),
    ),
    ...once(
      sides(
        'size',
        'Size',
        'Bytes of weight, scales and zero points as stored',
        'end',
        (side) => side.storedBytes,
        bytes,
      ),
      'Size',
      !differs((side) => side.storedBytes),
    ),
    ...(differs((side) => side.storedBytes) ? [savedColumn] : []),
    {
      id: 'relative',
      header: 'Weights Δ',
      explanation: 'How far the dequantised weights moved: ‖before − after‖₂ / ‖before‖₂',
      align: 'end',
      value: ({ difference }) => difference?.relative,
      text: ({ difference, unmeasured }) =>
        difference?.relative === undefined
          ? unmeasured === undefined && difference === undefined
            ? ''
            : UNKNOWN
          : share(difference.relative),
      cellTitle: ({ unmeasured }) => unmeasured,
    },
    {
      id: 'largest',
      header: 'Max |Δ|',
      explanation: 'Largest difference of one dequantised weight',
      align: 'end',
      value: ({ difference }) => difference?.maxAbsolute,
      text: ({ difference }) => (difference === undefined ? '' : significant(difference.maxAbsolute)),
    },
    ...(has(({ outputSqnr }) => outputSqnr !== undefined) ? [outputColumn] : []),
    ...sides('zeros', 'Zeros', 'Share of weights that are exactly zero', 'end', (side) => side.zeros, share).filter(
      (_, i) => has((layer) => (layer[names[i]!]?.zeros ?? 0) > 0),
    ),
    ...sides(
      'pattern',
      'N:M',
      'Sparsest pattern that every group of weights along the inputs keeps',
      'center',
      (side) => side.pattern,
    ).filter((_, i) => has((layer) => layer[names[i]!]?.pattern !== undefined)),
  ];
}

function nameColumn(onOpen: (layer: ComparedLayer) => void): Column<ComparedLayer> {
  return {
    id: 'name',
    header: 'Layer',
    explanation: 'Name of the layer: a click opens it in the model editor',
    align: 'start',
    value: layerName,
    text: nameText,
    content: (layer) =>
      element('button', {
        class: 'link layer-link',
        text: nameText(layer),
        // The grid is one tab stop: Enter does the same.
        attributes: { type: 'button', tabindex: -1 },
        onClick: () => onOpen(layer),
      }),
    cellTitle: ({ before, after, matchedBy }) =>
      [
        ...new Set([before?.name, after?.name].filter((name) => name !== undefined)),
        ...(matchedBy === 'order'
          ? ['matched by shape and order']
          : matchedBy === 'weight'
            ? ['matched by weight']
            : []),
      ].join('\n'),
  };
}

function nameText({ before, after }: ComparedLayer): string {
  return before !== undefined && after !== undefined && before.shortName !== after.shortName
    ? `${before.shortName} → ${after.shortName}`
    : ((after ?? before)?.shortName ?? '');
}

const statusColumn: Column<ComparedLayer> = {
  id: 'status',
  header: 'Status',
  explanation: 'Whether both models have the layer, and whether it is the same in both',
  align: 'start',
  value: ({ status }) => status,
  text: ({ status }) => status,
  content: ({ status }) => element('span', { class: `status-${status}`, text: status }),
};

const outputColumn: Column<ComparedLayer> = {
  id: 'output',
  header: 'Output',
  explanation:
    "Signal-to-noise ratio of the compressed layer's output, measured by the run; errors of earlier layers included",
  align: 'end',
  value: ({ outputSqnr }) => outputSqnr,
  text: ({ outputSqnr }) => (outputSqnr === undefined ? '' : decibel(outputSqnr)),
};

const savedColumn: Column<ComparedLayer> = {
  id: 'saved',
  header: 'Size Δ',
  explanation: 'Change of the stored bytes',
  align: 'end',
  value: sizeChange,
  text: (layer) => changeText(sizeChange(layer)),
};

const names: readonly SideName[] = ['before', 'after'];

/** One column in place of the two sides where no layer of both models differs: a layer that one lacks shows the other's. */
function once(
  [before, after]: readonly Column<ComparedLayer>[],
  header: string,
  isSame: boolean,
): readonly Column<ComparedLayer>[] {
  if (!isSame) {
    return [before!, after!];
  }
  const sideOf = (layer: ComparedLayer): Column<ComparedLayer> => (layer.after === undefined ? before! : after!);
  const { content } = after!;
  return [
    {
      ...after!,
      header,
      explanation: after!.explanation.replace(/, in the second model$/, ', the same in both models'),
      value: (layer) => sideOf(layer).value(layer),
      text: (layer) => sideOf(layer).text(layer),
      ...(content === undefined ? {} : { content: (layer: ComparedLayer) => sideOf(layer).content!(layer) }),
    },
  ];
}

function sides<T extends string | number>(
  id: string,
  header: string,
  explanation: string,
  align: Column<ComparedLayer>['align'],
  value: (side: LayerSide) => T | undefined,
  text: (value: T) => string = String,
): Column<ComparedLayer>[] {
  return names.map((name) => {
    const of = (layer: ComparedLayer) => (layer[name] === undefined ? undefined : value(layer[name]));
    return {
      id: `${id}-${name}`,
      header: `${header} ${name}`,
      explanation: `${explanation}, in the ${name === 'before' ? 'first' : 'second'} model`,
      align,
      quiet: name === 'before',
      maxWidth: 180,
      value: of,
      text: (layer) => {
        const found = of(layer);
        return found === undefined ? (layer[name] === undefined ? '' : UNKNOWN) : text(found);
      },
    };
  });
}

function bitColumns(field: 'weightBits' | 'inputBits', header: string, explanation: string): Column<ComparedLayer>[] {
  return sides(field, header, explanation, 'center', (side) => side[field], bitsText).map((column, i) => ({
    ...column,
    content: (layer: ComparedLayer) => {
      const bits = layer[names[i]!]?.[field];
      return bits === undefined ? column.text(layer) : bitChip(bits);
    },
  }));
}

function sizeChange({ before, after }: ComparedLayer): number | undefined {
  return before === undefined || after === undefined || before.storedBytes === 0
    ? undefined
    : after.storedBytes / before.storedBytes - 1;
}

/** −0.83 → "−83.0 %"; nothing where nothing changed. */
export function changeText(change: number | undefined): string {
  return change === undefined ? '' : change === 0 ? '0\u00a0%' : `${change > 0 ? '+' : '−'}${share(Math.abs(change))}`;
}

export type OperatorRow = ModelComparison['operators'][number];

export const operatorColumns: readonly Column<OperatorRow>[] = [
  {
    id: 'operator',
    header: 'Operator',
    explanation: 'Operator type as in ONNX; only types whose number of nodes differs',
    align: 'start',
    value: (row) => row.operator,
    text: (row) => row.operator,
  },
  ...names.map((name): Column<OperatorRow> => ({
    id: name,
    header: name === 'before' ? 'Nodes before' : 'Nodes after',
    explanation: `Nodes of the main graph, in the ${name === 'before' ? 'first' : 'second'} model`,
    align: 'end',
    value: (row) => row[name],
    text: (row) => exact(row[name]),
  })),
  {
    id: 'change',
    header: 'Change',
    explanation: 'Nodes more or fewer',
    align: 'end',
    value: (row) => row.after - row.before,
    text: (row) => `${row.after > row.before ? '+' : ''}${exact(row.after - row.before)}`,
  },
];

export const nodeColumns: readonly Column<ComparedNode>[] = [
  {
    id: 'node',
    header: 'Node',
    explanation: 'Nodes that one model lacks or has otherwise; those that quantise are left out',
    align: 'start',
    maxWidth: 420,
    value: (row) => row.name,
    text: (row) => row.name,
  },
  {
    id: 'status',
    header: 'Status',
    explanation: 'What became of the node',
    align: 'start',
    value: (row) => row.status,
    text: (row) => row.status,
    content: (row) => element('span', { class: `status-${row.status}`, text: row.status }),
  },
  {
    id: 'operator',
    header: 'Operator',
    explanation: 'Operator type in both models',
    align: 'start',
    value: operatorText,
    text: operatorText,
  },
  {
    id: 'changes',
    header: 'Attributes',
    explanation: 'Attributes that differ',
    align: 'start',
    quiet: true,
    maxWidth: 420,
    value: (row) => (row.changes.length === 0 ? undefined : row.changes.join('; ')),
    text: (row) => row.changes.join('; '),
  },
];

function operatorText({ before, after }: ComparedNode): string {
  return before !== undefined && after !== undefined && before !== after
    ? `${before} → ${after}`
    : (after ?? before ?? '');
}
