import type { FrontierView } from '../../src/protocol/job';
import { Chart, ChartWithTable, crisp, figureTable, pathThrough, svgLine, svgText } from '../charts/chart';
import { lineObstacles, placeLabels, type Box, type LabelRequest, type PlacedLabel } from '../charts/placeLabels';
import { linearScale, logScale, powerTicks, ticks, type Scale } from '../charts/scale';
import { element, fill, setAttributes, svgElement, type Child } from '../controls/element';
import { loss, share, significant } from '../text/numbers';
import { textWidth } from '../text/measureText';

const HEIGHT = 186;
const MARGIN = { left: 46, right: 14, top: 10, bottom: 24 };
const LABEL_FONT = '11px';
const LABEL_HEIGHT = 14;

export interface FrontierInput {
  readonly frontier: FrontierView;
  /** Where the slider stands, as a fraction of the float size. */
  readonly size: number;
  /** The allocation there; absent while there is none, e.g. where nothing fits. */
  readonly present: { readonly size: number; readonly loss: number } | undefined;
  /** Loss of the network that was built and run, where it was built at this size. */
  readonly measuredLoss: number | undefined;
  readonly floatBytes: number | undefined;
  readonly lossUnit: string;
  readonly logarithmic: boolean;
  /** For the slider's spoken value. */
  readonly valueText: string;
}

/** Loss against size. Its x axis is the budget slider: drag anywhere, or arrow keys, Page keys, Home and End. */
export class FrontierChart {
  readonly element = element('div', { class: 'frontier' });
  readonly tableToggle: HTMLButtonElement;
  private readonly chart = new Chart(HEIGHT, 'Predicted loss against size');
  private readonly withTable: ChartWithTable;
  private readonly slider: HTMLElement;
  private input: FrontierInput | undefined;
  private x: Scale = linearScale([0, 1], [0, 1]);
  private dragging = false;

  constructor(private readonly onMove: (size: number) => void) {
    this.slider = element('div', {
      class: 'frontier-slider',
      attributes: { role: 'slider', tabindex: 0, 'aria-label': 'Size budget', 'aria-orientation': 'horizontal' },
    });
    this.chart.element.append(this.slider);
    this.withTable = new ChartWithTable(this.chart.element, this.element, 'Budget');
    this.tableToggle = this.withTable.toggle;
    this.slider.addEventListener('pointerdown', (event) => {
      this.dragging = true;
      this.slider.setPointerCapture(event.pointerId);
      this.slider.focus({ preventScroll: true });
      this.slideTo(event);
      event.preventDefault();
    });
    this.slider.addEventListener('pointermove', (event) => {
      if (this.dragging) {
        this.slideTo(event);
      }
    });
    for (const type of ['pointerup', 'pointercancel'] as const) {
      this.slider.addEventListener(type, () => {
        this.dragging = false;
      });
    }
    this.slider.addEventListener('keydown', (event) => this.onKeyDown(event));
    const markFocus = (shown: boolean) => this.chart.svg.classList.toggle('is-focused', shown);
    this.slider.addEventListener('focus', () => markFocus(this.slider.matches(':focus-visible')));
    this.slider.addEventListener('blur', () => markFocus(false));
    // Who clicked the slider and goes on with the arrow keys wants to see what they move.
    this.slider.addEventListener('keydown', () => markFocus(true));
    this.slider.addEventListener('pointerdown', () => markFocus(false));
  }

  update(input: FrontierInput): void {
    this.input = input;
    this.withTable.setTable(() => frontierTable(input));
    this.chart.describe(
      `Predicted loss in ${input.lossUnit} against size. ${input.valueText}. The smallest size is ${share(input.frontier.smallestSize)}.`,
    );
    this.chart.draw((width) => this.paint(width, input));
  }

  private paint(width: number, input: FrontierInput): void {
    const { frontier } = input;
    const frame = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: HEIGHT - MARGIN.bottom };
    const [low, high] = sizeDomain(frontier, input.size);
    const x = linearScale([low, high], [frame.left, frame.right]);
    this.x = x;
    const y = lossScale(input, x, frame);
    const points = frontier.points.map((point) => ({ x: x.at(point.size), y: y.at(point.loss) }));
    const parts: Child[] = [...axes(x, y, frame, input.logarithmic)];

    if (x.at(frontier.smallestSize) > frame.left + 1) {
      parts.push(
        svgElement('rect', {
          x: frame.left,
          y: frame.top,
          width: x.at(frontier.smallestSize) - frame.left,
          height: frame.bottom - frame.top,
          class: 'out-of-reach',
        }),
      );
    }
    parts.push(svgElement('path', { d: pathThrough(points), class: 'series' }));

    const marks: Box[] = [];
    const uniform = frontier.uniform.filter((point) => point.size >= low && point.size <= high);
    for (const point of uniform) {
      const [px, py] = [x.at(point.size), y.at(point.loss)];
      parts.push(svgElement('rect', { x: crisp(px - 4), y: crisp(py - 4), width: 8, height: 8, class: 'uniform' }));
      marks.push(around(px, py, 6));
    }
    const measured = frontier.measured.filter((point) => point.size >= low && point.size <= high);
    for (const point of measured) {
      const [px, py] = [x.at(point.size), y.at(point.loss)];
      parts.push(
        svgElement(
          'circle',
          { cx: px, cy: py, r: 3.5, class: 'measured' },
          svgElement('title', {}, measuredText(point, input)),
        ),
      );
      marks.push(around(px, py, 5));
    }

