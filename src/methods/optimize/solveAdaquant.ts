import { dotProduct } from '../../kernels';
import { adaquantRows, type AdaquantRates } from './adaquantRows';
import type { GridSearch } from './gridSearch';
import type { RowSet, SetSolution } from './rowSet';
import { usable } from './solveGram';

/**
 * The authors' rates, made relative to the step of the grid: on the layers they were chosen for, weights moved by some
 * 3 · 10⁻⁴ of a step and ranges by 2.5 · 10⁻³ of themselves at a time.
 */
const WEIGHT_RATE = 3e-4;
const SCALE_RATE = 2.5e-3;
/** As the authors have them. */
const LITERAL_WEIGHT_RATE = 1e-5;
const LITERAL_RANGE_RATE = 1e-3;

export interface AdaquantOptions {
  readonly bits: number;
  readonly symmetric: boolean;
  readonly iterations: number;
  readonly rates: 'scaled' | 'literal';
}

/**
 * AdaQuant in quadratic form from the min-max range, as the authors start. Where the moments are centred the bias is at its
 * best in every step and needs no rate of its own.
 */
export function solveAdaquant(set: RowSet, search: GridSearch, options: AdaquantOptions): SetSolution {
  const { size, count, problems, c, centre, mask } = set;
  const { scale, zeroPoint, low, high } = search.at(1);
  const levels = high - low;
  const literal = options.rates === 'literal';
  const rangeRate = options.symmetric ? LITERAL_RANGE_RATE / levels : LITERAL_RANGE_RATE;
  const rates: AdaquantRates = {
    weight: literal ? LITERAL_WEIGHT_RATE : WEIGHT_RATE * scale,
    bias: 0,
    scale: literal ? rangeRate : SCALE_RATE * scale * (options.symmetric ? 1 : levels),
  };
  const powers = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    powers[row] = dotProduct(c, row * size, centre, row * size, size);
  }
  const result = adaquantRows(
    {
      size,
      ld: size,
      count,
      grams: problems.map(({ gram }) => gram),
      c,
      powers,
      weights: centre.slice(),
      biases: new Float64Array(count),
      mask,
      layerRows: count,
    },
    { symmetric: options.symmetric, levels, scale, minimum: -scale * zeroPoint },
    rates,
    options.iterations,
  );
  const z = result.zeroPoint;
  return {
    grid: {
      scale: usable(result.scale),
      zeroPoint: z,
      low: options.symmetric ? low : -z,
      high: options.symmetric ? high : levels - z,
    },
    steps: result.steps,
  };
}
