import { element, uniqueId } from '../controls/element';

const MOST_HEIGHT = 208;
const LARGEST_PIXEL = 14;
/** Between tiles. */
const GAP = 3;
/** Smaller cells have no room for the dash of what is negative; high contrast, with fewer shades, has it earlier. */
const DASHED_FROM = { usual: 10, highContrast: 6 };

export interface GridCell {
  readonly tile: number;
  readonly row: number;
  readonly column: number;
}

export interface PixelGridInput {
  readonly tiles: number;
  /** Of one tile. */
  readonly rows: number;
  readonly columns: number;
  /** −1…1: part of the full colour; what is negative has another colour and a dash. Tile after tile, row-major. */
  readonly values: readonly number[];
  /** Name and what it shows, for those who do not see it. */
  readonly label: string;
  /** Said of the cell under the pointer or the keyboard's cursor. */
  readonly cellText: (cell: GridCell) => string;
  /** Said while there is no cursor. */
  readonly restText: string;
}

/**
 * Numbers as coloured cells, in one tile or many: pointed at, or walked with the arrow keys, a cell says where it is and
 * what it holds.
 */
export class PixelGrid {
  readonly element: HTMLElement;
  private readonly pane: HTMLElement;
  private readonly canvas = element('canvas', { attributes: { 'aria-hidden': 'true' } });
  private readonly readout = element('div', { class: 'pixel-readout', attributes: { 'aria-live': 'polite' } });
  private input: PixelGridInput | undefined;
  private cursor: GridCell | undefined;
  private width = 0;
  private layout = { pixel: 1, perRow: 1 };

  constructor() {
    this.readout.id = uniqueId('readout');
    this.pane = element(
      'div',
      { class: 'pixel-pane', attributes: { role: 'application', tabindex: 0, 'aria-describedby': this.readout.id } },
      this.canvas,
    );
    this.element = element('div', { class: 'pixel-grid' }, this.pane, this.readout);
    this.pane.addEventListener('keydown', (event) => this.onKeyDown(event));
    this.pane.addEventListener('focus', () => {
      if (this.cursor === undefined && this.pane.matches(':focus-visible')) {
        this.moveTo({ tile: 0, row: 0, column: 0 });
      }
    });
    this.canvas.addEventListener('pointermove', (event) => this.moveTo(this.cellAt(event) ?? this.cursor));
    this.canvas.addEventListener('pointerleave', () => {
      if (document.activeElement !== this.pane) {
        this.moveTo(undefined);
      }
    });
    new ResizeObserver(() => {
      const width = Math.floor(this.element.clientWidth);
      if (width !== this.width) {
        this.width = width;
        // Its height follows from the width, which is no business of the same layout.
        requestAnimationFrame(() => this.draw());
      }
    }).observe(this.element);
    // A canvas does not follow the theme by itself.
    new MutationObserver(() => this.draw()).observe(document.body, { attributeFilter: ['class'] });
  }

  update(input: PixelGridInput): void {
    const before = this.input;
    this.input = input;
    if (before?.tiles !== input.tiles || before.rows !== input.rows || before.columns !== input.columns) {
      this.cursor = undefined;
    }
    this.pane.setAttribute('aria-label', input.label);
    this.draw();
  }

  private draw(): void {
    const { input, canvas, width } = this;
    if (input === undefined || width === 0) {
      return;
    }
    this.layout = layOut(input, width);
    const { pixel, perRow } = this.layout;
    const tileRows = Math.ceil(input.tiles / perRow);
    const across = Math.min(perRow, input.tiles) * (input.columns * pixel + GAP) - GAP;
    const down = tileRows * (input.rows * pixel + GAP) - GAP;
    const ratio = window.devicePixelRatio || 1;
    // A frame of one pixel on each side.
    canvas.width = Math.round((across + 2) * ratio);
    canvas.height = Math.round((down + 2) * ratio);
    canvas.style.setProperty('width', `${across + 2}px`);
    canvas.style.setProperty('height', `${down + 2}px`);
    const context = canvas.getContext('2d');
    if (context === null) {
      return;
    }
    context.setTransform(ratio, 0, 0, ratio, ratio, ratio);
    context.clearRect(-1, -1, across + 2, down + 2);
    this.paint(context, input);
    this.say();
  }