    const at = x.at(input.size);
    const handle = handleParts(at, frame, input, x, y);
    parts.push(...handle.parts);
    const cursorLine: Box = { left: at - 3, right: at + 3, top: frame.top, bottom: frame.bottom };

    const obstacles = [...lineObstacles(points), ...marks, cursorLine];
    const requests = [...uniform]
      .sort((a, b) => a.bits - b.bits)
      .map((point): LabelRequest => ({
        ...labelAt(`${point.bits} bit uniform`, x.at(point.size), y.at(point.loss), 9),
        sides: ['right', 'above', 'left', 'above-left', 'above-right', 'below-right', 'below'],
      }));
    const labels = placeLabels(requests, { ...frame, top: 0 }, obstacles);
    const present = placePresent(presentLabel(input), at, frame, [...obstacles, ...labels.map((label) => label.box)]);
    for (const { request, box } of labels) {
      parts.push(svgText(request.text, box.left, box.bottom - 3));
    }
    if (present !== undefined) {
      parts.push(svgText(present.request.text, present.box.left, present.box.bottom - 3, { class: 'strong' }));
    }
    fill(this.chart.svg, ...parts);
    this.placeSlider(frame, input, low, high);
  }

  private placeSlider(frame: Box, input: FrontierInput, low: number, high: number): void {
    const style = this.slider.style;
    style.setProperty('left', `${frame.left}px`);
    style.setProperty('width', `${frame.right - frame.left}px`);
    style.setProperty('top', '0');
    style.setProperty('height', `${HEIGHT}px`);
    setAttributes(this.slider, {
      'aria-valuemin': percent(low),
      'aria-valuemax': percent(high),
      'aria-valuenow': percent(input.size),
      'aria-valuetext': input.valueText,
    });
  }

  private slideTo(event: PointerEvent): void {
    const left = this.chart.svg.getBoundingClientRect().left;
    this.move(this.x.invert(event.clientX - left));
  }

  private onKeyDown(event: KeyboardEvent): void {
    const size = this.input?.size;
    const [low, high] = this.x.domain;
    if (size === undefined) {
      return;
    }
    const target: Partial<Record<string, number>> = {
      ArrowRight: size + 0.001,
      ArrowUp: size + 0.001,
      ArrowLeft: size - 0.001,
      ArrowDown: size - 0.001,
      PageUp: size + 0.01,
      PageDown: size - 0.01,
      Home: this.input?.frontier.smallestSize ?? low,
      End: high,
    };
    const to = target[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.move(Math.min(high, Math.max(low, to)));
    }
  }

  private move(size: number): void {
    // A tenth of a percent point is finer than a pixel at most widths; at the lower end round up, so that it stays feasible.
    const rounded = Math.round(size * 1000) / 1000;
    const smallest = this.input?.frontier.smallestSize ?? 0;
    const to = rounded < smallest && size >= smallest - 1e-9 ? Math.ceil(smallest * 1e5) / 1e5 : rounded;
    // The next key may come before the next drawing, and starts from here.
    this.input = this.input && { ...this.input, size: to };
    this.onMove(to);
  }
}

function percent(value: number): number {
  return Math.round(value * 1e4) / 100;
}

function around(x: number, y: number, by: number): Box {
  return { left: x - by, right: x + by, top: y - by, bottom: y + by };
}

function labelAt(text: string, x: number, y: number, gap: number): Omit<LabelRequest, 'sides'> {
  return { text, x, y, gap, width: textWidth(text, LABEL_FONT), height: LABEL_HEIGHT };
}

/** From a little below the smallest size to a little beyond the widest uniform width. */
function sizeDomain(frontier: FrontierView, size: number): [number, number] {
  const uniform = frontier.uniform.filter((point) => point.bits < 16).map((point) => point.size);
  const top = uniform.length > 0 ? Math.max(...uniform) : frontier.largestSize;
  const right = Math.max(Math.min(frontier.largestSize, top), frontier.smallestSize, size);
  const left = Math.min(frontier.smallestSize, size);
  const margin = Math.max((right - left) * 0.05, 0.005);
  return [
    Math.max(0, Math.floor((left - margin) * 100) / 100),
    Math.min(1, Math.ceil((right + margin / 2) * 100) / 100),
  ];
}

