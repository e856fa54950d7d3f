import './table.css';
import { element, fill, setAttributes, uniqueId } from '../controls/element';
import { textWidth } from '../text/measureText';
import { sortRows, type Column, type Sort } from './column';

/** Pixels; the style sheet draws rows of this height. */
export const ROW_HEIGHT = 24;
const CELL_PADDING = 20;
const SORT_MARK = 14;
const OVERSCAN = 6;
/** Rows whose text is measured for the width of a column; with more rows, these are spread over all of them. */
const MEASURED_ROWS = 300;

export interface VirtualTableOptions<Row> {
  readonly label: string;
  readonly key: (row: Row) => string;
  readonly onSelect: (row: Row) => void;
  /** Enter, or a second click on the selected row (a double click where several can be selected). `cell` is where a menu may be put. */
  readonly onActivate?: (row: Row, cell: DOMRect) => void;
  /**
   * Makes several rows selectable: Ctrl+click or Space adds and takes away, Shift+arrow extends, Ctrl+A takes all. Called
   * with the keys of all selected rows, by place; `onSelect` then tells of the row under the cursor only.
   */
  readonly onSelectMany?: (keys: readonly string[]) => void;
  readonly onSort: (sort: Sort) => void;
  readonly onScroll?: (scrollTop: number) => void;
  readonly rowClass?: (row: Row) => string;
}

/**
 * A grid that draws only the rows in sight: ten thousand rows cost what forty cost. One tab stop; arrow keys walk the
 * cells, the row under the cursor is the selected one, Enter on a heading sorts.
 */
export class VirtualTable<Row> {
  readonly element: HTMLElement;
  private readonly id = uniqueId('table');
  private readonly head = element('div', {
    class: 'table-row table-head',
    attributes: { role: 'row', 'aria-rowindex': 1 },
  });
  private readonly body = element('div', { class: 'table-body', attributes: { role: 'rowgroup' } });
  private columns: readonly Column<Row>[] = [];
  private source: readonly Row[] = [];
  private rows: readonly Row[] = [];
  private indexByKey = new Map<string, number>();
  private sort: Sort | undefined;
  private selected: string | undefined;
  private many: ReadonlySet<string> = new Set();
  /** Cursor: row −1 is the heading. */
  private cursor = { row: 0, column: 0 };
  private readonly drawn = new Map<number, HTMLElement>();
  private frame = 0;
  /** Height and scroll position as last heard of: asking the element in mid-frame would make it lay out again. */
  private room = 0;
  private top = 0;

  constructor(private readonly options: VirtualTableOptions<Row>) {
    this.element = element(
      'div',
      {
        class: 'table',
        attributes: {
          role: 'grid',
          tabindex: 0,
          'aria-label': options.label,
          'aria-multiselectable': options.onSelectMany === undefined ? undefined : 'true',
        },
      },
      element('div', { class: 'table-head-group', attributes: { role: 'rowgroup' } }, this.head),
      this.body,
    );
    this.element.addEventListener('scroll', () => {
      this.top = this.element.scrollTop;
      this.schedule();
      options.onScroll?.(this.top);
    });
    this.element.addEventListener('keydown', (event) => this.onKeyDown(event));
    this.element.addEventListener('focus', () => this.markCursor());
    this.element.addEventListener('blur', () => this.markCursor());
    new ResizeObserver(() => {
      this.room = this.element.clientHeight;
      this.schedule();
    }).observe(this.element);
  }

  /** Shows these rows, sorted; keeps the scroll position and the selection. */
  show(rows: readonly Row[], columns: readonly Column<Row>[], sort: Sort | undefined): void {
    this.source = rows;
    this.columns = columns;
    this.sort = sort;
    this.rows = sortRows(rows, columns, sort);
    this.indexByKey = new Map(this.rows.map((row, index) => [this.options.key(row), index]));
    this.cursor.column = Math.min(this.cursor.column, Math.max(0, columns.length - 1));
    this.cursor.row = Math.min(this.cursor.row, this.rows.length - 1);
    this.body.style.setProperty('height', `${this.rows.length * ROW_HEIGHT}px`);
    setAttributes(this.element, { 'aria-rowcount': this.rows.length + 1, 'aria-colcount': columns.length });
    this.layOutColumns();
    this.drawHead();
    this.redraw();
  }

