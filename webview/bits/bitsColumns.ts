import type { AllocatedLayerView } from '../../src/protocol/job';
import type { LayerSummary } from '../../src/protocol/model';
import { bitChip } from '../charts/bitRamp';
import { element, hiddenText } from '../controls/element';
import type { Column } from '../table/column';
import { bitsText, bytes, decibel, layerLoss } from '../text/numbers';

export interface BitsRow {
  readonly layer: LayerSummary;
  readonly allocated: AllocatedLayerView;
  /** `none`: left to the allocation. */
  readonly pin: 'none' | 'recipe' | 'unwritten';
  /** Of the weight at the chosen width, in dB. */
  readonly weightSqnr: number | undefined;
  /** Of the layer's output in the network that was built, in dB. */
  readonly outputSqnr: number | undefined;
}

/** Operator and weight in one word: "Conv 64×64×3×3". */
export function weightText(layer: LayerSummary): string {
  return `${layer.operator} ${layer.weightShape.join('×')}`;
}

export function bitsColumns(lossUnit: string, hasReport: boolean): readonly Column<BitsRow>[] {
  const columns: Column<BitsRow>[] = [
    {
      id: 'name',
      header: 'Layer',
      explanation: 'Name of the layer',
      align: 'start',
      value: (row) => row.layer.shortName,
      text: (row) => row.layer.shortName,
      cellTitle: (row) => row.layer.name,
    },
    {
      id: 'weight',
      header: 'Weight',
      explanation: 'Operator and shape of the weight',
      align: 'start',
      quiet: true,
      value: (row) => weightText(row.layer),
      text: (row) => weightText(row.layer),
    },
    {
      id: 'weightBits',
      header: 'W',
      explanation: 'Bits of the weights',
      align: 'center',
      value: (row) => row.allocated.weightBits,
      text: (row) => `${bitsText(row.allocated.weightBits)} ⚲`,
      content: (row) => element('span', {}, bitChip(row.allocated.weightBits), pinMark(row)),
      cellTitle: (row) => pinText(row),
    },
    {
      id: 'activationBits',
      header: 'A',
      explanation: 'Bits of the input activations',
      align: 'center',
      value: (row) => row.allocated.activationBits,
      text: (row) => bitsText(row.allocated.activationBits),
      content: (row) => bitChip(row.allocated.activationBits),
    },
    {
      id: 'size',
      header: 'Size',
      explanation: 'Nominal size of the weights: parameters × bits',
      align: 'end',
      value: (row) => row.allocated.sizeBits / 8,
      text: (row) => bytes(row.allocated.sizeBits / 8),
    },
    {
      id: 'loss',
      header: `Loss, ${lossUnit}`,
      explanation: `Predicted: loss the network gains with this layer alone at these widths, in ${lossUnit}`,
      align: 'end',
      value: (row) => row.allocated.predictedLoss,
      text: (row) => layerLoss(row.allocated.predictedLoss),
    },
    {
      id: 'sqnr',
      header: 'SQNR',
      explanation: 'Signal-to-quantisation-noise ratio of the weights at this width',
      align: 'end',
      value: (row) => row.weightSqnr,
      text: (row) => (row.weightSqnr === undefined ? '' : decibel(row.weightSqnr)),
    },
  ];
  if (hasReport) {
    columns.push({
      id: 'outputSqnr',
      header: 'Output SQNR',
      explanation: "Measured: the layer's output in the exported network of the last run against the float network",
      align: 'end',
      value: (row) => row.outputSqnr,
      text: (row) => (row.outputSqnr === undefined ? '' : decibel(row.outputSqnr)),
    });
  }
  columns.push({
    id: 'reason',
    header: 'Why',
    explanation: 'What decided the widths, where it was not the budget',
    align: 'start',
    quiet: true,
    value: (row) => reason(row),
    text: (row) => reason(row) ?? '',
    maxWidth: 150,
  });
  return columns;
}

function reason(row: BitsRow): string | undefined {
  return row.pin === 'unwritten'
    ? 'pinned here'
    : (row.allocated.reason ?? (row.pin === 'recipe' ? 'pinned' : undefined));
}

function pinText(row: BitsRow): string | undefined {
  return row.pin === 'unwritten' ? 'Pinned, not written to the recipe' : row.pin === 'recipe' ? 'Pinned' : undefined;
}

function pinMark(row: BitsRow): HTMLElement | undefined {
  if (row.pin === 'none') {
    return undefined;
  }
  return element(
    'span',
    { class: 'pin-mark' },
    element('span', { text: row.pin === 'unwritten' ? '○' : '●', attributes: { 'aria-hidden': 'true' } }),
    hiddenText(row.pin === 'unwritten' ? ' pinned, not written' : ' pinned'),
  );
}
