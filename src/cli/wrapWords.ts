/** Breaks a line at spaces; the lines that continue it are indented. */
export function wrapWords(line: string, width: number, indent = 2): string {
  let rest = line.replace(/\n$/, '');
  let out = '';
  while (rest.length > width) {
    const at = rest.lastIndexOf(' ', width);
    if (at <= indent) {
      break;
    }
    out += `${rest.slice(0, at)}\n`;
    rest = `${' '.repeat(indent)}${rest.slice(at + 1)}`;
  }
  return `${out}${rest}\n`;
}
