import type { LayerMeasurementView } from '../../src/protocol/job';
import { Chart, figureTable, pathThrough, svgLine, svgText } from '../charts/chart';
import { linearScale, logScale, powerTicks } from '../charts/scale';
import { element, fill, svgElement, type Child } from '../controls/element';
import { significant } from '../text/numbers';

const HEIGHT = 110;
const FRAME = { left: 40, right: 10, top: 8, bottom: 20 };

type OutputErrors = NonNullable<LayerMeasurementView['outputErrors']>;

/** Relative error of a layer's output at each width: rounded to nearest (dashed), and optimised. */
export class ErrorByBits {
  readonly element = element('div');
  private readonly chart = new Chart(HEIGHT, 'Output error by bits');
  private readonly table = element('div');

  constructor() {
    this.element.append(
      element('div', { class: 'legend' }, legendItem('rounded', 'series second'), legendItem('optimised', 'series')),
      this.chart.element,
      this.table,
    );
  }

  update(errors: OutputErrors, weightBits: number | undefined): void {
    const table = figureTable(
      'Mean squared error of the output relative to the output, on samples held out',
      ['W', 'rounded', 'optimised'],
      errors.map(({ bits, rounded, optimized }) => [String(bits), significant(rounded), significant(optimized)]),
    );
    const present = errors.findIndex(({ bits }) => bits === weightBits);
    table.tBodies[0]?.rows[present]?.classList.add('is-present');
    fill(this.table, table);
    this.chart.describe('Output error by bits of the weights; the table below has the figures');
    this.chart.draw((width) => fill(this.chart.svg, ...paint(width, errors, weightBits)));
  }
}

function paint(width: number, errors: OutputErrors, weightBits: number | undefined): Child[] {
  // An error of exactly 0 has no place on a logarithmic axis; the table has it.
  const positive = errors.flatMap(({ rounded, optimized }) => [rounded, optimized]).filter((value) => value > 0);
  if (positive.length === 0) {
    return [];
  }
  const low = 10 ** Math.floor(Math.log10(Math.min(...positive)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...positive) * 1.01));
  const widths = errors.map(({ bits }) => bits);
  const first = Math.min(...widths);
  const x = linearScale([first, Math.max(...widths, first + 1)], [FRAME.left + 10, width - FRAME.right - 8]);
  const y = logScale([low, high === low ? low * 10 : high], [HEIGHT - FRAME.bottom, FRAME.top]);
  const parts: Child[] = [];
  for (const value of powerTicks(y.domain[0], y.domain[1], 4)) {
    const at = Math.round(y.at(value)) + 0.5;
    parts.push(svgLine(FRAME.left, at, width - FRAME.right, at, 'grid'));
    parts.push(svgText(significant(value, 1), FRAME.left - 6, at + 4, { anchor: 'end' }));
  }
  for (const bits of widths) {
    parts.push(svgText(String(bits), x.at(bits), HEIGHT - 4, { anchor: 'middle' }));
  }
  for (const [key, className] of [
    ['rounded', 'series second'],
    ['optimized', 'series'],
  ] as const) {
    const points = errors
      .filter((entry) => entry[key] > 0)
      .map((entry) => ({ bits: entry.bits, x: x.at(entry.bits), y: y.at(entry[key]) }));
    parts.push(svgElement('path', { d: pathThrough(points), class: className }));
    for (const point of points) {
      const chosen = key === 'optimized' && point.bits === weightBits;
      parts.push(
        svgElement('circle', { cx: point.x, cy: point.y, r: chosen ? 5 : 2.5, class: chosen ? 'chosen' : 'dot' }),
      );
    }
  }
  return parts;
}

function legendItem(label: string, className: string): HTMLElement {
  return element(
    'span',
    { class: 'legend-item' },
    svgElement(
      'svg',
      { width: 18, height: 12, viewBox: '0 0 18 12', 'aria-hidden': 'true', class: 'chart-drawing' },
      svgElement('line', { x1: 0, x2: 18, y1: 6, y2: 6, class: className }),
    ),
    label,
  );
}
