let context: CanvasRenderingContext2D | undefined;

/** Tables measure the same words again with every move of the slider; the canvas is slow at it. */
const known = new Map<string, number>();
const MOST_KNOWN = 20_000;
let currentFont = '';

/** Width of a text in CSS pixels, in the page's font. `font` as in CSS without the family: "13px", "600 11px". */
export function textWidth(text: string, font = '13px'): number {
  const key = `${font} ${text}`;
  const before = known.get(key);
  if (before !== undefined) {
    return before;
  }
  context ??= document.createElement('canvas').getContext('2d') ?? undefined;
  if (context === undefined) {
    return text.length * 7;
  }
  if (currentFont !== font) {
    currentFont = font;
    context.font = `${font} ${fontFamily()}`;
  }
  const { width } = context.measureText(text);
  if (known.size >= MOST_KNOWN) {
    known.clear();
  }
  known.set(key, width);
  return width;
}

let family: string | undefined;

function fontFamily(): string {
  family ??= getComputedStyle(document.body).fontFamily;
  return family;
}

/** The text, or its beginning and end around "…" where it is wider than allowed. Names differ at their ends. */
export function fitText(text: string, width: number, font = '13px'): string {
  if (textWidth(text, font) <= width) {
    return text;
  }
  let low = 0;
  let high = text.length;
  while (low < high) {
    const kept = Math.ceil((low + high) / 2);
    if (textWidth(shorten(text, kept), font) <= width) {
      low = kept;
    } else {
      high = kept - 1;
    }
  }
  return shorten(text, low);
}

function shorten(text: string, kept: number): string {
  const head = Math.ceil(kept / 3);
  return `${text.slice(0, head)}…${kept - head > 0 ? text.slice(-(kept - head)) : ''}`;
}
