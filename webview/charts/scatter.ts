import { element, fill, svgElement, type Child } from '../controls/element';
import { textWidth } from '../text/measureText';
import { ChartOptions, walkedTo } from './chartOptions';
import { Chart, crisp, pathThrough, svgLine, svgText } from './chart';
import { lineObstacles, placeLabels, type Box, type LabelRequest } from './placeLabels';
import { linearScale, ticks, type Scale } from './scale';
import type { PointShape, ScatterInput, ScatterPoint } from './scatterInput';

const HEIGHT = 250;
const MARGIN = { right: 18, top: 22, bottom: 38 };
const FONT = '11px';
const RADIUS = 4;
/** Half of the square that can be hit. */
const REACH = 9;

/**
 * Points in a plane. A list box: arrow keys walk the points from left to right, Space adds one to the selection or takes
 * it away, Enter opens it.
 */
export class Scatter {
  readonly element = element('div', { class: 'scatter' });
  private readonly chart = new Chart(HEIGHT, undefined);
  private readonly legend = element('div', { class: 'legend' });
  private readonly options = new ChartOptions(this.chart.svg, 'scatter', { multiselectable: true });
  private input: ScatterInput | undefined;
  /** By ascending x: the order of the keys. */
  private ordered: readonly ScatterPoint[] = [];

  constructor(
    private readonly onSelect: (keys: ReadonlySet<string>, current: string) => void,
    private readonly onOpen: (key: string) => void,
  ) {
    this.element.append(this.legend, this.chart.element);
    const { svg } = this.chart;
    svg.addEventListener('keydown', (event) => this.onKeyDown(event));
    svg.addEventListener('click', (event) => this.onClick(event));
  }

  update(input: ScatterInput): void {
    this.input = input;
    this.ordered = [...input.points].sort((a, b) => a.x - b.x || b.y - a.y || a.key.localeCompare(b.key));
    this.chart.svg.setAttribute('aria-label', input.label);
    fill(this.legend, ...legendOf(input));
    this.chart.draw((width) => fill(this.chart.svg, ...this.paint(width, input)));
  }

  private paint(width: number, input: ScatterInput): Child[] {
    const yTicks = niceDomain(
      input.points.map((point) => point.y).concat(input.reference === undefined ? [] : [input.reference.y]),
      5,
    );
    const xTicks = niceDomain(
      input.points.map((point) => point.x),
      Math.max(2, Math.floor(width / 90)),
    );
    const left = Math.ceil(Math.max(...yTicks.values.map((value) => textWidth(input.yText(value), FONT)))) + 12;
    const frame: Box = { left, right: width - MARGIN.right, top: MARGIN.top, bottom: HEIGHT - MARGIN.bottom };
    const x = linearScale(xTicks.domain, [frame.left + 8, frame.right]);
    const y = linearScale(yTicks.domain, [frame.bottom, frame.top + 4]);
    const decoration: Child[] = [...axes(frame, x, y, xTicks.values, yTicks.values, input), ...this.front(x, y, input)];
    const obstacles: Box[] = input.points.map((point) => around(x.at(point.x), y.at(point.y), RADIUS + 2));
    if (input.reference !== undefined) {
      const at = y.at(input.reference.y);
      obstacles.push({ left: frame.left, right: frame.right, top: at - 2, bottom: at + 2 });
    }
    const labels = placeLabels(this.labels(x, y, input), { ...frame, right: width, top: 0 }, [
      ...obstacles,
      ...lineObstacles(this.frontPoints(x, y, input)),
    ]).map(({ request, box }) => svgText(request.text, box.left, box.bottom - 3, { class: 'strong' }));
    const marks = this.ordered.map((point, index) => this.mark(point, index, x.at(point.x), y.at(point.y), input));
    this.options.markActive(this.ordered.findIndex((point) => point.key === input.current));
    return [svgElement('g', { 'aria-hidden': 'true' }, ...decoration, ...labels), ...marks];
  }

  private labels(x: Scale, y: Scale, input: ScatterInput): LabelRequest[] {
    const { reference } = input;
    const points = input.labelled.flatMap((key) => input.points.filter((point) => point.key === key));
    const requests = points.map((point): LabelRequest => ({
      text: point.label,
      x: x.at(point.x),
      y: y.at(point.y),
      width: textWidth(point.label, FONT),
      height: 13,
      gap: RADIUS + 4,
      sides: ['right', 'left', 'above-right', 'above-left', 'below-right', 'below-left', 'above', 'below'],
    }));
    if (reference !== undefined) {
      requests.push({
        text: reference.label,
        x: x.range[1],
        y: y.at(reference.y),
        width: textWidth(reference.label, FONT),
        height: 13,
        gap: 3,
        sides: ['above-left', 'below-left'],
      });
    }
    return requests;
  }

  private frontPoints(x: Scale, y: Scale, input: ScatterInput): { x: number; y: number }[] {
    return input.front
      .flatMap((key) => input.points.filter((point) => point.key === key))
      .map((point) => ({ x: x.at(point.x), y: y.at(point.y) }));
  }

  private front(x: Scale, y: Scale, input: ScatterInput): Child[] {
    const points = this.frontPoints(x, y, input);
    return points.length < 2 ? [] : [svgElement('path', { d: pathThrough(points), class: 'scatter-front' })];
  }

