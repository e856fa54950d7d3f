interface Point {
  readonly sizeBits: number;
  readonly loss: number;
}

/** As many as a picture of a few hundred pixels shows apart; each more costs time in every message and redraw. */
const ENOUGH = 200;

/**
 * The points of a frontier that are worth drawing: its lower hull with both ends, and evenly many of the others up to 200 in
 * all, in their order.
 *
 * @param points by ascending size
 */
export function drawnPoints<P extends Point>(points: readonly P[], enough = ENOUGH): readonly P[] {
  if (points.length <= enough) {
    return points;
  }
  const hull = new Set(lowerHull(points));
  const rest = points.length - hull.size;
  const room = Math.max(enough - hull.size, 0);
  let seen = 0;
  return points.filter((point) => {
    if (hull.has(point)) {
      return true;
    }
    const before = Math.floor((seen * room) / rest);
    seen++;
    return Math.floor((seen * room) / rest) > before;
  });
}

/** Andrew's monotone chain, lower half. */
function lowerHull<P extends Point>(points: readonly P[]): P[] {
  const hull: P[] = [];
  for (const point of points) {
    while (hull.length >= 2 && !turnsUp(hull[hull.length - 2]!, hull[hull.length - 1]!, point)) {
      hull.pop();
    }
    hull.push(point);
  }
  return hull;
}

function turnsUp(a: Point, b: Point, c: Point): boolean {
  return (b.sizeBits - a.sizeBits) * (c.loss - a.loss) - (b.loss - a.loss) * (c.sizeBits - a.sizeBits) > 0;
}
