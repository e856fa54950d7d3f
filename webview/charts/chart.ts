import './chart.css';
import { element, fill, setAttributes, svgElement, type Child } from '../controls/element';
import { linkButton } from '../controls/toolkit';

/** A drawing that is made anew for the width it gets, so that its text keeps its size. */
export class Chart {
  readonly element: HTMLElement;
  readonly svg: SVGSVGElement;
  private width = 0;
  private paint: ((width: number) => void) | undefined;

  constructor(
    readonly height: number,
    /** What the picture says in one sentence; absent when the drawing itself is a control with a name. */
    label: string | undefined,
  ) {
    this.svg = svgElement('svg', {
      class: 'chart-drawing',
      height,
      ...(label === undefined ? {} : { role: 'img', 'aria-label': label }),
    });
    this.element = element('div', { class: 'chart' }, this.svg);
    new ResizeObserver(() => {
      const width = Math.floor(this.element.clientWidth);
      if (width !== this.width) {
        this.width = width;
        this.repaint();
      }
    }).observe(this.element);
  }

  describe(label: string): void {
    this.svg.setAttribute('aria-label', label);
  }

  /** Paints now, and again whenever the width changes. */
  draw(paint: (width: number) => void): void {
    this.paint = paint;
    this.repaint();
  }

  private repaint(): void {
    if (this.width > 0 && this.paint !== undefined) {
      this.svg.setAttribute('width', String(this.width));
      this.svg.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);
      this.paint(this.width);
    }
  }
}

export function svgText(
  text: string,
  x: number,
  y: number,
  options: { readonly anchor?: 'start' | 'middle' | 'end'; readonly class?: string } = {},
): SVGTextElement {
  return svgElement(
    'text',
    { x: round(x), y: round(y), 'text-anchor': options.anchor ?? 'start', class: options.class },
    text,
  );
}

export function svgLine(x1: number, y1: number, x2: number, y2: number, className: string): SVGLineElement {
  return svgElement('line', { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), class: className });
}

export function pathThrough(points: readonly { readonly x: number; readonly y: number }[]): string {
  return points.map((point, index) => `${index === 0 ? 'M' : 'L'}${round(point.x)},${round(point.y)}`).join('');
}

/** Hairlines stay sharp on half pixels. */
export function crisp(value: number): number {
  return Math.round(value - 0.5) + 0.5;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** A plain table for the figures of a chart. */
export function figureTable(
  caption: string,
  headers: readonly string[],
  rows: readonly (readonly string[])[],
): HTMLTableElement {
  return element(
    'table',
    { class: 'figures' },
    element('caption', { class: 'visually-hidden', text: caption }),
    element(
      'thead',
      {},
      element('tr', {}, ...headers.map((text) => element('th', { text, attributes: { scope: 'col' } }))),
    ),
    element(
      'tbody',
      {},
      ...rows.map((cells) =>
        element(
          'tr',
          {},
          ...cells.map((text, index) =>
            index === 0 ? element('th', { text, attributes: { scope: 'row' } }) : element('td', { text }),
          ),
        ),
      ),
    ),
  );
}

/** A chart with a switch to the table of its figures. */
export class ChartWithTable {
  readonly toggle: HTMLButtonElement;
  private readonly table = element('div', { class: 'chart-table' });
  private build: (() => Child) | undefined;
  private shown = false;

  constructor(
    private readonly chart: HTMLElement,
    readonly element: HTMLElement,
    private readonly name: string,
  ) {
    this.toggle = linkButton('as table', () => this.setShown(!this.shown));
    this.toggle.setAttribute('aria-label', `${name} as table`);
    // It scrolls when it is long: the keyboard must get there.
    setAttributes(this.table, { tabindex: 0, role: 'group', 'aria-label': name });
    element.append(chart, this.table);
    this.table.hidden = true;
  }

  setTable(build: () => Child): void {
    this.build = build;
    if (this.shown) {
      fill(this.table, build());
    }
  }

  private setShown(shown: boolean): void {
    this.shown = shown;
    this.toggle.textContent = shown ? 'as chart' : 'as table';
    this.toggle.setAttribute('aria-label', `${this.name} ${this.toggle.textContent}`);
    this.chart.hidden = shown;
    this.table.hidden = !shown;
    fill(this.table, shown ? this.build?.() : undefined);
  }
}
