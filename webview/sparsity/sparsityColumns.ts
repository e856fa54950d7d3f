import type { LayerSummary } from '../../src/protocol/model';
import type { LayerSparsity, MaskMethod, PatternName, PatternSparsity } from '../../src/protocol/sparsity';
import { nameColumn, weightColumn } from '../layers/identityColumns';
import type { Column } from '../table/column';
import { textColumn } from '../table/columnKinds';
import { share, UNKNOWN } from '../text/numbers';
import { countText, methodNames, methodTitles, methods, patternText, powerOfTen } from './names';

/** A layer with its masks of one pattern, as far as measured. */
export interface SparsityRow {
  readonly layer: LayerSummary;
  readonly measured: LayerSparsity | undefined;
  readonly pattern: PatternSparsity | undefined;
}

/** Why a layer has no mask of the pattern; undefined while it has one or is not measured. */
export function whyNot({ layer, measured, pattern }: SparsityRow): string | undefined {
  if (!layer.sparsify.possible) {
    return layer.sparsify.reason;
  }
  return measured?.failure ?? (pattern?.eligible.possible === false ? pattern.eligible.reason : undefined);
}

function whyNotTransposable({ pattern }: SparsityRow): string | undefined {
  return pattern?.eligibleTransposable.possible === false ? pattern.eligibleTransposable.reason : undefined;
}

function limit(row: SparsityRow): string | undefined {
  const reason = whyNotTransposable(row);
  return reason === undefined ? undefined : `transposable: ${reason}`;
}

/** Every measure of a pattern as a column. Shares are of the layer's whole weight. */
export function sparsityColumns(name: PatternName): readonly Column<SparsityRow>[] {
  const pattern = patternText(name);
  return [
    nameColumn(),
    weightColumn(),
    shareColumn('zeros', 'Zeros', 'Share of weights that are exactly zero', ({ measured }) =>
      measured?.failure === undefined ? measured?.zeros : undefined,
    ),
    shareColumn(
      'forward',
      `W is ${pattern}`,
      `Share of groups of ${name.group} along the input channels that have at most ${name.keep} non-zeros as the weight is now`,
      (row) => row.pattern?.forward,
    ),
    shareColumn(
      'backward',
      `Wᵀ is ${pattern}`,
      `The same along the output channels: what the backward product needs`,
      (row) => row.pattern?.backward,
    ),
    ...methods.map((method) => retainedColumn(method, pattern)),
    shareColumn(
      'dropped',
      'Would drop',
      `Share of the non-zero weights that ${pattern} row-wise would set to zero`,
      ({ pattern: found }) => found?.masks?.dropped,
    ),
    logColumn(
      'diversityRows',
      'Masks, row-wise',
      'Mask diversity: log₁₀ of the number of row-wise masks',
      ({ pattern: found }) => found?.masks?.diversity.rows,
    ),
    logColumn(
      'diversityExact',
      'transposable',
      'Mask diversity: log₁₀ of the number of transposable masks, counted exactly',
      ({ pattern: found }) => found?.masks?.diversity.exact,
    ),
    logColumn(
      'diversityProduct',
      'product form',
      'log₁₀ of the product form M!·(M−1)!···(M−N+1)! for each tile, which counts ordered stacks of permutations: not the number of masks',
      ({ pattern: found }) => found?.masks?.diversity.product,
    ),
    textColumn(
      'why',
      'Cannot',
      `Why the layer has no ${pattern} mask, or none that serves Wᵀ`,
      (row) => whyNot(row) ?? limit(row),
      { quiet: true, maxWidth: 280 },
    ),
  ];
}

function retainedColumn(method: MaskMethod, pattern: string): Column<SparsityRow> {
  const found = (row: SparsityRow) => row.pattern?.masks?.methods[method];
  return {
    id: `kept-${method}`,
    header: method === 'rows' ? `|w| kept, ${methodNames[method]}` : methodNames[method],
    explanation: `Share of Σ|w| that ${pattern} keeps. ${methodTitles[method]}`,
    align: 'end',
    value: (row) => found(row)?.retained,
    text: (row) => shareOrUnknown(row, found(row)?.retained),
    cellTitle: (row) => {
      const mask = found(row);
      return mask === undefined
        ? (whyNot(row) ?? whyNotTransposable(row))
        : `${share(mask.density)} of the weights kept`;
    },
  };
}

function shareColumn(
  id: string,
  header: string,
  explanation: string,
  value: (row: SparsityRow) => number | undefined,
): Column<SparsityRow> {
  return {
    id,
    header,
    explanation,
    align: 'end',
    value,
    text: (row) => shareOrUnknown(row, value(row)),
    cellTitle: (row) => (value(row) === undefined ? whyNot(row) : undefined),
  };
}

function logColumn(
  id: string,
  header: string,
  explanation: string,
  value: (row: SparsityRow) => number | undefined,
): Column<SparsityRow> {
  return {
    id,
    header,
    explanation,
    align: 'end',
    quiet: true,
    value,
    text: (row) => {
      const log = value(row);
      return log === undefined ? shareOrUnknown(row, undefined) : logText(log);
    },
    cellTitle: (row) => (value(row) === undefined ? whyNot(row) : undefined),
  };
}

/** 1264.6 → "10¹²⁶⁵": layers differ by hundreds of powers of ten. */
export function logText(log10: number): string {
  return log10 >= 100 ? powerOfTen(Math.round(log10)) : countText(log10);
}

/** Empty while it may still come, a dash where it never will. */
function shareOrUnknown(row: SparsityRow, value: number | undefined): string {
  if (value !== undefined) {
    return share(value);
  }
  return whyNot(row) === undefined && row.pattern === undefined ? '' : UNKNOWN;
}