  private paint(context: CanvasRenderingContext2D, input: PixelGridInput): void {
    const style = getComputedStyle(this.pane);
    const read = (name: string) => style.getPropertyValue(name).trim();
    const colors = { ground: read('--lathe-surface'), up: read('--lathe-series'), down: read('--lathe-measured') };
    const { pixel } = this.layout;
    const highContrast = document.body.className.includes('high-contrast');
    const dashed = pixel >= (highContrast ? DASHED_FROM.highContrast : DASHED_FROM.usual);
    const cells = input.rows * input.columns;
    for (let tile = 0; tile < input.tiles; tile++) {
      const { x, y } = this.placeOf({ tile, row: 0, column: 0 });
      context.globalAlpha = 1;
      context.fillStyle = colors.ground;
      context.fillRect(x, y, input.columns * pixel, input.rows * pixel);
      for (let cell = 0; cell < cells; cell++) {
        const value = input.values[tile * cells + cell] ?? 0;
        if (value === 0) {
          continue;
        }
        const left = x + (cell % input.columns) * pixel;
        const top = y + Math.floor(cell / input.columns) * pixel;
        context.globalAlpha = Math.min(1, Math.abs(value));
        context.fillStyle = value > 0 ? colors.up : colors.down;
        context.fillRect(left, top, pixel, pixel);
        if (value < 0 && dashed) {
          context.globalAlpha = 1;
          context.fillStyle = read('--lathe-strong');
          context.fillRect(left + pixel / 2 - 1.5, top + Math.floor(pixel / 2), 3, 1);
        }
      }
      context.globalAlpha = 1;
      context.strokeStyle = read('--lathe-line');
      context.lineWidth = 1;
      context.strokeRect(x - 0.5, y - 0.5, input.columns * pixel + 1, input.rows * pixel + 1);
    }
    if (this.cursor !== undefined) {
      const { x, y } = this.placeOf(this.cursor);
      context.strokeStyle = read('--lathe-strong');
      context.lineWidth = 1.5;
      context.strokeRect(x - 0.75, y - 0.75, pixel + 1.5, pixel + 1.5);
    }
  }

  private placeOf({ tile, row, column }: GridCell): { x: number; y: number } {
    const { pixel, perRow } = this.layout;
    const { rows = 1, columns = 1 } = this.input ?? {};
    return {
      x: (tile % perRow) * (columns * pixel + GAP) + column * pixel,
      y: Math.floor(tile / perRow) * (rows * pixel + GAP) + row * pixel,
    };
  }

  private cellAt(event: PointerEvent): GridCell | undefined {
    const { input } = this;
    if (input === undefined) {
      return undefined;
    }
    const { pixel, perRow } = this.layout;
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left - 1;
    const y = event.clientY - box.top - 1;
    const tileWidth = input.columns * pixel + GAP;
    const tileHeight = input.rows * pixel + GAP;
    const tile = Math.floor(y / tileHeight) * perRow + Math.floor(x / tileWidth);
    const row = Math.floor((y % tileHeight) / pixel);
    const column = Math.floor((x % tileWidth) / pixel);
    const inside = x >= 0 && y >= 0 && x < perRow * tileWidth && row < input.rows && column < input.columns;
    return inside && tile < input.tiles ? { tile, row, column } : undefined;
  }

  private moveTo(cell: GridCell | undefined): void {
    if (cell?.tile !== this.cursor?.tile || cell?.row !== this.cursor?.row || cell?.column !== this.cursor?.column) {
      this.cursor = cell;
      this.draw();
    }
  }

  private say(): void {
    const { input, cursor } = this;
    if (input !== undefined) {
      const text = cursor === undefined ? input.restText : input.cellText(cursor);
      if (this.readout.textContent !== text) {
        this.readout.textContent = text;
      }
    }
  }

  private onKeyDown(event: KeyboardEvent): void {
    const { input } = this;
    if (input === undefined) {
      return;
    }
    const to = nextCell(this.cursor ?? { tile: 0, row: 0, column: 0 }, event, input, this.layout.perRow);
    if (to !== undefined) {
      event.preventDefault();
      this.moveTo(to);
    }
  }
}

/** The largest cells with which all tiles fit the width, and the height too where that is possible. */
function layOut(input: PixelGridInput, width: number): { pixel: number; perRow: number } {
  const room = width - 2 + GAP;
  for (let pixel = LARGEST_PIXEL; pixel > 1; pixel--) {
    const perRow = Math.floor(room / (input.columns * pixel + GAP));
    if (perRow >= 1 && Math.ceil(input.tiles / perRow) * (input.rows * pixel + GAP) - GAP <= MOST_HEIGHT) {
      return { pixel, perRow };
    }
  }
  return { pixel: 1, perRow: Math.max(1, Math.floor(room / (input.columns + GAP))) };
}

/** Cells go on from tile to tile, as they are seen; with Ctrl or Command by whole tiles. */
function nextCell(
  { tile, row, column }: GridCell,
  { key, ctrlKey, metaKey }: KeyboardEvent,
  { tiles, rows, columns }: PixelGridInput,
  perRow: number,
): GridCell | undefined {
  const far = ctrlKey || metaKey;
  const at = (to: number, cell: { row: number; column: number }, stay: GridCell): GridCell =>
    to >= 0 && to < tiles ? { tile: to, ...cell } : stay;
  const here = { tile, row, column };
  switch (key) {
    case 'ArrowRight':
      return !far && column < columns - 1
        ? { ...here, column: column + 1 }
        : at(tile + 1, { row, column: far ? column : 0 }, here);
    case 'ArrowLeft':
      return !far && column > 0
        ? { ...here, column: column - 1 }
        : at(tile - 1, { row, column: far ? column : columns - 1 }, here);
    case 'ArrowDown':
      return !far && row < rows - 1
        ? { ...here, row: row + 1 }
        : at(tile + perRow, { row: far ? row : 0, column }, here);
    case 'ArrowUp':
      return !far && row > 0
        ? { ...here, row: row - 1 }
        : at(tile - perRow, { row: far ? row : rows - 1, column }, here);
    case 'Home':
      return { tile: 0, row: 0, column: 0 };
    case 'End':
      return { tile: tiles - 1, row: rows - 1, column: columns - 1 };
    default:
      return undefined;
  }
}
