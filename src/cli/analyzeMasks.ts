import type { NmPattern, Verdict } from '../analysis';
import type { AnalyzeResult } from '../job/jobTypes';
import { formatPercent, groupDigits } from '../job/report/formatNumbers';
import type { LayerMasks } from '../job/sparsity/measureMasks';
import type { MaskMeasure } from '../methods';
import type { AnalyzeOutput } from './outputSchemas';
import { formatTable } from './table';
import { printable, type Style } from './terminal';

/** Shown where the recipe names no pattern. */
const USUAL: NmPattern = { keep: 2, group: 4 };

export function masksOutput(layer: LayerMasks): AnalyzeOutput['masks'][number] {
  if ('failure' in layer) {
    return { name: layer.name, failure: layer.failure, zeros: null, patterns: [] };
  }
  return {
    name: layer.name,
    failure: null,
    zeros: layer.zeros,
    patterns: layer.patterns.map((measure) => ({
      keep: measure.pattern.keep,
      group: measure.pattern.group,
      eligible: verdictOutput(measure.eligible),
      eligibleTransposable: verdictOutput(measure.eligibleTransposable),
      forward: { ...measure.forward },
      backward: { ...measure.backward },
      expectedCompliance: measure.expectedCompliance,
      expectedDropShare: measure.expectedDropShare,
      rowWise: maskOutput(measure.rowWise),
      transposable: maskOutput(measure.transposable),
      greedy: maskOutput(measure.greedy),
      intersection: maskOutput(measure.intersection),
      diversity: {
        rowWise: measure.diversity.log10.rowWise,
        transposable: measure.diversity.log10.transposable,
        transposableIsExact: measure.diversity.exact,
        productForm: measure.diversity.log10.productForm,
        unstructured: measure.diversity.log10.unstructured,
      },
    })),
  };
}

function maskOutput({ retainedMagnitude, density, dropped, droppedShare }: MaskMeasure) {
  return { retainedMagnitude, density, dropped, droppedShare };
}

function verdictOutput(verdict: Verdict): AnalyzeOutput['masks'][number]['patterns'][number]['eligible'] {
  return verdict.possible ? { possible: true } : { possible: false, reason: verdict.reason };
}

/** A table of the first pattern the recipe names, or of 2:4. All patterns are in the JSON. */
export function masksText(result: AnalyzeResult, style: Style, width: number): string {
  const shortNames = new Map(result.layers.map((layer) => [layer.name, layer.shortName]));
  const measured = (result.masks?.layers ?? []).flatMap((layer) => ('patterns' in layer ? [layer] : []));
  const shown = result.masks?.asked[0] ?? USUAL;
  const rows: string[][] = [];
  const refused: string[] = [];
  for (const { name, zeros, patterns } of measured) {
    const found = patterns.find(({ pattern }) => pattern.keep === shown.keep && pattern.group === shown.group);
    const title = shortNames.get(name) ?? printable(name);
    if (found?.eligible.possible === false) {
      refused.push(`No ${shown.keep}:${shown.group} for ${title}: ${printable(found.eligible.reason)}.\n`);
    } else if (found !== undefined) {
      const { log10 } = found.diversity;
      rows.push([
        title,
        formatPercent(zeros),
        formatPercent(found.forward.compliance),
        formatPercent(found.backward.compliance),
        formatPercent(found.rowWise.droppedShare),
        formatPercent(found.rowWise.retainedMagnitude),
        found.eligibleTransposable.possible ? formatPercent(found.transposable.retainedMagnitude) : '–',
        ...[log10.rowWise, log10.transposable, log10.productForm].map((value) => groupDigits(Math.round(value))),
      ]);
    }
  }
  if (rows.length === 0) {
    return refused.join('');
  }
  const titles = ['Zeros', 'Complies', 'Wᵀ', 'Drops', 'Keeps', 'Keeps T', 'Masks', 'Masks T', 'Product'];
  const table = formatTable(
    [{ title: 'Layer', max: 36 }, ...titles.map((title) => ({ title, align: 'right' as const }))],
    rows,
    { width, paint: style.dim },
  );
  return (
    `\nMasks of ${shown.keep}:${shown.group} by magnitude, nothing fitted:\n\n${table}\n` +
    'Complies: groups that hold the pattern as they are, along inputs and (Wᵀ) outputs. Drops: non-zeros that would go.\n' +
    'Keeps: share of the magnitude. T: along both axes. Masks: log₁₀ of how many there are; Product: by the product form.\n' +
    refused.join('')
  );
}
