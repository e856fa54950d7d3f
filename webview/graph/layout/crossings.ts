import type { ProperGraph } from './properGraph';

/** Where pieces of edges meet a layer, in units of places from the left, ports included. */
export function pieceEnd(graph: ProperGraph, place: Int32Array, node: number, port: number): number {
  return place[node]! + 0.5 + port / Math.max(1, graph.width[node]!);
}

/** Crossings of straight pieces between all neighbouring layers: inversions of their lower ends (Barth et al., 2002). */
export function countCrossings(graph: ProperGraph, place: Int32Array): number {
  let total = 0;
  for (let layer = 0; layer + 1 < graph.order.length; layer++) {
    const lower: number[] = [];
    for (const node of graph.order[layer]!) {
      const { start, list } = graph.outgoing;
      const ends: [number, number][] = [];
      for (let i = start[node]!; i < start[node + 1]!; i++) {
        const piece = list[i]!;
        ends.push([graph.fromPort[piece]!, pieceEnd(graph, place, graph.to[piece]!, graph.toPort[piece]!)]);
      }
      ends.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      ends.forEach((end) => lower.push(end[1]));
    }
    total += inversions(Float64Array.from(lower));
  }
  return total;
}

/** Pairs in the wrong order, by merging. Sorts the array in place. */
export function inversions(values: Float64Array): number {
  const scratch = new Float64Array(values.length);
  let found = 0;
  for (let size = 1; size < values.length; size *= 2) {
    for (let left = 0; left + size < values.length; left += 2 * size) {
      const middle = left + size;
      const right = Math.min(middle + size, values.length);
      let a = left;
      let b = middle;
      for (let at = left; at < right; at++) {
        if (a < middle && (b >= right || values[a]! <= values[b]!)) {
          scratch[at] = values[a++]!;
        } else {
          found += middle - a;
          scratch[at] = values[b++]!;
        }
      }
      values.set(scratch.subarray(left, right), left);
    }
  }
  return found;
}
