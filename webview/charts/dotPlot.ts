import { element, fill, svgElement, type Child } from '../controls/element';
import { textWidth } from '../text/measureText';
import { Chart, crisp, svgLine, svgText } from './chart';
import { linearScale, ticks } from './scale';

const FONT = '11px';
const HEAD = 16;
const FOOT = 20;
/** Height of one row of marks inside a lane. */
const STEP = 5;
const LANE_PADDING = 8;
const MARK = 3.25;
const COLUMN_GAP = 14;
const LEAST_PLOT = 120;

export type MarkShape = 'disc' | 'diamond' | 'hollow' | 'cross' | 'plus';

export interface DotSeries {
  readonly label: string;
  readonly title: string;
  readonly shape: MarkShape;
  /** Two series may stand on one row of marks; rows count from 0. */
  readonly row: number;
}

export interface Dot {
  /** Index into the series. */
  readonly series: number;
  readonly value: number;
  /** Least and greatest of what the value sums up. */
  readonly spread?: readonly [number, number];
}

export interface Lane {
  readonly key: string;
  readonly label: string;
  readonly dots: readonly Dot[];
  /** Shown in place of dots. */
  readonly note?: string;
}

export interface DotPlotInput {
  readonly series: readonly DotSeries[];
  readonly lanes: readonly Lane[];
  readonly selected: string | undefined;
  readonly domain: readonly [number, number];
  readonly tickText: (value: number) => string;
  readonly figureText: (value: number) => string;
  /** A vertical line from one lane to another, for comparing across. */
  readonly guide?: { readonly value: number; readonly from: string; readonly to: string };
  /** What the picture says, for those who do not see it. */
  readonly description: string;
}

/** A row for each candidate, a mark for each way of taking it, the figures in columns beside. */
export class DotPlot {
  readonly element = element('div', { class: 'dot-plot' });
  private chart: Chart | undefined;
  private drawn: DotPlotInput | undefined;

  constructor(private readonly onSelect?: (key: string) => void) {}

  update(input: DotPlotInput): void {
    if (JSON.stringify(input) === JSON.stringify(this.drawn)) {
      return;
    }
    this.drawn = input;
    const height = HEAD + input.lanes.length * laneHeight(input) + FOOT;
    if (this.chart?.height !== height) {
      this.chart = new Chart(height, input.description);
      fill(this.element, legendOf(input.series), this.chart.element);
    }
    const { chart } = this;
    chart.describe(input.description);
    chart.draw((width) => fill(chart.svg, ...this.paint(width, input)));
  }

  private paint(width: number, input: DotPlotInput): Child[] {
    const lane = laneHeight(input);
    const left = Math.ceil(Math.max(24, ...input.lanes.map(({ label }) => textWidth(label, FONT)))) + 16;
    const columns = figureColumns(input, width - 6, width - left - LEAST_PLOT);
    const right = width - columns.reduce((sum, column) => sum + column.width, 12);
    const bottom = HEAD + input.lanes.length * lane;
    const x = linearScale(input.domain, [left, right]);
    const parts: Child[] = [];
    input.lanes.forEach((entry, index) => parts.push(this.target(entry, HEAD + index * lane, width, lane, input)));
    for (const value of ticks(input.domain[0], input.domain[1], Math.max(2, (right - left) / 64))) {
      parts.push(svgLine(crisp(x.at(value)), HEAD, crisp(x.at(value)), bottom, 'grid'));
      parts.push(svgText(input.tickText(value), x.at(value), bottom + 14, { anchor: 'middle' }));
    }
    parts.push(...heading(input, columns));
    input.lanes.forEach((entry, index) => {
      const top = HEAD + index * lane;
      const selected = entry.key === input.selected;
      parts.push(svgText(entry.label, 6, top + lane / 2 + 4, { class: selected ? 'chosen-text' : 'strong' }));
      if (entry.note !== undefined) {
        parts.push(svgText(entry.note, left + 4, top + lane / 2 + 4));
      }
      for (const dot of entry.dots) {
        const series = input.series[dot.series];
        if (series === undefined) {
          continue;
        }
        const y = top + LANE_PADDING / 2 + STEP / 2 + series.row * STEP;
        if (dot.spread !== undefined) {
          parts.push(svgLine(x.at(dot.spread[0]), y, x.at(dot.spread[1]), y, 'dot-spread'));
        }
        parts.push(mark(series.shape, x.at(dot.value), y));
        const column = columns.find((one) => one.series === dot.series);
        if (column !== undefined) {
          parts.push(
            svgText(input.figureText(dot.value), column.right, top + lane / 2 + 4, {
              anchor: 'end',
              class: selected ? 'chosen-text' : 'strong',
            }),
          );
        }
      }
    });
    const { guide } = input;
    if (guide !== undefined) {
      const rows = [guide.from, guide.to].map((key) => input.lanes.findIndex((entry) => entry.key === key));
      const [first = -1, last = -1] = rows;
      if (first >= 0 && last >= 0) {
        const at = crisp(x.at(guide.value));
        parts.push(
          svgLine(
            at,
            HEAD + Math.min(first, last) * lane + 4,
            at,
            HEAD + (Math.max(first, last) + 1) * lane - 2,
            'guide',
          ),
        );
      }
    }
    return parts;
  }

