import type { Child } from '../controls/element';

export interface Column<Row> {
  /** Stable: it is kept over reloads. */
  readonly id: string;
  readonly header: string;
  /** What the figure means, for the tooltip of the header and the column chooser. */
  readonly explanation: string;
  readonly align: 'start' | 'end' | 'center';
  /** What is sorted and copied; undefined sorts last and is an empty cell of the CSV. */
  value(row: Row): string | number | undefined;
  /** What is shown. */
  text(row: Row): string;
  /** Shown instead of the text, which stays what is measured for the width. */
  readonly content?: (row: Row) => Child;
  readonly cellTitle?: (row: Row) => string | undefined;
  /** Content wider than this is cut with an ellipsis, in pixels. */
  readonly maxWidth?: number;
  /** Weaker colour: for what is read second. */
  readonly quiet?: boolean;
}

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

/** A sorted copy. Rows without a value come last in both directions; ties keep the order they came in. */
export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: Sort | undefined): Row[] {
  const column = columns.find((candidate) => candidate.id === sort?.column);
  if (column === undefined || sort === undefined) {
    return [...rows];
  }
  const keyed = rows.map((row, index) => ({ row, index, value: column.value(row) }));
  const direction = sort.descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.value === undefined || b.value === undefined) {
      return Number(a.value === undefined) - Number(b.value === undefined) || a.index - b.index;
    }
    return direction * compare(a.value, b.value) || a.index - b.index;
  });
  return keyed.map((entry) => entry.row);
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
}
