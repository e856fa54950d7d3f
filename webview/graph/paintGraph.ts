import { BLOCK_HEADING } from './layout/layoutGraph';
import type { BoxFigures } from './boxFigures';
import { figureFill } from './boxFigures';
import type { GraphColors } from './graphColors';
import type { Measure } from './measures';
import { NOTE_FONT, TEXT_LEFT, TITLE_FONT } from './nodeText';
import type { OperatorKind } from './operatorKinds';
import { eachBetween, type Picture } from './picture';
import type { Size, Viewport } from './viewport';

/** What is drawn, apart from where. */
export interface Painting {
  readonly picture: Picture;
  readonly colors: GraphColors;
  readonly measure: Measure;
  readonly figures: BoxFigures;
  /** Kind of each box's operator; blocks have none. */
  readonly kinds: readonly (OperatorKind | undefined)[];
  readonly hasSubgraph: (box: number) => boolean;
  readonly focused: number | undefined;
  /** Whether the keyboard is on the graph, which the focused box then shows. */
  readonly hasFocus: boolean;
  readonly selected: number | undefined;
  readonly hovered: number | undefined;
  readonly matches: ReadonlySet<number>;
}

/** Text is drawn from this zoom on, curves and borders from the lower one. */
const TEXT_ZOOM = 0.5;
const DETAIL_ZOOM = 0.22;

/** Draws what is in sight, with less detail the smaller it is. `scale` is device pixels per CSS pixel. */
export function paintGraph(
  context: CanvasRenderingContext2D,
  painting: Painting,
  view: Viewport,
  screen: Size,
  scale: number,
): void {
  const { colors } = painting;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.fillStyle = colors.surface;
  context.fillRect(0, 0, screen.width, screen.height);
  context.setTransform(scale * view.zoom, 0, 0, scale * view.zoom, scale * view.x, scale * view.y);
  const sight = {
    left: -view.x / view.zoom,
    top: -view.y / view.zoom,
    right: (screen.width - view.x) / view.zoom,
    bottom: (screen.height - view.y) / view.zoom,
  };
  paintBlocks(context, painting, view, sight);
  paintLines(context, painting, view, sight);
  paintBoxes(context, painting, view, sight);
}

