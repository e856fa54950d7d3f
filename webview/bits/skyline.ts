import { bitClass } from '../charts/bitRamp';
import { ChartOptions, walkedTo } from '../charts/chartOptions';
import { Chart, crisp, svgLine, svgText } from '../charts/chart';
import { placeLabels, type LabelRequest } from '../charts/placeLabels';
import { element, fill, svgElement, type Child } from '../controls/element';
import { bitsText, count, exact, layerLoss } from '../text/numbers';
import { fitText, textWidth } from '../text/measureText';
import { barWidths, type SkylineBar } from './skylineBars';

const HEIGHT = 172;
const MARGIN = { left: 46, right: 14, top: 16, bottom: 22 };
const LABEL_FONT = '11px';
/** Between labels in one line: nearer ones read as one name. */
const LABEL_DISTANCE = 8;
/** Narrower bars cannot be hit with a mouse. */
const LEAST_WIDTH = 7;

export interface SkylineInput {
  readonly bars: readonly SkylineBar[];
  /** Key of the bar that holds the selected layer. */
  readonly selected: string | undefined;
  /** Keys of bars with a pin that is not yet in the recipe. */
  readonly unwritten: ReadonlySet<string>;
  readonly lossUnit: string;
}

/**
 * Width is parameters, height is bits: the area is the size. A list box of bars: arrow keys walk, Enter opens what can
 * be done to a bar.
 */
export class Skyline {
  readonly element = element('div', { class: 'skyline' });
  private readonly chart = new Chart(HEIGHT, undefined);
  private readonly options = new ChartOptions(this.chart.svg, 'skyline');
  private input: SkylineInput | undefined;
  private bars: SVGElement[] = [];

  constructor(
    private readonly onSelect: (bar: SkylineBar) => void,
    private readonly onOpen: (bar: SkylineBar, anchor: DOMRect) => void,
  ) {
    this.element.append(this.chart.element);
    const { svg } = this.chart;
    svg.setAttribute('aria-label', 'Bit widths by layer, in network order');
    svg.addEventListener('keydown', (event) => this.onKeyDown(event));
    svg.addEventListener('click', (event) => this.onClick(event));
  }

  update(input: SkylineInput): void {
    this.input = input;
    this.chart.draw((width) => this.paint(width, input));
  }

  private paint(width: number, input: SkylineInput): void {
    const frame = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: HEIGHT - MARGIN.bottom };
    const top = input.bars.some((bar) => bar.weightBits > 8) ? 9 : 8;
    const y = (bits: number) => frame.bottom - (Math.min(bits, top) / top) * (frame.bottom - frame.top);
    const decoration: Child[] = [];
    for (const bits of [2, 4, 6, 8]) {
      decoration.push(svgLine(frame.left, crisp(y(bits)), frame.right, crisp(y(bits)), 'grid'));
      decoration.push(svgText(`${bits} bit`, frame.left - 8, y(bits) + 4, { anchor: 'end' }));
    }
    if (top > 8) {
      decoration.push(svgText('float', frame.left - 8, y(9) + 2, { anchor: 'end' }));
    }
    decoration.push(svgLine(frame.left, crisp(frame.bottom), frame.right, crisp(frame.bottom), 'axis'));

