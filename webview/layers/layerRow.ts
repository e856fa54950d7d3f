import type { AllocatedLayerView, LayerMeasurementView } from '../../src/protocol/job';
import type { LayerStatistics, LayerSummary } from '../../src/protocol/model';

/** A layer with everything known of it. */
export interface LayerRow {
  readonly layer: LayerSummary;
  readonly statistics: LayerStatistics | undefined;
  readonly measurement: LayerMeasurementView | undefined;
  readonly allocated: AllocatedLayerView | undefined;
}

/** What cannot be done to a layer, in sentences. */
export function refusals(layer: LayerSummary): readonly { readonly what: string; readonly reason: string }[] {
  const verdicts = [
    { what: 'weights stay float', verdict: layer.quantizeWeights },
    { what: 'activations stay float', verdict: layer.quantizeActivations },
    { what: 'no sparsity', verdict: layer.sparsify },
  ];
  return verdicts.flatMap(({ what, verdict }) => (verdict.possible ? [] : [{ what, reason: verdict.reason }]));
}

/** Words in any order; each must occur in a name, the operator or the description. `*` stands for anything. */
export function filterRows(rows: readonly LayerRow[], filter: string): readonly LayerRow[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) {
    return rows;
  }
  const patterns = words.map((word) => {
    const parts = word.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(parts.join('.*'));
  });
  return rows.filter(({ layer }) => {
    const text =
      `${layer.name} ${layer.shortName} ${layer.operator} ${layer.description} ${layer.weightName}`.toLowerCase();
    return patterns.every((pattern) => pattern.test(text));
  });
}
