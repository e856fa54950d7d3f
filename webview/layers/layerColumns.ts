import type { MeasurementsView } from '../../src/protocol/job';
import { bitChip } from '../charts/bitRamp';
import type { Column } from '../table/column';
import { UNKNOWN, bitsText, bytes, compact, decibel, exact, layerLoss, share } from '../text/numbers';
import { refusals, type LayerRow } from './layerRow';

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
    {
      id: 'notes',
      header: 'Cannot',
      explanation: 'What cannot be done to the layer, and why',
      align: 'start',
      quiet: true,
      maxWidth: 240,
      value: (row) => refusalText(row) || undefined,
      text: (row) => refusalText(row),
    },
  ];
}

function identityColumns(): readonly Column<LayerRow>[] {
  return [
    {
      id: 'name',
      header: 'Layer',
      explanation: 'Name of the layer: what recipes and locks say is in the tooltip',
      align: 'start',
      value: (row) => row.layer.shortName,
      text: (row) => row.layer.shortName,
      cellTitle: (row) => row.layer.name,
    },
    {
      id: 'kind',
      header: 'Operator',
      explanation: 'Operator type as in ONNX',
      align: 'start',
      quiet: true,
      value: (row) => row.layer.operator,
      text: (row) => row.layer.operator,
    },
    {
      id: 'operator',
      header: 'Kind',
      explanation: 'Operator with kernel, stride and groups',
      align: 'start',
      quiet: true,
      value: (row) => row.layer.description,
      text: (row) => row.layer.description,
    },
    {
      id: 'weight',
      header: 'Weight',
      explanation: 'Shape of the weight as the layer sees it',
      align: 'start',
      quiet: true,
      value: (row) => row.layer.weightShape.join('×'),
      text: (row) => row.layer.weightShape.join('×'),
    },
    {
      id: 'type',
      header: 'Type',
      explanation: 'Element type of the stored weight',
      align: 'start',
      quiet: true,
      value: (row) => row.layer.weightType,
      text: (row) => row.layer.weightType,
    },
    {
      id: 'output',
      header: 'Output',
      explanation: 'Shape of the output',
      align: 'start',
      quiet: true,
      value: (row) => row.layer.outputShape,
      text: (row) => row.layer.outputShape,
    },
    {
      id: 'parameters',
      header: 'Parameters',
      explanation: 'Elements of the weight; a shared weight is counted by each of its layers',
      align: 'end',
      value: (row) => row.layer.parameters,
      text: (row) => exact(row.layer.parameters),
    },
    {
      id: 'macs',
      header: 'MACs',
      explanation: 'Multiply-accumulates for one sample',
      align: 'end',
      value: (row) => row.layer.macs,
      text: (row) => (row.layer.macs === undefined ? '' : compact(row.layer.macs)),
    },
    {
      id: 'size',
      header: 'Size',
      explanation: 'Bytes of the weight as stored',
      align: 'end',
      value: (row) => row.layer.storedBytes,
      text: (row) => bytes(row.layer.storedBytes),
    },
  ];
}

function statisticsColumns(): readonly Column<LayerRow>[] {
  return [
    {
      id: 'zeros',
      header: 'Zeros',
      explanation: 'Share of weights that are exactly zero',
      align: 'end',
      value: (row) => row.statistics?.zeros,
      text: (row) => (row.statistics === undefined ? '' : share(row.statistics.zeros)),
    },
    {
      id: 'range',
      header: 'Largest |w|',
      explanation: 'Largest magnitude of a weight',
      align: 'end',
      value: (row) => magnitude(row),
      text: (row) => magnitude(row)?.toPrecision(3) ?? '',
    },
    {
      id: 'std',
      header: 'Std',
      explanation: 'Standard deviation of the weights',
      align: 'end',
      value: (row) => row.statistics?.std,
      text: (row) => row.statistics?.std.toPrecision(3) ?? '',
    },
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
  const lossColumns = ordered.map(({ weightBits, activationBits }): Column<LayerRow> => {
    const found = (row: LayerRow) =>
      row.measurement?.candidates.find(
        (candidate) => candidate.weightBits === weightBits && candidate.activationBits === activationBits,
      );
    return {
      id: `loss-${weightBits}-${activationBits}`,
      header: `Loss ${bitsText(weightBits)}/${bitsText(activationBits)}`,
      explanation: `Sensitivity: loss in ${measurements.lossUnit} the network gains with this layer alone at ${bitsText(weightBits)} bit weights and ${bitsText(activationBits)} bit activations`,
      align: 'end',
      value: (row) => found(row)?.loss,
      text: (row) => {
        const candidate = found(row);
        return candidate === undefined ? '' : layerLoss(candidate.loss);
      },
    };
  });
  const sqnrColumns = [...widths]
    .sort((a, b) => a - b)
    .map((bits): Column<LayerRow> => {
      const found = (row: LayerRow) =>
        row.measurement?.candidates.find((candidate) => candidate.weightBits === bits)?.weightSqnr;
      return {
        id: `sqnr-${bits}`,
        header: `SQNR ${bitsText(bits)}`,
        explanation: `Signal-to-quantisation-noise ratio of the weights at ${bitsText(bits)} bits`,
        align: 'end',
        value: found,
        text: (row) => {
          const value = found(row);
          return value === undefined ? '' : decibel(value);
        },
      };
    });
  return [...lossColumns, ...sqnrColumns];
}

function allocationColumns(lossUnit: string): readonly Column<LayerRow>[] {
  return [
    {
      id: 'weightBits',
      header: 'W',
      explanation: 'Bits of the weights in the present allocation',
      align: 'center',
      value: (row) => row.allocated?.weightBits,
      text: (row) => (row.allocated === undefined ? '' : bitsText(row.allocated.weightBits)),
      content: (row) => (row.allocated === undefined ? undefined : bitChip(row.allocated.weightBits)),
    },
    {
      id: 'activationBits',
      header: 'A',
      explanation: 'Bits of the input activations in the present allocation',
      align: 'center',
      value: (row) => row.allocated?.activationBits,
      text: (row) => (row.allocated === undefined ? '' : bitsText(row.allocated.activationBits)),
      content: (row) => (row.allocated === undefined ? undefined : bitChip(row.allocated.activationBits)),
    },
    {
      id: 'quantizedSize',
      header: 'Quantised',
      explanation: 'Nominal size of the weights in the present allocation: parameters × bits',
      align: 'end',
      value: (row) => (row.allocated === undefined ? undefined : row.allocated.sizeBits / 8),
      text: (row) => (row.allocated === undefined ? '' : bytes(row.allocated.sizeBits / 8)),
    },
    {
      id: 'predicted',
      header: 'Predicted loss',
      explanation: `Predicted loss of the layer in the present allocation, in ${lossUnit}`,
      align: 'end',
      value: (row) => row.allocated?.predictedLoss,
      text: (row) => (row.allocated === undefined ? '' : layerLoss(row.allocated.predictedLoss)),
    },
  ];
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
