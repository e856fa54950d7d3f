import type { MeasurementsView } from '../../src/protocol/job';
import { bitChip } from '../charts/bitRamp';
import type { Column } from '../table/column';
import { numberColumn, textColumn } from '../table/columnKinds';
import { UNKNOWN, bitsText, bytes, compact, decibel, exact, layerLoss, share } from '../text/numbers';
import { refusals, type LayerRow } from './layerRow';
import { nameColumn } from './identityColumns';

/** The N:M patterns of the statistics, in their order. */
export const patterns = [
  [1, 2],
  [2, 4],
  [4, 8],
  [8, 16],
  [1, 4],
] as const;

/**
 * Columns a first look does without; the chooser brings them back. Of the sensitivities, those at the widest activations
 * say most about the weights.
 */
export function isHiddenByDefault(id: string, widestActivation: number): boolean {
  const lossColumn = /^loss-\d+-(\d+)$/.exec(id);
  if (lossColumn !== null) {
    return Number(lossColumn[1]) !== widestActivation;
  }
  return (
    ['kind', 'type', 'output', 'nm-1-2', 'nm-8-16', 'nm-1-4', 'std', 'range', 'quantizedSize', 'predicted'].includes(
      id,
    ) || id.startsWith('sqnr-')
  );
}

/** Every measure as a column; those of the widths come from what was measured. */
export function layerColumns(measurements: MeasurementsView | undefined): readonly Column<LayerRow>[] {
  return [
    ...identityColumns(),
    ...allocationColumns(measurements?.lossUnit ?? 'nats'),
    ...statisticsColumns(),
    ...patterns.map(([keep, group]) => patternColumn(keep, group)),
    ...(measurements === undefined ? [] : measuredColumns(measurements)),
    textColumn('notes', 'Cannot', 'What cannot be done to the layer, and why', (row) => refusalText(row) || undefined, {
      quiet: true,
      maxWidth: 240,
    }),
  ];
}

function identityColumns(): readonly Column<LayerRow>[] {
  const quiet = { quiet: true };
  return [
    nameColumn('Name of the layer: what recipes and locks say is in the tooltip'),
    textColumn('kind', 'Operator', 'Operator type as in ONNX', (row) => row.layer.operator, quiet),
    textColumn('operator', 'Kind', 'Operator with kernel, stride and groups', (row) => row.layer.description, quiet),
    textColumn(
      'weight',
      'Weight',
      'Shape of the weight as the layer sees it',
      (row) => row.layer.weightShape.join('×'),
      quiet,
    ),
    textColumn('type', 'Type', 'Element type of the stored weight', (row) => row.layer.weightType, quiet),
    textColumn('output', 'Output', 'Shape of the output', (row) => row.layer.outputShape, quiet),
    numberColumn(
      'parameters',
      'Parameters',
      'Elements of the weight; a shared weight is counted by each of its layers',
      (row) => row.layer.parameters,
      exact,
    ),
    numberColumn('macs', 'MACs', 'Multiply-accumulates for one sample', (row) => row.layer.macs, compact),
    numberColumn('size', 'Size', 'Bytes of the weight as stored', (row) => row.layer.storedBytes, bytes),
  ];
}

function statisticsColumns(): readonly Column<LayerRow>[] {
  const threeDigits = (value: number): string => value.toPrecision(3);
  return [
    numberColumn(
      'zeros',
      'Zeros',
      'Share of weights that are exactly zero',
      (row) => row.statistics?.zeros,
      (zeros) => share(zeros),
    ),
    numberColumn('range', 'Largest |w|', 'Largest magnitude of a weight', magnitude, threeDigits),
    numberColumn('std', 'Std', 'Standard deviation of the weights', (row) => row.statistics?.std, threeDigits),
  ];
}

