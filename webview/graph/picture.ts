import type { LayoutResult } from './layout/layoutGraph';
import type { GraphScene } from './graphScene';
import type { Box } from './viewport';

/** A scene where everything has its place, with an index by height for what is in sight. */
export interface Picture {
  readonly scene: GraphScene;
  readonly layout: LayoutResult;
  readonly boxRows: Rows;
  readonly lineRows: Rows;
  /** Least and greatest x of each line, two entries a line. */
  readonly lineRange: Float64Array;
}

/** Indexes of what touches each stripe of the picture. */
type Rows = readonly (readonly number[])[];

const STRIPE = 400;

export function makePicture(scene: GraphScene, layout: LayoutResult): Picture {
  const stripes = Math.max(1, Math.ceil((layout.height + 1) / STRIPE));
  const rows = () => Array.from({ length: stripes }, () => [] as number[]);
  const put = (into: number[][], index: number, top: number, bottom: number) => {
    const first = Math.max(0, Math.floor(top / STRIPE));
    const last = Math.min(stripes - 1, Math.floor(bottom / STRIPE));
    for (let stripe = first; stripe <= last; stripe++) {
      into[stripe]!.push(index);
    }
  };
  const boxRows = rows();
  scene.boxes.forEach((box, i) => put(boxRows, i, layout.y[i]!, layout.y[i]! + box.height));
  const lineRows = rows();
  const lines = layout.source.length;
  const lineRange = new Float64Array(lines * 2);
  for (let line = 0; line < lines; line++) {
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = layout.start[line]!; i < layout.start[line + 1]!; i += 2) {
      left = Math.min(left, layout.points[i]!);
      right = Math.max(right, layout.points[i]!);
      top = Math.min(top, layout.points[i + 1]!);
      bottom = Math.max(bottom, layout.points[i + 1]!);
    }
    lineRange[line * 2] = left;
    lineRange[line * 2 + 1] = right;
    put(lineRows, line, top, bottom);
  }
  return { scene, layout, boxRows, lineRows, lineRange };
}

export function boxAt(picture: Picture, x: number, y: number): number | undefined {
  const { layout, scene } = picture;
  return picture.boxRows[Math.floor(y / STRIPE)]?.find(
    (i) =>
      x >= layout.x[i]! &&
      x <= layout.x[i]! + scene.boxes[i]!.width &&
      y >= layout.y[i]! &&
      y <= layout.y[i]! + scene.boxes[i]!.height,
  );
}

/** The innermost open block whose heading is at a point; the graph itself has none. */
export function headingAt(picture: Picture, x: number, y: number, headingHeight: number): number | undefined {
  const { blocks } = picture.layout;
  for (let block = picture.scene.open.length - 1; block > 0; block--) {
    const [left, top, width] = [blocks[block * 4]!, blocks[block * 4 + 1]!, blocks[block * 4 + 2]!];
    if (x >= left && x <= left + width && y >= top && y <= top + headingHeight) {
      return block;
    }
  }
  return undefined;
}

export function boxBounds({ scene, layout }: Picture, box: number): Box {
  const { width, height } = scene.boxes[box]!;
  return { x: layout.x[box]!, y: layout.y[box]!, width, height };
}

/** The open block of that id, else the box that shows the node. */
export function blockOrBoxBounds(picture: Picture, node: number, block: string | undefined): Box | undefined {
  const open = picture.scene.open.findIndex(({ id }) => id === block);
  if (open > 0) {
    const [x, y, width, height] = picture.layout.blocks.subarray(open * 4, open * 4 + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    return { x, y, width, height };
  }
  const box = picture.scene.boxOfNode[node];
  return box === undefined || box < 0 ? undefined : boxBounds(picture, box);
}

/** Calls for what lies between two heights, each once, in ascending order of stripes. */
export function eachBetween(rows: Rows, top: number, bottom: number, seen: Set<number>, call: (index: number) => void) {
  const last = Math.min(rows.length - 1, Math.floor(bottom / STRIPE));
  for (let stripe = Math.max(0, Math.floor(top / STRIPE)); stripe <= last; stripe++) {
    for (const index of rows[stripe]!) {
      if (!seen.has(index)) {
        seen.add(index);
        call(index);
      }
    }
  }
}

/** Boxes an arrow key leads to from a box: along its edges up and down, to its neighbour left and right. */
export function neighbour(
  picture: Picture,
  box: number,
  direction: 'up' | 'down' | 'left' | 'right',
): number | undefined {
  const { scene, layout } = picture;
  const middle = (i: number) => layout.x[i]! + scene.boxes[i]!.width / 2;
  const centre = (i: number) => layout.y[i]! + scene.boxes[i]!.height / 2;
  let best: number | undefined;
  let least = Infinity;
  const offer = (i: number, cost: number) => {
    if (cost < least) {
      least = cost;
      best = i;
    }
  };
  if (direction === 'up' || direction === 'down') {
    for (let edge = 0; edge < scene.from.length; edge++) {
      const [here, there] =
        direction === 'down' ? [scene.from[edge]!, scene.to[edge]!] : [scene.to[edge]!, scene.from[edge]!];
      if (here === box) {
        // The nearest, and of those about as near the straightest.
        offer(there, Math.abs(centre(there) - centre(box)) * 4 + Math.abs(middle(there) - middle(box)));
      }
    }
    return best;
  }
  const sign = direction === 'right' ? 1 : -1;
  for (let i = 0; i < scene.boxes.length; i++) {
    const across = (middle(i) - middle(box)) * sign;
    const along = Math.abs(centre(i) - centre(box));
    if (i !== box && across > 0 && along <= 120) {
      offer(i, across + along * 4);
    }
  }
  return best;
}