interface Sight {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function paintBlocks(context: CanvasRenderingContext2D, painting: Painting, { zoom }: Viewport, sight: Sight): void {
  const { picture, colors } = painting;
  const { blocks } = picture.layout;
  context.lineWidth = 1 / zoom;
  context.textBaseline = 'middle';
  picture.scene.open.forEach((block, i) => {
    const [x, y, width, height] = [blocks[i * 4]!, blocks[i * 4 + 1]!, blocks[i * 4 + 2]!, blocks[i * 4 + 3]!];
    if (i === 0 || x > sight.right || x + width < sight.left || y > sight.bottom || y + height < sight.top) {
      return;
    }
    context.fillStyle = colors.block;
    context.strokeStyle = colors.outline;
    context.beginPath();
    context.roundRect(x, y, width, height, 4);
    context.fill();
    context.stroke();
    if (zoom >= TEXT_ZOOM) {
      context.fillStyle = colors.muted;
      context.font = `${TITLE_FONT} ${colors.font}`;
      chevron(context, x + 11, y + BLOCK_HEADING / 2, true, colors.muted);
      context.fillText(block.label, x + 21, y + BLOCK_HEADING / 2 + 0.5);
    }
  });
}

function paintLines(context: CanvasRenderingContext2D, painting: Painting, { zoom }: Viewport, sight: Sight): void {
  const { picture, colors, focused } = painting;
  const { layout, lineRange } = picture;
  const strong = new Set(focused === undefined ? [] : linesOf(picture, focused));
  const plain: number[] = [];
  const ends: number[] = [];
  eachBetween(picture.lineRows, sight.top, sight.bottom, new Set(), (line) => {
    if (lineRange[line * 2]! <= sight.right && lineRange[line * 2 + 1]! >= sight.left) {
      (strong.has(line) ? ends : plain).push(line);
    }
  });
  const draw = (lines: readonly number[], color: string, width: number) => {
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = width;
    context.beginPath();
    for (const line of lines) {
      trace(context, layout.points, layout.start[line]!, layout.start[line + 1]!, zoom < DETAIL_ZOOM);
    }
    context.stroke();
    if (zoom >= DETAIL_ZOOM) {
      context.beginPath();
      for (const line of lines) {
        if (layout.target[line]! >= 0) {
          arrow(context, layout.points[layout.start[line + 1]! - 2]!, layout.points[layout.start[line + 1]! - 1]!);
        }
      }
      context.fill();
    }
  };
  draw(plain, colors.edge, Math.max(1, 0.7 / zoom));
  draw(ends, colors.accent, Math.max(1.8, 1.2 / zoom));
}

/** Lines of all edges at a box. */
function linesOf({ scene, layout }: Picture, box: number): number[] {
  const lines: number[] = [];
  for (let edge = 0; edge < scene.from.length; edge++) {
    if (scene.from[edge] === box || scene.to[edge] === box) {
      lines.push(...layout.edgeLines.subarray(layout.edgeStart[edge], layout.edgeStart[edge + 1]));
    }
  }
  return lines;
}

/** Verticals stay straight, the rest is drawn as curves with vertical ends; from afar as straight lines. */
function trace(
  context: CanvasRenderingContext2D,
  points: Float64Array,
  start: number,
  end: number,
  isStraight: boolean,
): void {
  let x = points[start]!;
  let y = points[start + 1]!;
  context.moveTo(x, y);
  for (let i = start + 2; i < end; i += 2) {
    const nextX = points[i]!;
    const nextY = points[i + 1]!;
    if (isStraight || Math.abs(nextX - x) < 0.5) {
      context.lineTo(nextX, nextY);
    } else {
      const middle = (y + nextY) / 2;
      context.bezierCurveTo(x, middle, nextX, middle, nextX, nextY);
    }
    x = nextX;
    y = nextY;
  }
}

function arrow(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.moveTo(x, y);
  context.lineTo(x - 3.5, y - 6);
  context.lineTo(x + 3.5, y - 6);
  context.closePath();
}

function paintBoxes(context: CanvasRenderingContext2D, painting: Painting, { zoom }: Viewport, sight: Sight): void {
  const { picture } = painting;
  const { layout, scene } = picture;
  context.textBaseline = 'middle';
  eachBetween(picture.boxRows, sight.top, sight.bottom, new Set(), (i) => {
    if (layout.x[i]! <= sight.right && layout.x[i]! + scene.boxes[i]!.width >= sight.left) {
      paintBox(context, painting, i, zoom);
    }
  });
}

function paintBox(context: CanvasRenderingContext2D, painting: Painting, i: number, zoom: number): void {
  const { picture, colors, measure, figures } = painting;
  const { layout, scene } = picture;
  const box = scene.boxes[i]!;
  const x = layout.x[i]!;
  const y = layout.y[i]!;
  const { width, height } = box;
  const value = figures.values[i];
  const fill = figureFill(measure, value, figures, colors);
  const kind = measure.ramp === 'kind' ? painting.kinds[i] : undefined;
  const kindColor = kind === undefined ? undefined : colors.kinds.get(kind);
  const isSmall = zoom < TEXT_ZOOM;

  if (isSmall) {
    context.fillStyle = fill?.fill ?? kindColor ?? colors.box;
    context.fillRect(x, y, width, height);
    if (zoom >= DETAIL_ZOOM || fill === undefined) {
      context.lineWidth = Math.min(1 / zoom, 4);
      context.strokeStyle = colors.outline;
      context.strokeRect(x, y, width, height);
    }
  } else {
    context.lineWidth = 1;
    context.strokeStyle = colors.outline;
    if (box.block !== undefined) {
      // A second edge behind: there is more inside.
      context.fillStyle = colors.box;
      context.beginPath();
      context.roundRect(x + 3.5, y + 3.5, width, height, 3);
      context.fill();
      context.stroke();
    }
    const tint = kind === undefined || colors.isHighContrast ? undefined : colors.tints.get(kind);
    context.fillStyle = fill?.fill ?? tint ?? colors.box;
    context.beginPath();
    context.roundRect(x + 0.5, y + 0.5, width - 1, height - 1, picture.scene.boxes[i]!.lines[1] === '' ? 3 : 4);
    context.fill();
    context.stroke();
    if (kindColor !== undefined) {
      context.fillStyle = kindColor;
      context.beginPath();
      context.roundRect(x + 1, y + 1, 4, height - 2, [3, 0, 0, 3]);
      context.fill();
    }
    paintText(context, painting, i, fill?.text);
  }
  paintMarks(context, painting, i, zoom);
}

function paintText(context: CanvasRenderingContext2D, painting: Painting, i: number, on: string | undefined): void {
  const { picture, colors, measure, figures } = painting;
  const box = picture.scene.boxes[i]!;
  const x = picture.layout.x[i]!;
  const y = picture.layout.y[i]!;
  const [title, note] = box.lines;
  const opens = box.block !== undefined || painting.hasSubgraph(i);
  const left = x + TEXT_LEFT + (opens ? 14 : 0);
  if (opens) {
    chevron(context, x + 13, y + (note === '' ? box.height / 2 : 14), false, on ?? colors.muted);
  }
  context.textAlign = 'left';
  context.fillStyle = on ?? colors.text;
  context.font = `${TITLE_FONT} ${colors.font}`;
  context.fillText(title, left, y + (note === '' ? box.height / 2 : 14) + 0.5);
  if (note !== '') {
    context.fillStyle = on ?? colors.muted;
    context.font = `${NOTE_FONT} ${colors.font}`;
    context.fillText(note, left, y + 28.5);
  }
  const value = figures.values[i];
  if (value !== undefined) {
    context.textAlign = 'right';
    context.fillStyle = on ?? colors.text;
    context.font = `${TITLE_FONT} ${colors.font}`;
    context.fillText(measure.text(value), x + box.width - 9, y + (note === '' ? box.height / 2 : 14) + 0.5);
    context.textAlign = 'left';
  }
}

/** Focus, selection, search: outlines of different kinds, so that none needs its colour to be told from the others. */
function paintMarks(context: CanvasRenderingContext2D, painting: Painting, i: number, zoom: number): void {
  const { picture, colors } = painting;
  const box = picture.scene.boxes[i]!;
  const outline = (color: string, gap: number, width: number, dash: readonly number[]) => {
    context.strokeStyle = color;
    context.lineWidth = Math.max(width, width / zoom);
    context.setLineDash(dash.map((length) => length / Math.min(1, zoom)));
    context.beginPath();
    context.roundRect(
      picture.layout.x[i]! - gap,
      picture.layout.y[i]! - gap,
      box.width + 2 * gap,
      box.height + 2 * gap,
      3 + gap,
    );
    context.stroke();
    context.setLineDash([]);
  };
  if (painting.matches.has(i)) {
    outline(colors.match, 2.5, 2, [3, 2]);
  }
  if (painting.selected === i) {
    outline(colors.selection, 0, 2, []);
  }
  if (painting.focused === i) {
    outline(colors.accent, 3, painting.hasFocus ? 2 : 1, []);
  } else if (painting.hovered === i) {
    outline(colors.text, 0, 1, []);
  }
}

/** Points down where a click closes, to the right where it opens. */
function chevron(context: CanvasRenderingContext2D, x: number, y: number, isOpen: boolean, color: string): void {
  context.strokeStyle = color;
  context.lineWidth = 1.4;
  context.beginPath();
  if (isOpen) {
    context.moveTo(x - 4, y - 2);
    context.lineTo(x, y + 2);
    context.lineTo(x + 4, y - 2);
  } else {
    context.moveTo(x - 2, y - 4);
    context.lineTo(x + 2, y);
    context.lineTo(x - 2, y + 4);
  }
  context.stroke();
}