    const gap = (frame.right - frame.left) / input.bars.length > 6 ? 1 : 0;
    const widths = barWidths(input.bars, frame.right - frame.left, LEAST_WIDTH);
    const labels: LabelRequest[] = [];
    let left = frame.left;
    this.bars = input.bars.map((bar, index) => {
      const barWidth = widths[index]!;
      const drawn = Math.max(1, barWidth - gap);
      const selected = bar.key === input.selected;
      const node = this.drawBar(
        bar,
        index,
        { left, width: drawn, top: y(bar.weightBits), bottom: frame.bottom },
        selected,
        y,
        input,
      );
      const text = fitText(bar.label, 150, LABEL_FONT);
      labels.push({
        text,
        x: left + drawn / 2,
        y: frame.bottom + 6,
        width: textWidth(text, LABEL_FONT),
        height: 14,
        apart: LABEL_DISTANCE,
        gap: 0,
        sides: ['below'],
      });
      left += barWidth;
      return node;
    });
    const order = input.bars
      .map((bar, index) => ({ index, weight: bar.key === input.selected ? Infinity : widths[index]! }))
      .sort((a, b) => b.weight - a.weight || a.index - b.index)
      .map((entry) => labels[entry.index]!);
    const wanted = order.filter((label, index) => index === 0 || label.width < 160);
    const placed = placeLabels(wanted, { left: 0, right: width, top: 0, bottom: HEIGHT }, []).map(({ request, box }) =>
      svgText(request.text, box.left, box.bottom - 3, {
        class: input.selected !== undefined && request === order[0] ? 'strong' : 'quiet',
      }),
    );
    fill(this.chart.svg, svgElement('g', { 'aria-hidden': 'true' }, ...decoration, ...placed), ...this.bars);
    this.options.markActive(input.bars.findIndex((bar) => bar.key === input.selected));
  }

  private drawBar(
    bar: SkylineBar,
    index: number,
    box: { left: number; width: number; top: number; bottom: number },
    selected: boolean,
    y: (bits: number) => number,
    input: SkylineInput,
  ): SVGElement {
    const middle = box.left + box.width / 2;
    const number = bitNumber(bar.weightBits);
    const parts: Child[] = [
      // The whole column can be hit, low bars too.
      svgElement('rect', {
        x: box.left,
        y: MARGIN.top,
        width: box.width,
        height: box.bottom - MARGIN.top,
        class: 'bar-target',
      }),
      svgElement('rect', {
        x: box.left,
        y: box.top,
        width: box.width,
        height: Math.max(1, box.bottom - box.top),
        class: `bar ${bitClass(bar.weightBits)}`,
      }),
    ];
    if (textWidth(number, LABEL_FONT) + 4 <= box.width) {
      parts.push(
        svgText(number, middle, box.top + 14, { anchor: 'middle', class: `bar-number ${bitClass(bar.weightBits)}` }),
      );
    }
    const activation = y(bar.activationBits);
    parts.push(svgLine(box.left, activation, box.left + box.width + 1, activation, 'activation-halo'));
    parts.push(svgLine(box.left, activation, box.left + box.width + 1, activation, 'activation'));
    if (bar.pinned || input.unwritten.has(bar.key)) {
      parts.push(svgElement('line', { x1: middle, x2: middle, y1: box.top, y2: box.top - 5, class: 'pin' }));
      parts.push(
        svgElement('circle', {
          cx: middle,
          cy: box.top - 7.5,
          r: 2.5,
          class: input.unwritten.has(bar.key) ? 'pin is-unwritten' : 'pin',
        }),
      );
    }
    if (selected) {
      parts.push(
        svgElement('rect', {
          x: box.left,
          y: box.top,
          width: box.width,
          height: Math.max(1, box.bottom - box.top),
          class: 'bar-selected',
        }),
      );
    }
    return this.options.option(index, { selected, text: barText(bar, input), class: 'bar-group' }, ...parts);
  }

  private onClick(event: MouseEvent): void {
    const hit = this.options.hit(event);
    const bar = this.input?.bars[hit?.index ?? -1];
    if (hit !== undefined && bar !== undefined) {
      const { group } = hit;
      const anchor = group.querySelector('.bar')?.getBoundingClientRect() ?? group.getBoundingClientRect();
      this.onSelect(bar);
      this.onOpen(bar, new DOMRect(event.clientX - 8, anchor.top, 16, Math.max(0, event.clientY - anchor.top) + 4));
    }
  }

  private onKeyDown(event: KeyboardEvent): void {
    const input = this.input;
    if (input === undefined || input.bars.length === 0) {
      return;
    }
    const at = input.bars.findIndex((bar) => bar.key === input.selected);
    const to = walkedTo(event.key, at, input.bars.length);
    if (to !== undefined) {
      event.preventDefault();
      const bar = input.bars[to];
      if (bar !== undefined) {
        // The next key may come before the next drawing, and starts from here.
        this.input = { ...input, selected: bar.key };
        this.onSelect(bar);
      }
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      const bar = input.bars[at];
      const box = this.bars[at]?.querySelector('.bar')?.getBoundingClientRect();
      if (bar !== undefined && box !== undefined) {
        this.onOpen(bar, box);
      }
    }
  }
}

function bitNumber(bits: number): string {
  return bits >= 16 ? 'float' : Number.isInteger(bits) ? String(bits) : bits.toFixed(1);
}

function barText(bar: SkylineBar, input: SkylineInput): string {
  const pin = input.unwritten.has(bar.key) ? ', pinned, not written to the recipe' : bar.pinned ? ', pinned' : '';
  const single = bar.layers.length === 1 ? bar.layers[0] : undefined;
  if (single !== undefined) {
    const loss = `loss ${layerLoss(single.predictedLoss)} ${input.lossUnit}`;
    return `${bar.label}: weights ${bitsText(single.weightBits)}, activations ${bitsText(single.activationBits)} bits, ${exact(single.parameters)} parameters, ${loss}${pin}`;
  }
  return `${bar.label}: ${count(bar.layers.length, 'layer')}, weights ${bar.weightBits.toFixed(1)}, activations ${bar.activationBits.toFixed(1)} bits on average, ${exact(bar.parameters)} parameters${pin}`;
}
