import type { Layer, NmPattern } from '../../analysis';
import { invariant } from '../../base/errors';
import { binomial, countTileMasks, log10BigInt, log10TileCount, logBinomial } from './tileCount';
import { weightPlanes } from './weightPlanes';

/**
 * Families of masks of equal density keep / group:
 * - `unstructured`: any weights
 * - `row-wise`: N:M along the reduction axis
 * - `sequential`: N:M with the zeros of a group side by side
 * - `row-blocks`: whole rows of a group × group tile
 * - `transposable`: N:M along both axes, counted exactly
 * - `product-form`: (M!·(M−1)!···(M−N+1)!) per tile with N = group − keep, by which Hubara et al. (2021) count transposable
 *   masks. It counts ordered stacks of permutations, so it is exact for N = 1 only, and no bound either way.
 */
export type DiversityFamily =
  'unstructured' | 'row-wise' | 'sequential' | 'row-blocks' | 'transposable' | 'product-form';

/** Masks of a unit (a group, or a tile of group² weights) that others multiply with independently. */
function unitCount(family: Exclude<DiversityFamily, 'unstructured'>, { keep, group }: NmPattern): bigint | undefined {
  switch (family) {
    case 'row-wise':
    case 'row-blocks':
      return binomial(group, keep);
    case 'sequential':
      return BigInt(keep + 1);
    case 'transposable':
      return countTileMasks(group, group, keep);
    case 'product-form':
      return productForm(keep, group);
  }
}

function unitSize(family: Exclude<DiversityFamily, 'unstructured'>, group: number): number {
  return family === 'row-wise' || family === 'sequential' ? group : group * group;
}

function productForm(keep: number, group: number): bigint {
  let product = 1n;
  for (let n = group; n > keep; n--) {
    for (let i = 2; i <= n; i++) {
      product *= BigInt(i);
    }
  }
  return product;
}

/**
 * Number of distinct masks on `weights` weights, a whole multiple of the family's unit. Exact, so only for small tensors.
 * Undefined for transposable tiles too large to count.
 */
export function maskDiversity(family: DiversityFamily, pattern: NmPattern, weights: number): bigint | undefined {
  if (family === 'unstructured') {
    return binomial(weights, Math.round((weights * pattern.keep) / pattern.group));
  }
  const units = weights / unitSize(family, pattern.group);
  invariant(Number.isInteger(units), `${weights} weights are no whole number of ${family} units`);
  const count = unitCount(family, pattern);
  return count === undefined ? undefined : count ** BigInt(units);
}

/**
 * log10 of {@link maskDiversity} for any size; units that do not divide count in part. Transposable tiles beyond exact
 * counting use the estimate of `log10TileCount`.
 */
export function log10MaskDiversity(family: DiversityFamily, pattern: NmPattern, weights: number): number {
  const { keep, group } = pattern;
  if (family === 'unstructured') {
    return logBinomial(weights, Math.round((weights * keep) / group)) / Math.LN10;
  }
  const count = unitCount(family, pattern);
  const log10 = count === undefined ? log10TileCount(group, group, keep).log10 : log10BigInt(count);
  return (log10 * weights) / unitSize(family, group);
}

/** How many masks a layer's weight admits. Exact counts are decimal strings, so that they survive JSON. */
export interface LayerDiversity {
  /** Of one whole group × group tile. */
  readonly tile: {
    readonly unstructured: string;
    readonly rowWise: string;
    /** Undefined beyond exact counting (about 16 × 16 at half density). */
    readonly transposable: string | undefined;
    readonly productForm: string;
  };
  /** log10 for the layer's real size, shorter groups and tiles at its edges counted as they are. */
  readonly log10: {
    readonly unstructured: number;
    readonly rowWise: number;
    readonly transposable: number;
    /** Whole and partial tiles alike, as the formula has it: tile count ^ (weights / group²). */
    readonly productForm: number;
  };
  /** Whether log10.transposable rests on exact counts alone. */
  readonly exact: boolean;
}

/** Mask diversity of a layer. A shorter tile at an edge counts its masks of the most cells; reads no weights. */
export function layerDiversity(layer: Layer, pattern: NmPattern): LayerDiversity {
  const { keep, group } = pattern;
  const { planes, layout } = weightPlanes(layer);
  const weights = layout.rows * layout.columns;
  const { rows, columns } = planes[0] ?? { rows: 0, columns: 0 };
  let rowWise = 0;
  let transposable = 0;
  let exact = true;
  for (const { length: width, count: across } of cuts(columns, group)) {
    rowWise += rows * across * log10BigInt(binomial(width, Math.min(width, keep)));
    for (const { length: height, count: down } of cuts(rows, group)) {
      const tile = log10TileCount(height, width, keep);
      transposable += across * down * tile.log10;
      exact &&= tile.exact;
    }
  }
  const size = group * group;
  return {
    tile: {
      unstructured: String(maskDiversity('unstructured', pattern, size)),
      rowWise: String(maskDiversity('row-wise', pattern, size)),
      transposable: countTileMasks(group, group, keep)?.toString(),
      productForm: String(maskDiversity('product-form', pattern, size)),
    },
    log10: {
      unstructured: log10MaskDiversity('unstructured', pattern, weights),
      rowWise: rowWise * planes.length,
      transposable: transposable * planes.length,
      productForm: log10MaskDiversity('product-form', pattern, weights),
    },
    exact,
  };
}

/** An axis cut into groups: the whole ones, and the shorter one at the end. */
function cuts(length: number, group: number): { readonly length: number; readonly count: number }[] {
  const tail = length % group;
  return [
    { length: group, count: Math.floor(length / group) },
    { length: tail, count: tail > 0 ? 1 : 0 },
  ].filter(({ count }) => count > 0);
}
