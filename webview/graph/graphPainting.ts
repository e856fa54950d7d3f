import type { LayerSummary } from '../../src/protocol/model';
import { boxFigures } from './boxFigures';
import type { GraphColors } from './graphColors';
import type { Measure } from './measures';
import type { OpenGraph } from './openGraph';
import { operatorKind } from './operatorKinds';
import type { Painting } from './paintGraph';
import type { Picture } from './picture';

/** Everything a picture is drawn with: colours and figures of its boxes, and what is marked in it. */
export function graphPainting(
  graph: OpenGraph,
  picture: Picture,
  colors: GraphColors,
  measure: Measure,
  layersOf: (nodes: readonly number[]) => readonly LayerSummary[],
  marked: { readonly selectedLayer: string | undefined; readonly matches: readonly number[] },
): Painting {
  const { nodes } = graph.structure;
  const { boxes, boxOfNode } = picture.scene;
  const layers = boxes.map((box) => layersOf(box.block === undefined ? [box.node] : box.block.all));
  const { selectedLayer } = marked;
  const selected = selectedLayer === undefined ? -1 : nodes.findIndex((node) => node.layer === selectedLayer);
  return {
    picture,
    colors,
    measure,
    figures: boxFigures(layers.map((inside) => (inside.length === 0 ? undefined : measure.value(inside)))),
    kinds: boxes.map((box) => (box.block === undefined ? operatorKind(nodes[box.node]!) : undefined)),
    hasSubgraph: (box) => boxes[box]!.block === undefined && nodes[boxes[box]!.node]!.subgraphs !== undefined,
    focused: graph.focused === undefined ? undefined : boxOfNode[graph.focused],
    hasFocus: false,
    selected: selected < 0 ? undefined : boxOfNode[selected],
    hovered: undefined,
    matches: new Set(marked.matches.map((node) => boxOfNode[node]!)),
  };
}