function patternColumn(keep: number, group: number): Column<LayerRow> {
  const found = (row: LayerRow) => row.statistics?.nm.find((entry) => entry.keep === keep && entry.group === group);
  return {
    id: `nm-${keep}-${group}`,
    header: `${keep}:${group}`,
    explanation: `Share of groups of ${group} weights along the reduction axis with at most ${keep} non-zeros`,
    align: 'end',
    value: (row) => {
      const entry = found(row);
      return entry?.eligible === true ? entry.compliance : undefined;
    },
    text: (row) => {
      const entry = found(row);
      return entry === undefined ? '' : entry.eligible ? share(entry.compliance) : UNKNOWN;
    },
    cellTitle: (row) => found(row)?.reason,
  };
}

function measuredColumns(measurements: MeasurementsView): readonly Column<LayerRow>[] {
  const pairs = new Map<string, { readonly weightBits: number; readonly activationBits: number }>();
  const widths = new Set<number>();
  for (const layer of measurements.layers) {
    for (const { weightBits, activationBits } of layer.candidates) {
      pairs.set(`${weightBits}-${activationBits}`, { weightBits, activationBits });
      widths.add(weightBits);
    }
  }
  const ordered = [...pairs.values()].sort(
    (a, b) => a.weightBits - b.weightBits || a.activationBits - b.activationBits,
  );
  const lossColumns = ordered.map(({ weightBits, activationBits }) =>
    numberColumn<LayerRow>(
      `loss-${weightBits}-${activationBits}`,
      `Loss ${bitsText(weightBits)}/${bitsText(activationBits)}`,
      `Sensitivity: loss in ${measurements.lossUnit} the network gains with this layer alone at ${bitsText(weightBits)} bit weights and ${bitsText(activationBits)} bit activations`,
      (row) =>
        row.measurement?.candidates.find(
          (candidate) => candidate.weightBits === weightBits && candidate.activationBits === activationBits,
        )?.loss,
      layerLoss,
    ),
  );
  const sqnrColumns = [...widths]
    .sort((a, b) => a - b)
    .map((bits) =>
      numberColumn<LayerRow>(
        `sqnr-${bits}`,
        `SQNR ${bitsText(bits)}`,
        `Signal-to-quantisation-noise ratio of the weights at ${bitsText(bits)} bits`,
        (row) => row.measurement?.candidates.find((candidate) => candidate.weightBits === bits)?.weightSqnr,
        decibel,
      ),
    );
  return [...lossColumns, ...sqnrColumns];
}

function allocationColumns(lossUnit: string): readonly Column<LayerRow>[] {
  return [
    widthColumn('weightBits', 'W', 'Bits of the weights in the present allocation', (row) => row.allocated?.weightBits),
    widthColumn(
      'activationBits',
      'A',
      'Bits of the input activations in the present allocation',
      (row) => row.allocated?.activationBits,
    ),
    numberColumn(
      'quantizedSize',
      'Quantised',
      'Nominal size of the weights in the present allocation: parameters × bits',
      (row) => (row.allocated === undefined ? undefined : row.allocated.sizeBits / 8),
      bytes,
    ),
    numberColumn(
      'predicted',
      'Predicted loss',
      `Predicted loss of the layer in the present allocation, in ${lossUnit}`,
      (row) => row.allocated?.predictedLoss,
      layerLoss,
    ),
  ];
}

function widthColumn(
  id: string,
  header: string,
  explanation: string,
  bits: (row: LayerRow) => number | undefined,
): Column<LayerRow> {
  const content = (row: LayerRow) => {
    const known = bits(row);
    return known === undefined ? undefined : bitChip(known);
  };
  return numberColumn(id, header, explanation, bits, bitsText, { align: 'center', content });
}

function magnitude(row: LayerRow): number | undefined {
  return row.statistics === undefined
    ? undefined
    : Math.max(Math.abs(row.statistics.min), Math.abs(row.statistics.max));
}

function refusalText(row: LayerRow): string {
  return refusals(row.layer)
    .map(({ what, reason }) => `${what}: ${reason}`)
    .join(' · ');
}
