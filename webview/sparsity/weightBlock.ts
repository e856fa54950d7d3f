import type { BlockPlace, MaskBlock, PlaneShape } from '../../src/protocol/sparsity';
import type { LayerSummary } from '../../src/protocol/model';
import type { SparsityChoice } from '../../src/protocol/webviewProtocol';
import { element, fill, hiddenText, setAttributes, svgElement, uniqueId, type Child } from '../controls/element';
import { Stepper } from '../controls/stepper';
import { linkButton } from '../controls/toolkit';
import type { EditorModel } from '../editor/editorModel';
import { errorLine, loadingLine } from '../editor/messages';
import { exact, share, significant } from '../text/numbers';
import { drawBlock, drawCursor, isTiled, keptCells, MARGIN } from './blockDrawing';
import { BlockReader } from './blockReader';
import { methodNames, patternText } from './names';

/** Rows and columns in sight. */
const WINDOW = 32;
const LEAST_PITCH = 10;
const MOST_PITCH = 20;

/** A window on one plane of the selected weight with its mask: scroll it, walk it with the arrow keys. */
export class WeightBlock {
  readonly element: HTMLElement;
  private readonly place = element('span', { class: 'section-note' });
  private readonly positions: Stepper;
  private readonly groups: Stepper;
  private readonly tableToggle: HTMLButtonElement;
  private readonly message = element('div');
  private readonly pane: HTMLElement;
  private readonly spacer = element('div', { class: 'block-spacer' });
  private readonly svg = svgElement('svg', { class: 'block-drawing', 'aria-hidden': 'true' });
  private readonly drawing = svgElement('g');
  private readonly cursorDrawing = svgElement('g');
  private readonly table = element('div', {
    class: 'block-table',
    attributes: { tabindex: 0, role: 'region', 'aria-label': 'Weight block as table' },
  });
  private readonly readout = element('div', { class: 'block-readout', attributes: { 'aria-live': 'polite' } });
  private readonly legend = element('div', { class: 'legend', attributes: { 'aria-hidden': 'true' } });
  private readonly reader: BlockReader;
  private layer: LayerSummary | undefined;
  private choice: SparsityChoice | undefined;
  private plane: PlaneShape | undefined;
  private rowGroup = 0;
  private position = 0;
  private first = { row: 0, column: 0 };
  private cursor: { readonly row: number; readonly column: number } | undefined;
  private asTable = false;
  private drawn: readonly unknown[] = [];
  private pitch = LEAST_PITCH;

  constructor(private readonly model: EditorModel) {
    this.reader = new BlockReader(model);
    this.positions = new Stepper('Kernel position', (position) => this.go({ position }));
    this.groups = new Stepper('Group', (rowGroup) => this.go({ rowGroup }));
    this.tableToggle = linkButton('as table', () => {
      this.asTable = !this.asTable;
      this.drawn = [];
      model.changed();
    });
    this.tableToggle.setAttribute('aria-label', 'Weight block as table');
    const readoutId = uniqueId('readout');
    this.readout.id = readoutId;
    this.svg.append(this.drawing, this.cursorDrawing);
    this.spacer.append(this.svg);
    this.pane = element(
      'div',
      {
        class: 'block-pane',
        attributes: { role: 'application', tabindex: 0, 'aria-label': 'Weight block', 'aria-describedby': readoutId },
      },
      this.spacer,
    );
    this.pane.addEventListener('scroll', () => this.onScroll());
    this.pane.addEventListener('keydown', (event) => this.onKeyDown(event));
    this.pane.addEventListener('focus', () => {
      if (this.cursor === undefined && this.plane !== undefined && this.pane.matches(':focus-visible')) {
        this.moveTo(this.first.row, this.first.column);
      }
    });
    this.pane.addEventListener('pointermove', (event) => this.onPointerMove(event));
    this.pane.addEventListener('pointerleave', () => {
      if (document.activeElement !== this.pane) {
        this.cursor = undefined;
        this.updateCursor();
      }
    });
    this.element = element(
      'section',
      { class: 'block', attributes: { 'aria-label': 'Weight block' } },
      element(
        'div',
        { class: 'section-head' },
        element('h2', { class: 'section-title', text: 'Weights' }),
        this.place,
        element('span', { class: 'spacer' }),
        this.groups.element,
        this.positions.element,
        this.tableToggle,
      ),
      this.message,
      this.pane,
      this.table,
      this.readout,
      this.legend,
    );
  }

