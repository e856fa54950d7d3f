let context: CanvasRenderingContext2D | undefined;

/** Width of a text in CSS pixels, in the page's font. `font` as in CSS without the family: "13px", "600 11px". */
export function textWidth(text: string, font = '13px'): number {
  context ??= document.createElement('canvas').getContext('2d') ?? undefined;
  if (context === undefined) {
    return text.length * 7;
  }
  context.font = `${font} ${fontFamily()}`;
  return context.measureText(text).width;
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