  /** The whole lane can be clicked; the keyboard has the choice of patterns above. */
  private target(entry: Lane, top: number, width: number, height: number, input: DotPlotInput): SVGElement {
    const node = svgElement('rect', {
      x: 0,
      y: top + 0.5,
      width,
      height: height - 1,
      class: `lane${entry.key === input.selected ? ' is-selected' : ''}`,
      'data-lane': entry.key,
    });
    if (this.onSelect !== undefined) {
      node.classList.add('is-choice');
      node.addEventListener('click', () => this.onSelect?.(entry.key));
    }
    return node;
  }
}

function legendOf(series: readonly DotSeries[]): HTMLElement {
  return element(
    'div',
    { class: 'legend' },
    ...series.map(({ shape, label, title }) =>
      element(
        'span',
        { class: 'legend-item', title },
        svgElement('svg', { width: 10, height: 10, 'aria-hidden': 'true' }, mark(shape, 5, 5)),
        label,
      ),
    ),
  );
}

function laneHeight({ series }: DotPlotInput): number {
  return (Math.max(0, ...series.map(({ row }) => row)) + 1) * STEP + LANE_PADDING;
}

interface FigureColumn {
  readonly series: number;
  readonly width: number;
  readonly right: number;
}

/** As many columns as fit the room, the first ones first; they end at the edge. */
function figureColumns(input: DotPlotInput, edge: number, room: number): FigureColumn[] {
  const widths: number[] = [];
  let taken = 0;
  input.series.forEach((_series, index) => {
    const figures = input.lanes.flatMap(({ dots }) =>
      dots.filter((dot) => dot.series === index).map((dot) => textWidth(input.figureText(dot.value), FONT)),
    );
    const width = Math.ceil(Math.max(20, ...figures)) + COLUMN_GAP;
    if (widths.length === index && taken + width <= room) {
      widths.push(width);
      taken += width;
    }
  });
  let right = edge - taken;
  return widths.map((width, series) => {
    right += width;
    return { series, width, right };
  });
}

/** Each column of figures stands under the mark it belongs to; the legend names the marks. */
function heading(input: DotPlotInput, columns: readonly FigureColumn[]): Child[] {
  return columns.flatMap(({ series, right }) => {
    const entry = input.series[series];
    return entry === undefined ? [] : [mark(entry.shape, right - 8, HEAD / 2 - 1)];
  });
}

function mark(shape: MarkShape, x: number, y: number): SVGElement {
  const r = MARK;
  switch (shape) {
    case 'disc':
      return svgElement('circle', { cx: x, cy: y, r, class: 'mark is-solid' });
    case 'diamond':
      return svgElement('path', { d: diamond(x, y, r + 1), class: 'mark is-solid' });
    case 'hollow':
      return svgElement('path', { d: diamond(x, y, r + 0.5), class: 'mark is-hollow' });
    case 'cross':
      return svgElement('path', {
        d: `M${x - r + 0.5},${y - r + 0.5}l${2 * r - 1},${2 * r - 1}m0,${1 - 2 * r}l${1 - 2 * r},${2 * r - 1}`,
        class: 'mark is-stroke',
      });
    case 'plus':
      return svgElement('path', {
        d: `M${x - r},${y}h${2 * r}M${x},${y - r}v${2 * r}`,
        class: 'mark is-stroke is-claim',
      });
  }
}

function diamond(x: number, y: number, r: number): string {
  return `M${x},${y - r}l${r},${r}l${-r},${r}l${-r},${-r}z`;
}
