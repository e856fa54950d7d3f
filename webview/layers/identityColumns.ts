import type { LayerSummary } from '../../src/protocol/model';
import type { Column } from '../table/column';
import { textColumn } from '../table/columnKinds';

interface LayerRow {
  readonly layer: LayerSummary;
}

export function nameColumn<Row extends LayerRow>(explanation = 'Name of the layer'): Column<Row> {
  return textColumn('name', 'Layer', explanation, (row) => row.layer.shortName, {
    cellTitle: (row) => row.layer.name,
  });
}

/** Operator and weight in one word: "Conv 64×64×3×3". */
export function weightText(layer: LayerSummary): string {
  return `${layer.operator} ${layer.weightShape.join('×')}`;
}

export function weightColumn<Row extends LayerRow>(): Column<Row> {
  return textColumn('weight', 'Weight', 'Operator and shape of the weight', (row) => weightText(row.layer), {
    quiet: true,
  });
}
