import { printable } from './terminal';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Longest a cell may be; the start of a name is cut, since its end tells it apart. */
  readonly max?: number;
  /** Narrowest it gets where the rows are too wide. @default 12 */
  readonly min?: number;
  /** Cut at the end instead, for prose. */
  readonly cut?: 'start' | 'end';
}

const NARROWEST = 12;

/**
 * Aligned plain text, two spaces between columns. Cells are made safe for terminals. `paint` styles the header. When the
 * rows are wider than `width`, the widest left-aligned column gives way.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { readonly width?: number; readonly paint?: (text: string) => string } = {},
): string {
  const { width = Infinity, paint = (text: string): string => text } = options;
  const safe = rows.map((row) => columns.map((_, i) => printable(row[i] ?? '')));
  const widths = columns.map((column, i) =>
    Math.min(column.max ?? Infinity, Math.max(length(column.title), ...safe.map((row) => length(row[i]!)))),
  );
  const total = (): number => widths.reduce((sum, w) => sum + w, 0) + 2 * (columns.length - 1);
  while (total() > width) {
    const candidates = columns.flatMap((column, i) =>
      column.align !== 'right' && widths[i]! > (column.min ?? NARROWEST) ? [i] : [],
    );
    const widest = candidates.reduce<number | undefined>(
      (best, i) => (best === undefined || widths[i]! > widths[best]! ? i : best),
      undefined,
    );
    if (widest === undefined) {
      break;
    }
    widths[widest] = Math.max(columns[widest]!.min ?? NARROWEST, widths[widest]! - Math.max(1, total() - width));
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const column = columns[i]!;
        const text = shorten(cell, widths[i]!, column.cut ?? 'start');
        const space = ' '.repeat(widths[i]! - length(text));
        return column.align === 'right' ? space + text : text + space;
      })
      .join('  ')
      .trimEnd();
  const titles = columns.map((column) => column.title);
  const header = titles.some((title) => title !== '') ? [paint(line(titles))] : [];
  return [...header, ...safe.map(line)].map((text) => `${text}\n`).join('');
}

/** Cuts a text to `limit` characters with an ellipsis. */
export function shorten(text: string, limit: number, cut: 'start' | 'end' = 'start'): string {
  const characters = Array.from(text);
  if (characters.length <= limit) {
    return text;
  }
  return cut === 'end'
    ? `${characters.slice(0, limit - 1).join('')}…`
    : `…${characters.slice(characters.length - limit + 1).join('')}`;
}

/** Code points; wide characters are rare in layer names and cost a column at most. */
function length(text: string): number {
  return Array.from(text).length;
}
