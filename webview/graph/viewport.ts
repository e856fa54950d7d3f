export const LEAST_ZOOM = 0.01;
export const MOST_ZOOM = 2.5;

/** Which part of the picture is on show: screen = picture × zoom + offset, in CSS pixels. */
export interface Viewport {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Zooms so that the point of the picture under a point of the screen stays there. */
export function zoomAt(view: Viewport, factor: number, x: number, y: number): Viewport {
  const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, view.zoom * factor));
  return { zoom, x: x - ((x - view.x) * zoom) / view.zoom, y: y - ((y - view.y) * zoom) / view.zoom };
}

const MARGIN = 20;
/** Below this, text cannot be read. */
export const READABLE_ZOOM = 0.6;

/** All of the picture, in the middle, not magnified. */
export function fitAll(picture: Size, screen: Size): Viewport {
  const zoom = Math.min(
    1,
    Math.max(LEAST_ZOOM, (screen.width - 2 * MARGIN) / picture.width),
    Math.max(LEAST_ZOOM, (screen.height - 2 * MARGIN) / picture.height),
  );
  return {
    zoom,
    x: (screen.width - picture.width * zoom) / 2,
    y: Math.max(MARGIN, (screen.height - picture.height * zoom) / 2),
  };
}

/** All of it where that can be read; else its beginning, as small as can be read. */
export function firstView(picture: Size, screen: Size, beginning: number): Viewport {
  const all = fitAll(picture, screen);
  if (all.zoom >= READABLE_ZOOM) {
    return all;
  }
  const zoom = Math.min(1, Math.max(READABLE_ZOOM, (screen.width - 2 * MARGIN) / picture.width));
  const x =
    picture.width * zoom + 2 * MARGIN <= screen.width
      ? all.x + (picture.width * (all.zoom - zoom)) / 2
      : screen.width / 2 - beginning * zoom;
  return { zoom, x, y: MARGIN };
}

/** Moves no further than it takes to bring a box into sight, with some room around; a larger box is centred at its top. */
export function bringIntoSight(view: Viewport, box: Box, screen: Size): Viewport {
  const zoom = Math.max(view.zoom, READABLE_ZOOM);
  const at = zoom === view.zoom ? view : zoomAt(view, zoom / view.zoom, screen.width / 2, screen.height / 2);
  const along = (offset: number, start: number, length: number, room: number) => {
    const margin = Math.min(48, room / 4);
    const low = start * zoom + offset;
    const high = low + length * zoom;
    if (length * zoom > room - 2 * margin) {
      return offset + margin - low;
    }
    if (low < margin) {
      return offset + margin - low;
    }
    return high > room - margin ? offset + room - margin - high : offset;
  };
  return {
    zoom,
    x: along(at.x, box.x, box.width, screen.width),
    y: along(at.y, box.y, box.height, screen.height),
  };
}

export function centreOn(view: Viewport, box: Box, screen: Size): Viewport {
  const zoom = Math.max(view.zoom, READABLE_ZOOM);
  return {
    zoom,
    x: screen.width / 2 - (box.x + box.width / 2) * zoom,
    y: screen.height / 2 - (box.y + box.height / 2) * zoom,
  };
}

/** Between two views, `t` from 0 to 1; zoom changes evenly in proportion. */
export function between(a: Viewport, b: Viewport, t: number): Viewport {
  const s = t * t * (3 - 2 * t);
  const zoom = a.zoom * (b.zoom / a.zoom) ** s;
  if (Math.abs(a.zoom - b.zoom) < 1e-6) {
    return { zoom: b.zoom, x: a.x + (b.x - a.x) * s, y: a.y + (b.y - a.y) * s };
  }
  // The point of the picture that both show at the same place on the screen stays there.
  const px = (b.x - a.x) / (a.zoom - b.zoom);
  const py = (b.y - a.y) / (a.zoom - b.zoom);
  return { zoom, x: a.x + px * (a.zoom - zoom), y: a.y + py * (a.zoom - zoom) };
}