  update(layer: LayerSummary | undefined, choice: SparsityChoice): void {
    if (layer?.name !== this.layer?.name) {
      this.plane = undefined;
      this.rowGroup = 0;
      this.position = 0;
      this.first = { row: 0, column: 0 };
      this.cursor = undefined;
      this.pane.scrollTo(0, 0);
    }
    this.layer = layer;
    if (layer !== undefined) {
      this.reader.want(this.wish(layer), choice);
    }
    const { block, failure } = this.reader;
    // What cannot be masked is shown as it is.
    const method = choice.method === 'dense' || block?.masks[choice.method] === undefined ? 'dense' : choice.method;
    this.choice = { ...choice, method };
    const inputs = [layer, block, failure, method, this.asTable];
    if (inputs.every((input, index) => input === this.drawn[index]) && this.drawn.length > 0) {
      return;
    }
    this.drawn = inputs;
    const shown = layer !== undefined && block !== undefined && failure === undefined;
    for (const part of [this.place, this.tableToggle, this.readout, this.legend]) {
      part.hidden = !shown;
    }
    this.pane.hidden = !shown || this.asTable;
    this.table.hidden = !shown || !this.asTable;
    fill(this.message, this.missing(layer, block, failure));
    if (shown) {
      this.show(layer, block, method);
    } else {
      this.positions.element.hidden = true;
      this.groups.element.hidden = true;
    }
  }

  private missing(layer: LayerSummary | undefined, block: MaskBlock | undefined, failure: string | undefined): Child {
    if (layer === undefined) {
      return element('div', { class: 'empty', text: 'No layer selected: click one in the table' });
    }
    if (failure !== undefined) {
      return errorLine({ code: 'sparsity/block', message: failure });
    }
    return block === undefined ? loadingLine('Reading the weights') : undefined;
  }

  private show(layer: LayerSummary, block: MaskBlock, method: SparsityChoice['method']): void {
    const { plane } = block;
    this.plane = plane;
    const kernel = plane.kernel.reduce((all, size) => all * size, 1);
    this.positions.update(this.position, kernel, `kernel ${kernelIndex(block).join(', ')}`);
    this.groups.update(
      this.rowGroup,
      plane.rowGroups,
      `group ${exact(this.rowGroup + 1)} of ${exact(plane.rowGroups)}`,
    );
    this.place.textContent = `${exact(plane.rows)} out × ${exact(plane.columns)} in`;
    this.tableToggle.textContent = this.asTable ? 'as picture' : 'as table';
    this.tableToggle.setAttribute('aria-label', `Weight block ${this.tableToggle.textContent}`);
    fill(
      this.legend,
      ...(this.asTable ? [method === 'dense' ? undefined : 'struck through: pruned'] : legendItems(block, method)),
    );
    if (this.asTable) {
      fill(this.table, blockTable(block, method));
    } else {
      this.layOut(plane);
      fill(this.drawing, ...drawBlock(block, method, this.pitch));
      this.pane.setAttribute(
        'aria-label',
        `Weight block of ${layer.shortName}: ${placeText(block)}, ${methodText(block, method)}`,
      );
    }
    this.updateCursor();
  }

  /** The pane shows whole cells; the spacer behind makes the browser's own scroll bars fit the plane. */
  private layOut(plane: PlaneShape): void {
    const rows = Math.min(WINDOW, plane.rows);
    const columns = Math.min(WINDOW, plane.columns);
    const most = Math.max(rows, columns);
    this.pitch = Math.max(LEAST_PITCH, Math.min(MOST_PITCH, Math.floor((WINDOW * LEAST_PITCH) / most)));
    const width = MARGIN.left + columns * this.pitch + 1;
    const height = MARGIN.top + rows * this.pitch + 1;
    setAttributes(this.svg, { width, height });
    const { style } = this.pane;
    this.pane.classList.toggle('scrolls-down', plane.rows > rows);
    this.pane.classList.toggle('scrolls-across', plane.columns > columns);
    style.setProperty('--block-width', `${width + this.pane.offsetWidth - this.pane.clientWidth}px`);
    style.setProperty('--block-height', `${height + this.pane.offsetHeight - this.pane.clientHeight}px`);
    this.spacer.style.setProperty('width', `${this.pane.clientWidth + (plane.columns - columns) * this.pitch}px`);
    this.spacer.style.setProperty('height', `${this.pane.clientHeight + (plane.rows - rows) * this.pitch}px`);
  }

