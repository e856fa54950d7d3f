/** Labels beside points, none over another, over a point or outside the frame. */

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface LabelRequest {
  readonly text: string;
  /** The point the label belongs to. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Distance from the point. */
  readonly gap: number;
  /** Least pixels to the labels beside it; 3 unless given. */
  readonly apart?: number;
  /** Sides in order of preference; `above` and `below` are centred, then pushed along the frame's edge if need be. */
  readonly sides: readonly Side[];
}

export type Side = 'right' | 'left' | 'above' | 'below' | 'above-right' | 'above-left' | 'below-right' | 'below-left';

export interface PlacedLabel {
  readonly request: LabelRequest;
  readonly box: Box;
}

/**
 * Greedy: requests come in order of importance, each takes the first side that is free, and is dropped where none is.
 * `obstacles` are marks and lines no label may cover.
 */
export function placeLabels(requests: readonly LabelRequest[], frame: Box, obstacles: readonly Box[]): PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  for (const request of requests) {
    for (const side of request.sides) {
      const box = boxAt(request, side, frame);
      if (
        isInside(box, frame) &&
        !obstacles.some((other) => overlaps(box, other)) &&
        !placed.some((other) => overlaps(box, grown(other.box, request.apart ?? 3)))
      ) {
        placed.push({ request, box });
        break;
      }
    }
  }
  return placed;
}

function boxAt(request: LabelRequest, side: Side, frame: Box): Box {
  const { x, y, width, height, gap } = request;
  const middle = y - height / 2;
  const centred = Math.min(Math.max(x - width / 2, frame.left), frame.right - width);
  switch (side) {
    case 'right':
      return from(x + gap, middle, width, height);
    case 'left':
      return from(x - gap - width, middle, width, height);
    case 'above':
      return from(centred, y - gap - height, width, height);
    case 'below':
      return from(centred, y + gap, width, height);
    case 'above-right':
      return from(x + gap, y - gap - height, width, height);
    case 'above-left':
      return from(x - gap - width, y - gap - height, width, height);
    case 'below-right':
      return from(x + gap, y + gap, width, height);
    case 'below-left':
      return from(x - gap - width, y + gap, width, height);
  }
}

function from(left: number, top: number, width: number, height: number): Box {
  return { left, top, right: left + width, bottom: top + height };
}

export function overlaps(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function isInside(box: Box, frame: Box): boolean {
  return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
}

function grown(box: Box, by: number): Box {
  return { left: box.left - by, top: box.top, right: box.right + by, bottom: box.bottom };
}

/** A line as small boxes, so that labels keep off it. */
export function lineObstacles(points: readonly { readonly x: number; readonly y: number }[], halfWidth = 2): Box[] {
  const boxes: Box[] = [];
  for (let index = 1; index < points.length; index++) {
    const a = points[index - 1]!;
    const b = points[index]!;
    const steps = Math.max(1, Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / 8));
    for (let step = 0; step < steps; step++) {
      const from = { x: a.x + ((b.x - a.x) * step) / steps, y: a.y + ((b.y - a.y) * step) / steps };
      const to = { x: a.x + ((b.x - a.x) * (step + 1)) / steps, y: a.y + ((b.y - a.y) * (step + 1)) / steps };
      boxes.push({
        left: Math.min(from.x, to.x) - halfWidth,
        right: Math.max(from.x, to.x) + halfWidth,
        top: Math.min(from.y, to.y) - halfWidth,
        bottom: Math.max(from.y, to.y) + halfWidth,
      });
    }
  }
  return boxes;
}