  private mark(point: ScatterPoint, index: number, x: number, y: number, input: ScatterInput): SVGElement {
    const selected = input.selected.has(point.key);
    return this.options.option(
      index,
      { selected, text: point.text, class: `scatter-point${point.key === input.current ? ' is-current' : ''}` },
      svgElement('rect', {
        x: x - REACH,
        y: y - REACH,
        width: 2 * REACH,
        height: 2 * REACH,
        class: 'scatter-target',
      }),
      selected ? svgElement('circle', { cx: x, cy: y, r: RADIUS + 3.5, class: 'scatter-ring' }) : undefined,
      drawShape(point.shape, x, y),
    );
  }

  private onClick(event: MouseEvent): void {
    const point = this.ordered[this.options.hit(event)?.index ?? -1];
    if (point === undefined) {
      return;
    }
    if (event.ctrlKey || event.metaKey) {
      this.toggle(point.key);
    } else {
      this.onSelect(new Set([point.key]), point.key);
    }
  }

  private onKeyDown(event: KeyboardEvent): void {
    const { input } = this;
    if (input === undefined || this.ordered.length === 0) {
      return;
    }
    const at = this.ordered.findIndex((point) => point.key === input.current);
    const to = walkedTo(event.key, at, this.ordered.length);
    const current = this.ordered[at];
    if (to !== undefined) {
      const point = this.ordered[to]!;
      const keys = event.shiftKey ? new Set(input.selected).add(point.key) : new Set([point.key]);
      this.onSelect(keys, point.key);
    } else if (event.key === ' ' && current !== undefined) {
      this.toggle(current.key);
    } else if (event.key === 'Enter' && current !== undefined) {
      this.onOpen(current.key);
    } else {
      return;
    }
    event.preventDefault();
  }

  private toggle(key: string): void {
    const keys = new Set(this.input?.selected);
    if (!keys.delete(key)) {
      keys.add(key);
    }
    this.onSelect(keys, key);
  }
}

function axes(
  frame: Box,
  x: Scale,
  y: Scale,
  xValues: readonly number[],
  yValues: readonly number[],
  input: ScatterInput,
): Child[] {
  const parts: Child[] = [];
  for (const value of yValues) {
    parts.push(svgLine(frame.left, crisp(y.at(value)), frame.right, crisp(y.at(value)), 'grid'));
    parts.push(svgText(input.yText(value), frame.left - 6, y.at(value) + 4, { anchor: 'end' }));
  }
  for (const value of xValues) {
    parts.push(svgLine(crisp(x.at(value)), frame.bottom, crisp(x.at(value)), frame.bottom + 4, 'axis'));
    parts.push(svgText(input.xText(value), x.at(value), frame.bottom + 16, { anchor: 'middle' }));
  }
  parts.push(svgLine(frame.left, crisp(frame.bottom), frame.right, crisp(frame.bottom), 'axis'));
  parts.push(svgText(input.yTitle, 0, 11));
  parts.push(svgText(input.xTitle, frame.right, frame.bottom + 32, { anchor: 'end' }));
  if (input.reference !== undefined) {
    const at = crisp(y.at(input.reference.y));
    parts.push(svgLine(frame.left, at, frame.right, at, 'scatter-reference'));
  }
  return parts;
}

function legendOf(input: ScatterInput): Child[] {
  const used = (['disc', 'cross'] as const).filter((shape) => input.points.some((point) => point.shape === shape));
  const sample = (...drawing: Child[]) =>
    svgElement('svg', { width: 18, height: 14, viewBox: '0 0 18 14', 'aria-hidden': 'true' }, ...drawing);
  const item = (label: string, ...drawing: Child[]) =>
    element('span', { class: 'legend-item' }, sample(...drawing), label);
  return [
    ...used.map((shape) => item(input.shapes[shape], drawShape(shape, 9, 7))),
    input.points.length === 0
      ? undefined
      : item(
          'selected',
          svgElement('circle', { cx: 9, cy: 7, r: 6, class: 'scatter-ring' }),
          svgElement('circle', { cx: 9, cy: 7, r: 2.5, class: 'mark is-solid' }),
        ),
    input.front.length < 2
      ? undefined
      : item(input.frontLabel, svgElement('line', { x1: 0, x2: 18, y1: 7, y2: 7, class: 'scatter-front' })),
    input.reference === undefined
      ? undefined
      : item('float model', svgElement('line', { x1: 0, x2: 18, y1: 7, y2: 7, class: 'scatter-reference' })),
  ];
}

function drawShape(shape: PointShape, x: number, y: number): SVGElement {
  const r = RADIUS;
  return shape === 'disc'
    ? svgElement('circle', { cx: x, cy: y, r, class: 'mark is-solid' })
    : svgElement('path', {
        d: `M${x - r},${y - r}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}`,
        class: 'mark is-stroke is-outside',
      });
}

function around(x: number, y: number, reach: number): Box {
  return { left: x - reach, right: x + reach, top: y - reach, bottom: y + reach };
}

/** Round ticks that reach around the values; equal values get room on both sides. */
function niceDomain(values: readonly number[], wanted: number): { domain: [number, number]; values: number[] } {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (values.length === 0) {
    return { domain: [0, 1], values: [0, 1] };
  }
  const room = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.05, 1e-6);
  const domain: [number, number] = [low - room, high + room];
  return { domain, values: ticks(domain[0], domain[1], wanted) };
}