  private wish(layer: LayerSummary): BlockPlace {
    return {
      layer: layer.name,
      rowGroup: this.rowGroup,
      position: this.position,
      row: this.first.row,
      column: this.first.column,
      rows: WINDOW,
      columns: WINDOW,
    };
  }

  private go(to: { readonly position?: number; readonly rowGroup?: number }): void {
    this.position = to.position ?? this.position;
    this.rowGroup = to.rowGroup ?? this.rowGroup;
    this.model.changed();
  }

  private onScroll(): void {
    const { plane, pitch } = this;
    if (plane === undefined) {
      return;
    }
    const row = Math.min(Math.round(this.pane.scrollTop / pitch), Math.max(0, plane.rows - WINDOW));
    const column = Math.min(Math.round(this.pane.scrollLeft / pitch), Math.max(0, plane.columns - WINDOW));
    if (row !== this.first.row || column !== this.first.column) {
      this.first = { row, column };
      this.model.changed();
    }
  }

  private onPointerMove(event: PointerEvent): void {
    const { block } = this.reader;
    if (block === undefined) {
      return;
    }
    const box = this.svg.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - MARGIN.top) / this.pitch);
    const column = Math.floor((event.clientX - box.left - MARGIN.left) / this.pitch);
    const inside = row >= 0 && column >= 0 && row < block.rows && column < block.columns;
    if (inside) {
      this.cursor = { row: block.row + row, column: block.column + column };
      this.updateCursor();
    }
  }

  private onKeyDown(event: KeyboardEvent): void {
    const { plane } = this;
    if (plane === undefined) {
      return;
    }
    const at = this.cursor ?? this.first;
    const whole = event.ctrlKey || event.metaKey;
    const far = event.shiftKey ? (this.choice?.group ?? 1) : 1;
    const targets: Partial<Record<string, readonly [number, number]>> = {
      ArrowDown: [at.row + far, at.column],
      ArrowUp: [at.row - far, at.column],
      ArrowRight: [at.row, at.column + far],
      ArrowLeft: [at.row, at.column - far],
      PageDown: whole ? [at.row, at.column + WINDOW] : [at.row + WINDOW, at.column],
      PageUp: whole ? [at.row, at.column - WINDOW] : [at.row - WINDOW, at.column],
      Home: [whole ? 0 : at.row, 0],
      End: [whole ? plane.rows - 1 : at.row, plane.columns - 1],
    };
    const to = targets[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.moveTo(...to);
    }
  }

  /** Puts the cursor there and brings it in sight. */
  private moveTo(row: number, column: number): void {
    const { plane } = this;
    if (plane === undefined) {
      return;
    }
    this.cursor = {
      row: Math.max(0, Math.min(row, plane.rows - 1)),
      column: Math.max(0, Math.min(column, plane.columns - 1)),
    };
    const seen = (first: number, at: number) => Math.max(at - WINDOW + 1, Math.min(first, at));
    const top = seen(this.first.row, this.cursor.row);
    const left = seen(this.first.column, this.cursor.column);
    if (top !== this.first.row || left !== this.first.column) {
      this.pane.scrollTo(left * this.pitch, top * this.pitch);
    }
    this.updateCursor();
  }

  private updateCursor(): void {
    const { block } = this.reader;
    const method = this.choice?.method ?? 'dense';
    if (block === undefined) {
      return;
    }
    const { cursor } = this;
    fill(this.cursorDrawing, ...(cursor === undefined ? [] : drawCursor(block, method, cursor, this.pitch)));
    this.readout.textContent = cursor === undefined ? blockText(block, method) : cellText(block, method, cursor);
  }
}

