import type { LayerStatistics } from '../../src/protocol/model';
import { Chart, figureTable, svgLine, svgText } from '../charts/chart';
import { linearScale } from '../charts/scale';
import { element, fill, svgElement, type Child } from '../controls/element';
import { exact, significant } from '../text/numbers';
import { symmetricLevels } from './levels';

const HEIGHT = 96;
const FOOT = 16;
/** Levels closer than this run into one. */
const CLOSEST_LEVELS = 3;

/** The weights as a histogram, with the levels a width would leave of them. */
export class WeightHistogram {
  readonly element = element('div');
  private readonly chart = new Chart(HEIGHT, 'Histogram of the weights');
  private readonly table = element('div', { class: 'visually-hidden' });

  constructor() {
    this.element.append(this.chart.element, this.table);
  }

  update(statistics: LayerStatistics, bits: number | undefined): void {
    const { min, max, histogram } = statistics;
    const levels = bits === undefined || bits >= 16 ? [] : symmetricLevels(min, max, bits);
    this.chart.describe(
      `Histogram of the weights from ${significant(min)} to ${significant(max)}, mean ${significant(statistics.mean)}, standard deviation ${significant(statistics.std)}`,
    );
    const step = Math.max(1, Math.ceil(histogram.length / 16));
    fill(this.table, figureTable('Histogram of the weights', ['From', 'Weights'], coarse(histogram, min, max, step)));
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
        const height = amount === 0 ? 0 : Math.max(1, (amount / most) * (bottom - 8));
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
