/**
 * A transposable mask as textbooks solve it, to measure the kernels against: the full bipartite network of a tile (source,
 * rows, columns, sink), one unit of flow per augmentation, shortest paths by a queue-driven Bellman-Ford search on real
 * costs. Nothing is taken over from src/kernels. Each row and column passes at most `keep` units, so the result is the
 * best mask with at most `keep` cells per line once a path no longer gains.
 */
export function minCostFlowMask(
  scores: Float32Array | Float64Array,
  height: number,
  width: number,
  keep: number,
): { readonly sum: number; readonly mask: Uint8Array } {
  const source = height + width;
  const sink = source + 1;
  const nodes = sink + 1;
  const from: number[] = [];
  const to: number[] = [];
  const cost: number[] = [];
  const capacity: number[] = [];
  const out: number[][] = Array.from({ length: nodes }, () => []);
  const addEdge = (a: number, b: number, price: number, room: number): void => {
    out[a]!.push(to.length);
    from.push(a);
    to.push(b);
    cost.push(price);
    capacity.push(room);
    out[b]!.push(to.length);
    from.push(b);
    to.push(a);
    cost.push(-price);
    capacity.push(0);
  };
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      addEdge(i, height + j, -scores[i * width + j]!, 1);
    }
  }
  for (let i = 0; i < height; i++) {
    addEdge(source, i, 0, keep);
  }
  for (let j = 0; j < width; j++) {
    addEdge(height + j, sink, 0, keep);
  }
  const distance = new Float64Array(nodes);
  const edgeInto = new Int32Array(nodes);
  const queued = new Uint8Array(nodes);
  const tolerance = 1e-13 * Math.max(...scores);
  for (;;) {
    distance.fill(Infinity);
    distance[source] = 0;
    const queue = [source];
    for (const node of queue) {
      queued[node] = 0;
      for (const edge of out[node]!) {
        const next = to[edge]!;
        const way = distance[node]! + cost[edge]!;
        if (capacity[edge]! > 0 && way < distance[next]! - tolerance) {
          distance[next] = way;
          edgeInto[next] = edge;
          if (queued[next] === 0) {
            queued[next] = 1;
            queue.push(next);
          }
        }
      }
    }
    if (!(distance[sink]! < 0)) {
      break;
    }
    for (let node = sink; node !== source; node = from[edgeInto[node]!]!) {
      capacity[edgeInto[node]!]! -= 1;
      capacity[edgeInto[node]! ^ 1]! += 1;
    }
  }
  const mask = Uint8Array.from({ length: height * width }, (_, cell) => 1 - capacity[2 * cell]!);
  let sum = 0;
  for (let cell = 0; cell < mask.length; cell++) {
    sum += mask[cell]! * scores[cell]!;
  }
  return { sum, mask };
}