function kernelIndex(block: MaskBlock): number[] {
  const index: number[] = [];
  let rest = block.position;
  for (const size of [...block.plane.kernel].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

/** "out 0–31, in 0–31 of 64 × 64". */
function placeText(block: MaskBlock): string {
  const range = (first: number, count: number) => `${exact(first)}–${exact(first + count - 1)}`;
  return `out ${range(block.row, block.rows)} of ${exact(block.plane.rows)}, in ${range(block.column, block.columns)} of ${exact(block.plane.columns)}`;
}

function methodText(block: MaskBlock, method: SparsityChoice['method']): string {
  return method === 'dense' ? 'without a mask' : `${patternText(block)} ${methodNames[method]}`;
}

/** What the mask does to the block in sight. */
function blockText(block: MaskBlock, method: SparsityChoice['method']): string {
  const kept = keptCells(block, method);
  const sum = (counts: (index: number) => boolean) =>
    block.values.reduce((all, value, index) => (counts(index) ? all + Math.abs(value) : all), 0);
  if (method === 'dense') {
    const zeros = block.values.filter((value) => value === 0).length;
    return `${exact(block.values.length)} weights in sight, ${zeros === 0 ? 'none is zero' : `${exact(zeros)} zero`}`;
  }
  const total = sum(() => true);
  const amount = kept.filter((one) => one).length;
  const part = total === 0 ? 1 : sum((index) => kept[index] === true) / total;
  return `${exact(amount)} of ${exact(kept.length)} in sight kept, ${share(part)} of their |w|`;
}

function cellText(
  block: MaskBlock,
  method: SparsityChoice['method'],
  cursor: { readonly row: number; readonly column: number },
): string {
  const row = cursor.row - block.row;
  const column = cursor.column - block.column;
  const index = row * block.columns + column;
  const value = row >= 0 && column >= 0 && column < block.columns ? block.values[index] : undefined;
  const place = `out ${exact(cursor.row)}, in ${exact(cursor.column)}`;
  if (value === undefined) {
    return place;
  }
  if (method === 'dense') {
    return `${place}: ${significant(value)}`;
  }
  const kept = keptCells(block, method)[index] === true;
  return `${place}: ${significant(value)}, ${kept ? 'kept' : 'pruned'}`;
}

function legendItems(block: MaskBlock, method: SparsityChoice['method']): Child[] {
  const sample = (...parts: Child[]) => svgElement('svg', { width: 12, height: 12 }, ...parts);
  const item = (text: string, picture: Child) => element('span', { class: 'legend-item' }, picture, text);
  const ramp = svgElement(
    'svg',
    { width: 36, height: 12 },
    ...[2, 4, 6].map((level, index) =>
      svgElement('rect', { x: index * 12, y: 1, width: 10, height: 10, class: `kept kept-${level}` }),
    ),
  );
  const kept = item(method === 'dense' ? `|w|, full from ${significant(block.scale, 2)}` : 'kept, by |w|', ramp);
  if (method === 'dense') {
    return [
      kept,
      item('zero', sample(svgElement('rect', { x: 1.5, y: 1.5, width: 9, height: 9, class: 'block-frame' }))),
    ];
  }
  const tiled = isTiled(method);
  const lines = tiled ? `${block.group} × ${block.group} tiles` : `groups of ${block.group} along in`;
  return [
    kept,
    item(
      'pruned, by |w|',
      svgElement(
        'svg',
        { width: 20, height: 12 },
        svgElement('circle', { cx: 5, cy: 6, r: 1, class: 'pruned' }),
        svgElement('circle', { cx: 14, cy: 6, r: 2.1, class: 'pruned' }),
      ),
    ),
    item(
      lines,
      sample(svgElement('path', { d: tiled ? 'M1.5,1.5h9v9h-9z' : 'M1.5,3.5h9v5h-9z', class: 'group-line' })),
    ),
  ];
}

function blockTable(block: MaskBlock, method: SparsityChoice['method']): HTMLElement {
  const kept = keptCells(block, method);
  const columns = Array.from({ length: block.columns }, (_, column) => exact(block.column + column));
  return element(
    'table',
    { class: 'figures' },
    element('caption', {
      class: 'visually-hidden',
      text: `Weights, ${placeText(block)}, ${methodText(block, method)}; rows are output channels, columns input channels`,
    }),
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        element('th', { text: 'out \\ in', attributes: { scope: 'col' } }),
        ...columns.map((text) => element('th', { text, attributes: { scope: 'col' } })),
      ),
    ),
    element(
      'tbody',
      {},
      ...Array.from({ length: block.rows }, (_, row) =>
        element(
          'tr',
          {},
          element('th', { text: exact(block.row + row), attributes: { scope: 'row' } }),
          ...columns.map((_text, column) => {
            const index = row * block.columns + column;
            const text = significant(block.values[index] ?? 0, 2);
            return kept[index] === true
              ? element('td', { text })
              : element('td', {}, element('s', { text }), hiddenText(' pruned'));
          }),
        ),
      ),
    ),
  );
}
