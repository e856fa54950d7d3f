import type { AllocatedLayerView } from '../../src/protocol/job';
import type { LayerSummary } from '../../src/protocol/model';
import { bitChip } from '../charts/bitRamp';
import { element, hiddenText } from '../controls/element';
import { nameColumn, weightColumn } from '../layers/identityColumns';
import type { Column } from '../table/column';
import { numberColumn, textColumn } from '../table/columnKinds';
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

export function bitsColumns(lossUnit: string, hasReport: boolean): readonly Column<BitsRow>[] {
  const columns: Column<BitsRow>[] = [
    nameColumn(),
    weightColumn(),
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
    numberColumn(
      'size',
      'Size',
      'Nominal size of the weights: parameters × bits',
      (row) => row.allocated.sizeBits / 8,
      bytes,
    ),
    numberColumn(
      'loss',
      `Loss, ${lossUnit}`,
      `Predicted: loss the network gains with this layer alone at these widths, in ${lossUnit}`,
      (row) => row.allocated.predictedLoss,
      layerLoss,
    ),
    numberColumn(
      'sqnr',
      'SQNR',
      'Signal-to-quantisation-noise ratio of the weights at this width',
      (row) => row.weightSqnr,
      decibel,
    ),
  ];
  if (hasReport) {
    columns.push(
      numberColumn(
        'outputSqnr',
        'Output SQNR',
        "Measured: the layer's output in the exported network of the last run against the float network",
        (row) => row.outputSqnr,
        decibel,
      ),
    );
  }
  columns.push(
    textColumn('reason', 'Why', 'What decided the widths, where it was not the budget', reason, {
      quiet: true,
      maxWidth: 150,
    }),
  );
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