  /** Rows as shown now. */
  get visibleRows(): readonly Row[] {
    return this.rows;
  }

  get visibleColumns(): readonly Column<Row>[] {
    return this.columns;
  }

  select(key: string | undefined): void {
    if (this.selected === key) {
      return;
    }
    this.selected = key;
    const index = key === undefined ? undefined : this.indexByKey.get(key);
    if (index !== undefined && this.cursor.row !== index) {
      this.cursor.row = index;
      this.scrollToRow(index);
    }
    for (const [row, node] of this.drawn) {
      this.markRow(row, node);
    }
    this.markCursor();
  }

  /** Of a table of which several rows can be selected; the cursor goes to `current`. */
  selectMany(keys: ReadonlySet<string>, current: string | undefined): void {
    this.many = keys;
    this.selected = undefined;
    this.select(current);
    for (const [row, node] of this.drawn) {
      this.markRow(row, node);
    }
  }

  get scrollTop(): number {
    return this.element.scrollTop;
  }

  set scrollTop(value: number) {
    this.element.scrollTop = value;
  }

  private layOutColumns(): void {
    const step = Math.max(1, Math.floor(this.source.length / MEASURED_ROWS));
    const widths = this.columns.map((column) => {
      let widest = textWidth(column.header, '12px') + SORT_MARK;
      for (let index = 0; index < this.source.length; index += step) {
        widest = Math.max(widest, textWidth(column.text(this.source[index]!)));
      }
      return Math.ceil(Math.min(widest, column.maxWidth ?? 260)) + CELL_PADDING;
    });
    // Spare room goes to the columns in proportion to what they hold, so that a wide window does not tear rows apart.
    this.element.style.setProperty('--columns', widths.map((width) => `minmax(${width}px, ${width}fr)`).join(' '));
    this.element.style.setProperty('--table-width', `${widths.reduce((sum, width) => sum + width, 0)}px`);
  }

  private drawHead(): void {
    fill(
      this.head,
      ...this.columns.map((column, index) => {
        const direction =
          this.sort?.column === column.id ? (this.sort.descending ? 'descending' : 'ascending') : undefined;
        const mark = direction === undefined ? '' : direction === 'ascending' ? '▲' : '▼';
        return element(
          'div',
          {
            class: `table-cell align-${column.align}`,
            title: column.explanation,
            attributes: {
              role: 'columnheader',
              id: this.cellId(-1, index),
              'aria-colindex': index + 1,
              'aria-sort': direction ?? 'none',
              'data-column': column.id,
            },
            onClick: () => this.sortBy(index),
          },
          element('span', { class: 'table-label', text: column.header }),
          element('span', { class: 'table-sort', text: mark, attributes: { 'aria-hidden': 'true' } }),
        );
      }),
    );
  }

  private sortBy(index: number): void {
    const column = this.columns[index];
    if (column === undefined) {
      return;
    }
    this.cursor = { row: -1, column: index };
    const first = column.align === 'start' ? false : true;
    const descending = this.sort?.column === column.id ? !this.sort.descending : first;
    this.options.onSort({ column: column.id, descending });
  }

