/** Line and column (both from 1; columns count UTF-16 code units) of an offset in a text. */
export function textPosition(text: string, offset: number): { readonly line: number; readonly column: number } {
  const end = Math.min(offset, text.length);
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) {
    line++;
    lineStart = at + 1;
  }
  return { line, column: end - lineStart + 1 };
}
