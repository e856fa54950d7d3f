export interface LabelSpot {
  readonly x: number;
  /** Baseline. */
  readonly y: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Rough advance of a character at 11 px: enough to keep labels apart. */
const advance = 6.3;
const ascent = 10;
const descent = 3;

/** Places labels so that none covers another or leaves the picture. Offer the important ones first. */
export class LabelPlacer {
  private readonly taken: Box[] = [];

  constructor(private readonly bounds: Box) {}

  /** Marks an area that no label may cover. */
  block(left: number, top: number, right: number, bottom: number): void {
    this.taken.push({ left, top, right, bottom });
  }

  /** The first spot where the text fits, which is then taken; undefined when it fits nowhere. */
  place(text: string, spots: readonly LabelSpot[]): LabelSpot | undefined {
    for (const spot of spots) {
      const box = boxOf(text, spot);
      const { bounds } = this;
      const isInside =
        box.left >= bounds.left && box.right <= bounds.right && box.top >= bounds.top && box.bottom <= bounds.bottom;
      if (isInside && !this.taken.some((other) => overlap(box, other))) {
        this.taken.push(box);
        return spot;
      }
    }
    return undefined;
  }
}

function boxOf(text: string, { x, y, anchor }: LabelSpot): Box {
  const width = text.length * advance;
  const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2;
  return { left, right: left + width, top: y - ascent, bottom: y + descent };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
