import type { Fill, GraphColors } from './graphColors';
import type { Measure } from './measures';

/** Figures of all boxes under one measure, and the colours they get. */
export interface BoxFigures {
  readonly values: readonly (number | undefined)[];
  readonly least: number;
  readonly most: number;
  readonly known: number;
}

export function boxFigures(values: readonly (number | undefined)[]): BoxFigures {
  let least = Infinity;
  let most = -Infinity;
  let known = 0;
  for (const value of values) {
    if (value !== undefined) {
      least = Math.min(least, value);
      most = Math.max(most, value);
      known += 1;
    }
  }
  return { values, least, most, known };
}

/** Colour of a figure; undefined where the measure has none for the box. */
export function figureFill(
  measure: Measure,
  value: number | undefined,
  figures: BoxFigures,
  colors: GraphColors,
): Fill | undefined {
  if (value === undefined || measure.ramp === 'kind') {
    return undefined;
  }
  if (measure.ramp === 'bits') {
    return value >= 16 ? undefined : colors.bits[Math.min(8, Math.max(2, Math.round(value))) - 2];
  }
  return colors.steps[stepOf(value, figures, measure.isLogarithmic)];
}

const STEPS = 7;

/** 0 for the least to 6 for the most. Zeros and below stand at 0 on a logarithmic scale, which spans four decades at most. */
export function stepOf(value: number, { least, most }: BoxFigures, isLogarithmic: boolean): number {
  const low = isLogarithmic ? Math.max(least, most / 1e4) : least;
  if (!(most > low)) {
    return most > 0 ? STEPS - 1 : 0;
  }
  const t = isLogarithmic ? Math.log(Math.max(value, low) / low) / Math.log(most / low) : (value - low) / (most - low);
  return Math.min(STEPS - 1, Math.max(0, Math.floor(t * STEPS)));
}
