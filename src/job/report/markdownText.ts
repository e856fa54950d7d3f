/** Text in a table cell or paragraph of Markdown: no markup, no HTML, no line breaks, no mentions. */
export function markdownText(value: string): string {
  return value
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/[\\`*_{}[\]<>#|~!&]/g, (c) => `\\${c}`)
    .replace(/@/g, '@\u2060');
}

/** A name as code, in a fence longer than any run of back-ticks within. */
export function markdownCode(value: string): string {
  const plain = value.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').replace(/\|/g, '\\|');
  if (plain.trim() === '') {
    return '–';
  }
  const longest = Math.max(0, ...[...plain.matchAll(/`+/g)].map((m) => m[0].length));
  const fence = '`'.repeat(longest + 1);
  return longest > 0 ? `${fence} ${plain} ${fence}` : `${fence}${plain}${fence}`;
}

export function markdownTable(
  header: readonly string[],
  align: readonly ('left' | 'right')[],
  rows: readonly (readonly string[])[],
): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(align.map((a) => (a === 'right' ? '---:' : '---'))), ...rows.map(line)];
}