  private schedule(): void {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }
  }

  private redraw(): void {
    this.drawn.clear();
    this.body.replaceChildren();
    this.draw();
  }

  private draw(): void {
    const first = Math.max(0, Math.floor(this.top / ROW_HEIGHT) - OVERSCAN);
    const last = Math.min(this.rows.length - 1, Math.ceil((this.top + this.room) / ROW_HEIGHT) + OVERSCAN);
    for (const [index, node] of this.drawn) {
      // The row under the cursor stays in the tree: the grid's active descendant must exist.
      if ((index < first || index > last) && index !== this.cursor.row) {
        node.remove();
        this.drawn.delete(index);
      }
    }
    const added: HTMLElement[] = [];
    for (let index = first; index <= last; index++) {
      if (!this.drawn.has(index)) {
        const node = this.drawRow(index);
        this.drawn.set(index, node);
        added.push(node);
      }
    }
    this.body.append(...added);
    this.markCursor();
  }

  private drawRow(index: number): HTMLElement {
    const row = this.rows[index]!;
    const node = element(
      'div',
      {
        class: `table-row ${this.options.rowClass?.(row) ?? ''}`,
        attributes: { role: 'row', 'aria-rowindex': index + 2, 'data-key': this.options.key(row) },
      },
      ...this.columns.map((column, at) => this.drawCell(row, index, column, at)),
    );
    node.style.setProperty('top', `${index * ROW_HEIGHT}px`);
    this.markRow(index, node);
    return node;
  }

  private drawCell(row: Row, index: number, column: Column<Row>, at: number): HTMLElement {
    const text = column.text(row);
    const cell = element(
      'div',
      {
        class: `table-cell align-${column.align}${column.quiet === true ? ' quiet' : ''}`,
        title: column.cellTitle?.(row) ?? (column.align === 'start' ? text : undefined),
        attributes: { role: 'gridcell', id: this.cellId(index, at), 'aria-colindex': at + 1, 'data-column': column.id },
      },
      column.content === undefined ? text : column.content(row),
    );
    cell.addEventListener('click', (event) => {
      // Where several rows can be selected, clicking one of them leaves that one: a double click acts.
      const again =
        this.options.onSelectMany === undefined
          ? this.selected === this.options.key(row) && document.activeElement === this.element
          : event.detail === 2;
      this.cursor = { row: index, column: at };
      this.element.focus({ preventScroll: true });
      if (this.options.onSelectMany !== undefined && (event.ctrlKey || event.metaKey)) {
        this.toggle(index);
        return;
      }
      this.choose(index);
      if (again) {
        this.options.onActivate?.(row, cell.getBoundingClientRect());
      }
    });
    return cell;
  }

  private choose(index: number): void {
    const row = this.rows[index];
    if (row !== undefined) {
      this.cursor.row = index;
      this.select(this.options.key(row));
      this.options.onSelect(row);
      this.selectKeys(new Set([this.options.key(row)]));
      this.markCursor();
    }
  }

  private toggle(index: number): void {
    const row = this.rows[index];
    if (row !== undefined) {
      const key = this.options.key(row);
      const keys = new Set(this.many);
      if (!keys.delete(key)) {
        keys.add(key);
      }
      this.cursor.row = index;
      this.selected = key;
      this.options.onSelect(row);
      this.selectKeys(keys);
      this.markCursor();
    }
  }

  private selectKeys(keys: ReadonlySet<string>): void {
    if (this.options.onSelectMany !== undefined) {
      this.many = keys;
      for (const [row, node] of this.drawn) {
        this.markRow(row, node);
      }
      this.options.onSelectMany(this.rows.map((row) => this.options.key(row)).filter((key) => keys.has(key)));
    }
  }

  private markRow(index: number, node: HTMLElement): void {
    const row = this.rows[index];
    const key = row === undefined ? undefined : this.options.key(row);
    const selected =
      key !== undefined && (this.options.onSelectMany === undefined ? key === this.selected : this.many.has(key));
    node.setAttribute('aria-selected', String(selected));
  }

  private markCursor(): void {
    for (const cell of this.element.querySelectorAll('.is-cursor')) {
      cell.classList.remove('is-cursor');
    }
    const id = this.cellId(this.cursor.row, this.cursor.column);
    const cell = document.getElementById(id);
    if (cell === null) {
      this.element.removeAttribute('aria-activedescendant');
      return;
    }
    cell.classList.add('is-cursor');
    this.element.setAttribute('aria-activedescendant', id);
  }

  private cellId(row: number, column: number): string {
    return `${this.id}-${row < 0 ? 'head' : row}-${column}`;
  }

  private onKeyDown(event: KeyboardEvent): void {
    if (event.target !== this.element) {
      return;
    }
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT) - 2);
    const whole = event.ctrlKey || event.metaKey;
    const { row, column } = this.cursor;
    if (this.options.onSelectMany !== undefined && this.onManyKey(event, whole)) {
      event.preventDefault();
      return;
    }
    switch (event.key) {
      case 'ArrowDown':
        this.moveTo(row + 1, column);
        break;
      case 'ArrowUp':
        this.moveTo(row - 1, column);
        break;
      case 'PageDown':
        this.moveTo(row + page, column);
        break;
      case 'PageUp':
        this.moveTo(Math.max(0, row - page), column);
        break;
      case 'ArrowRight':
        this.moveTo(row, column + 1);
        break;
      case 'ArrowLeft':
        this.moveTo(row, column - 1);
        break;
      case 'Home':
        this.moveTo(whole ? 0 : row, 0);
        break;
      case 'End':
        this.moveTo(whole ? this.rows.length - 1 : row, this.columns.length - 1);
        break;
      case 'Enter':
      case ' ':
        this.enter();
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  /** Whether the key was one of those that select several rows. */
  private onManyKey(event: KeyboardEvent, whole: boolean): boolean {
    const { row } = this.cursor;
    if (event.key === ' ' && row >= 0) {
      this.toggle(row);
      return true;
    }
    if (whole && event.key === 'a') {
      this.selectKeys(new Set(this.rows.map((one) => this.options.key(one))));
      return true;
    }
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const next = this.rows[row + by];
    if (by !== 0 && event.shiftKey && next !== undefined) {
      const keys = new Set(this.many).add(this.options.key(next));
      this.scrollToRow(row + by);
      this.draw();
      this.cursor.row = row + by;
      this.selected = this.options.key(next);
      this.options.onSelect(next);
      this.selectKeys(keys);
      this.markCursor();
      return true;
    }
    return false;
  }

  private enter(): void {
    const { row, column } = this.cursor;
    if (row < 0) {
      this.sortBy(column);
      return;
    }
    const target = this.rows[row];
    const cell = document.getElementById(this.cellId(row, column));
    if (target !== undefined && cell !== null) {
      this.options.onActivate?.(target, cell.getBoundingClientRect());
    }
  }

  private moveTo(row: number, column: number): void {
    this.cursor.column = Math.max(0, Math.min(column, this.columns.length - 1));
    const target = Math.max(-1, Math.min(row, this.rows.length - 1));
    if (target >= 0 && target !== this.cursor.row) {
      this.scrollToRow(target);
      this.draw();
      this.choose(target);
    } else {
      this.cursor.row = target;
      this.markCursor();
    }
    this.scrollToColumn();
  }

  private scrollToRow(index: number): void {
    const top = index * ROW_HEIGHT;
    const room = this.element.clientHeight - this.head.offsetHeight - ROW_HEIGHT;
    if (top < this.element.scrollTop) {
      this.element.scrollTop = top;
    } else if (top > this.element.scrollTop + room) {
      // Whole rows: none is cut under the heading.
      this.element.scrollTop = Math.ceil((top - room) / ROW_HEIGHT) * ROW_HEIGHT;
    }
    this.top = this.element.scrollTop;
    this.schedule();
  }

  private scrollToColumn(): void {
    const cell = document.getElementById(this.cellId(this.cursor.row, this.cursor.column));
    if (cell === null || this.cursor.column === 0) {
      this.element.scrollLeft = this.cursor.column === 0 ? 0 : this.element.scrollLeft;
      return;
    }
    const frozen = this.head.firstElementChild?.clientWidth ?? 0;
    const left = cell.offsetLeft;
    const right = left + cell.offsetWidth;
    if (left < this.element.scrollLeft + frozen) {
      this.element.scrollLeft = left - frozen;
    } else if (right > this.element.scrollLeft + this.element.clientWidth) {
      this.element.scrollLeft = right - this.element.clientWidth;
    }
  }
}
