import { Chart, figureTable, svgLine, svgText } from '../charts/chart';
import { linearScale } from '../charts/scale';
import { element, fill, svgElement, type Child } from '../controls/element';
import { exact, significant } from '../text/numbers';

const HEIGHT = 96;
const FOOT = 16;
/** Levels closer than this run into one. */
const CLOSEST_LEVELS = 3;

export interface HistogramInput {
  readonly min: number;
  readonly max: number;
  /** Counts over equal bins from min to max. */
  readonly histogram: readonly number[];
  /** What a width would leave of the values. */
  readonly levels: readonly number[];
  /** Least and greatest extent of several grids, when there is not one to draw. */
  readonly extents?: { readonly narrowest: number; readonly widest: number };
  /** Sentence of figures that follows the range in the picture's label. */
  readonly figures: string;
}

/** Values as a histogram, with the levels of a grid drawn on it. */
export class ValueHistogram {
  readonly element = element('div');
  private readonly chart: Chart;
  private readonly table = element('div', { class: 'visually-hidden' });

  /** `what`: "weights", "inputs". */
  constructor(private readonly what: string) {
    this.chart = new Chart(HEIGHT, `Histogram of the ${what}`);
    this.element.append(this.chart.element, this.table);
  }

  update({ min, max, histogram, levels, figures, extents }: HistogramInput): void {
    const { what } = this;
    this.chart.describe(`Histogram of the ${what} from ${significant(min)} to ${significant(max)}, ${figures}`);
    const step = Math.max(1, Math.ceil(histogram.length / 16));
    fill(
      this.table,
      figureTable(`Histogram of the ${what}`, ['From', `Number of ${what}`], coarse(histogram, min, max, step)),
    );
    this.chart.draw((width) => {
      const x = linearScale([min, max], [0, width]);
      const most = Math.max(1, ...histogram);
      const bottom = HEIGHT - FOOT;
      const bin = width / Math.max(1, histogram.length);
      const parts: Child[] = [];
      if (levels.length > 1 && x.at(levels[1]!) - x.at(levels[0]!) >= CLOSEST_LEVELS) {
        for (const level of levels) {
          const at = Math.round(Math.min(x.at(level), width - 1)) + 0.5;
          parts.push(svgLine(at, 0, at, bottom, 'quantisation-level'));
        }
      }
      histogram.forEach((amount, index) => {
        const height = amount === 0 ? 0 : Math.max(1, (amount / most) * (bottom - 10));
        parts.push(
          svgElement('rect', {
            x: index * bin,
            y: bottom - height,
            width: Math.max(0.5, bin - 0.75),
            height,
            class: 'histogram-bar',
            opacity: 0.85,
          }),
        );
      });
      if (extents !== undefined) {
        for (const [reach, at] of [
          [extents.widest, 2.5],
          [extents.narrowest, 6.5],
        ] as const) {
          const [left, right] = [-reach, reach].map((end) => Math.min(Math.max(x.at(end), 0.5), width - 0.5));
          parts.push(
            svgElement('path', {
              d: `M${left},${at - 2}v4M${left},${at}H${right}M${right},${at - 2}v4`,
              class: 'grid-extent',
            }),
          );
        }
      }
      parts.push(svgLine(0, bottom + 0.5, width, bottom + 0.5, 'axis'));
      parts.push(svgText(significant(min), 0, HEIGHT - 3));
      if (min < 0 && max > 0 && x.at(0) > 60 && x.at(0) < width - 60) {
        parts.push(svgText('0', x.at(0), HEIGHT - 3, { anchor: 'middle' }));
      }
      parts.push(svgText(significant(max), width, HEIGHT - 3, { anchor: 'end' }));
      fill(this.chart.svg, ...parts);
    });
  }
}

function coarse(histogram: readonly number[], min: number, max: number, step: number): string[][] {
  const bin = (max - min) / Math.max(1, histogram.length);
  const rows: string[][] = [];
  for (let index = 0; index < histogram.length; index += step) {
    const sum = histogram.slice(index, index + step).reduce((all, amount) => all + amount, 0);
    rows.push([significant(min + index * bin), exact(sum)]);
  }
  return rows;
}