function lossScale(input: FrontierInput, x: Scale, frame: Box): Scale {
  const { points, uniform, measured } = input.frontier;
  const losses = [...points, ...uniform, ...measured]
    .filter((point) => point.size >= x.domain[0] && point.size <= x.domain[1])
    .map((point) => point.loss);
  if (input.logarithmic) {
    const positive = losses.filter((value) => value > 0);
    const high = positive.length > 0 ? Math.max(...positive) : 1;
    // Four decades: what is smaller is as good as nothing, and would only flatten the rest.
    const low = Math.max(high / 1e4, positive.length > 0 ? Math.min(...positive) : 0);
    return logScale(
      [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.05))],
      [frame.bottom, frame.top],
    );
  }
  const high = Math.max(0.001, ...losses);
  const step = ticks(0, high, 4);
  const unit = step.length > 1 ? step[1]! - step[0]! : high;
  const low = Math.min(0, ...losses);
  return linearScale(
    [low < -unit / 10 ? Math.floor(low / unit) * unit : 0, Math.ceil(high / unit) * unit],
    [frame.bottom, frame.top],
  );
}

function axes(x: Scale, y: Scale, frame: Box, logarithmic: boolean): Child[] {
  const parts: Child[] = [];
  const [low, high] = y.domain;
  const values = logarithmic ? powerTicks(low, high, 5) : ticks(low, high, 4);
  const unit = values.length > 1 ? Math.abs(values[1]! - values[0]!) : 1;
  const decimals = Math.max(0, Math.ceil(-Math.log10(unit) - 1e-9));
  for (const value of values) {
    const at = crisp(y.at(value));
    parts.push(svgLine(frame.left, at, frame.right, at, 'grid'));
    parts.push(
      svgText(logarithmic ? significant(value, 1) : value.toFixed(decimals), frame.left - 8, at + 4, { anchor: 'end' }),
    );
  }
  parts.push(svgLine(frame.left, crisp(frame.bottom), frame.right, crisp(frame.bottom), 'axis'));
  const room = frame.right - frame.left;
  for (const value of ticks(x.domain[0], x.domain[1], Math.max(2, Math.floor(room / 70)))) {
    const text = `${Number((value * 100).toPrecision(6))}\u00a0%`;
    const half = textWidth(text, LABEL_FONT) / 2;
    if (x.at(value) - half >= 0 && x.at(value) + half <= frame.right + MARGIN.right) {
      parts.push(svgText(text, x.at(value), frame.bottom + 18, { anchor: 'middle' }));
    }
  }
  return parts;
}

function handleParts(at: number, frame: Box, input: FrontierInput, x: Scale, y: Scale): { parts: Child[] } {
  const parts: Child[] = [svgLine(at, frame.top, at, frame.bottom, 'budget-line')];
  if (input.present !== undefined) {
    parts.push(
      svgElement('circle', { cx: x.at(input.present.size), cy: y.at(input.present.loss), r: 4.5, class: 'present' }),
    );
  }
  parts.push(
    svgElement('rect', { x: at - 9, y: frame.bottom - 13, width: 18, height: 24, rx: 4, class: 'handle-focus' }),
  );
  parts.push(svgElement('rect', { x: at - 5, y: frame.bottom - 9, width: 10, height: 16, rx: 2, class: 'handle' }));
  return { parts };
}

/** Along the budget line, as high as there is room: it stays where it is while the slider moves. */
function placePresent(text: string, x: number, frame: Box, obstacles: readonly Box[]): PlacedLabel | undefined {
  for (let y = frame.top + 8; y < frame.bottom - 8; y += 6) {
    const [placed] = placeLabels(
      [{ ...labelAt(text, x, y, 8), sides: ['right', 'left'] }],
      { ...frame, top: 0 },
      obstacles,
    );
    if (placed !== undefined) {
      return placed;
    }
  }
  return undefined;
}

function presentLabel(input: FrontierInput): string {
  if (input.present === undefined) {
    return `${share(input.size)} · nothing fits`;
  }
  const measured = input.measuredLoss === undefined ? '' : ` · measured ${loss(input.measuredLoss)}`;
  return `${share(input.present.size)} · predicted ${loss(input.present.loss)}${measured}`;
}

function measuredText(
  point: { readonly size: number; readonly loss: number; readonly label: string },
  input: FrontierInput,
): string {
  return `${point.label}: ${share(point.size)}, measured ${loss(point.loss)} ${input.lossUnit}`;
}

function frontierTable(input: FrontierInput): HTMLElement {
  const { points, uniform, measured } = input.frontier;
  const rows = [
    ...points.map((point) => ({ ...point, kind: point.exact ? 'allocation, exact' : 'allocation, hull' })),
    ...uniform.map((point) => ({ ...point, kind: `${point.bits} bit uniform` })),
    ...measured.map((point) => ({ ...point, kind: `measured, ${point.label}` })),
  ].sort((a, b) => a.size - b.size);
  return figureTable(
    'Loss against size',
    ['What', 'Size', `Loss, ${input.lossUnit}`],
    rows.map((row) => [row.kind, share(row.size), loss(row.loss)]),
  );
}

/**
 * Whether a linear axis would leave most of the curve on the floor: widths of 2 bits often cost a hundred times what the
 * rest does.
 */
export function needsLogarithm(frontier: FrontierView): boolean {
  const losses = frontier.points.map((point) => point.loss);
  const highest = Math.max(...losses);
  const middle = (frontier.smallestSize + Math.min(frontier.largestSize, 0.25)) / 2;
  const there = frontier.points.find((point) => point.size >= middle);
  return there !== undefined && highest > 0 && there.loss / highest < 0.04;
}
