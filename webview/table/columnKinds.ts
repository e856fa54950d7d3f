import type { Column } from './column';

type More<Row> = Partial<Omit<Column<Row>, 'id' | 'header' | 'explanation'>>;

/** Words: what is shown is what is sorted. */
export function textColumn<Row>(
  id: string,
  header: string,
  explanation: string,
  text: (row: Row) => string | undefined,
  more: More<Row> = {},
): Column<Row> {
  return { id, header, explanation, align: 'start', value: text, text: (row) => text(row) ?? '', ...more };
}

/** A figure, as `format` writes it; an empty cell where there is none. */
export function numberColumn<Row>(
  id: string,
  header: string,
  explanation: string,
  value: (row: Row) => number | undefined,
  format: (value: number) => string,
  more: More<Row> = {},
): Column<Row> {
  const text = (row: Row): string => {
    const known = value(row);
    return known === undefined ? '' : format(known);
  };
  return { id, header, explanation, align: 'end', value, text, ...more };
}
