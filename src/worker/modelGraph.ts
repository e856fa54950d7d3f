import type { Layer, ShapeTable } from '../analysis';
import { capturedValues, type Dimension, type Graph, type Model, type Node, type Value } from '../onnx';
import type { GraphEdge, GraphNode, GraphStructure, SubgraphReference } from '../protocol/graph';
import { noSuchGraph } from './errors';

/**
 * Structure of one graph of the model for drawing. Operators fed by constants alone (Constant nodes, the chains between a
 * weight and its layer) are folded away. Takes time in proportion to nodes and edges; reads no weights.
 *
 * @param index place of the graph among all graphs of the model. Throws `worker/no-such-graph` when there are not as many.
 */
export function modelGraph(model: Model, layers: readonly Layer[], shapes: ShapeTable, index: number): GraphStructure {
  const graphs = [...model.allGraphs()];
  const graph = graphs[index];
  if (graph === undefined) {
    throw noSuchGraph(index, graphs.length);
  }
  const draft = new GraphDraft(graph, index === 0 ? shapes : new Map());
  const layerNames = new Map(layers.map((layer) => [layer.node, layer.name]));
  const indexOf = new Map(graphs.map((other, at) => [other, at]));
  const constants = constantValues(graph);

  for (const input of graph.trueInputs) {
    draft.define(input, draft.add({ kind: 'input', name: input.name, operator: '' }));
  }
  const drawn = graph.nodes.filter((node) => !isConstant(node, constants));
  if (graph.parent !== undefined) {
    // Values from outside come before what reads them.
    for (const value of valuesFromOutside(graph, drawn)) {
      draft.define(value, draft.add({ kind: 'outer', name: value.name, operator: '' }));
    }
  }
  const reads = drawn.map((node) => {
    const read = readValues(node).filter((value) => value !== undefined);
    const folded = read.filter((value) => isConstantValue(value, constants)).length;
    const layer = layerNames.get(node);
    const at = draft.add({
      kind: 'operator',
      name: node.key,
      operator: node.domain === '' ? node.opType : `${node.domain}.${node.opType}`,
      ...(layer !== undefined && { layer }),
      ...(folded > 0 && { constants: folded }),
      ...(node.subgraphs.length > 0 && { subgraphs: references(node, indexOf) }),
    });
    node.outputs.forEach((output) => output !== undefined && draft.define(output, at));
    return { at, read };
  });
  reads.forEach(({ at, read }) => read.forEach((value) => draft.connect(value, at)));
  for (const output of graph.outputs) {
    draft.connect(output, draft.add({ kind: 'output', name: output.name, operator: '' }));
  }
  return { graph: index, name: graph.name, ...draft.finish() };
}

class GraphDraft {
  private readonly nodes: GraphNode[] = [];
  private readonly edges: GraphEdge[] = [];
  private readonly shapes = new Map<string, number>();
  private readonly definedBy = new Map<Value, number>();
  private readonly pairs = new Set<number>();

  constructor(
    private readonly graph: Graph,
    private readonly known: ShapeTable,
  ) {}

  add(node: GraphNode): number {
    this.nodes.push(node);
    return this.nodes.length - 1;
  }

  define(value: Value, node: number): void {
    this.definedBy.set(value, node);
  }

  connect(value: Value, to: number): void {
    const from = this.definedBy.get(value);
    if (from === undefined) {
      return;
    }
    const pair = from * 2 ** 26 + to;
    if (!this.pairs.has(pair)) {
      this.pairs.add(pair);
      this.edges.push([from, to, this.shapeIndex(value)]);
    }
  }

  finish(): Pick<GraphStructure, 'nodes' | 'edges' | 'shapes'> {
    return { nodes: this.nodes, edges: this.edges, shapes: [...this.shapes.keys()] };
  }

  private shapeIndex(value: Value): number {
    const stated = value.type?.kind === 'tensor' ? value.type.shape : undefined;
    const text = shapeText(value.graph === this.graph ? (this.known.get(value.name)?.shape ?? stated) : stated);
    const index = this.shapes.get(text) ?? this.shapes.size;
    this.shapes.set(text, index);
    return index;
  }
}

/** Outputs of the nodes that read constants only. */
function constantValues(graph: Graph): Set<Value> {
  const constants = new Set<Value>();
  for (const node of graph.nodes) {
    // Without inputs a node holds a constant or draws at random: only the former is one.
    const isFolded =
      node.subgraphs.length === 0 &&
      (node.is('Constant') ||
        (node.inputs.some((value) => value !== undefined) &&
          node.inputs.every((value) => value === undefined || isConstantValue(value, constants))));
    if (isFolded) {
      node.outputs.forEach((output) => output !== undefined && constants.add(output));
    }
  }
  return constants;
}

function isConstant(node: Node, constants: ReadonlySet<Value>): boolean {
  return node.outputs.some((output) => output !== undefined && constants.has(output));
}

function isConstantValue(value: Value, constants: ReadonlySet<Value>): boolean {
  return (
    constants.has(value) ||
    (value.initializer !== undefined && !value.isGraphInput) ||
    value.isSparseInitializer ||
    value.constant() !== undefined
  );
}

/** What a node reads, itself or in its sub-graphs. */
function readValues(node: Node): (Value | undefined)[] {
  if (node.subgraphs.length === 0) {
    return [...node.inputs];
  }
  return [...node.inputs, ...capturedValues(node)];
}

function valuesFromOutside(graph: Graph, nodes: readonly Node[]): Set<Value> {
  const found = new Set<Value>();
  const take = (value: Value | undefined) => {
    if (value !== undefined && value.graph !== graph && value.constant() === undefined) {
      found.add(value);
    }
  };
  nodes.forEach((node) => readValues(node).forEach(take));
  graph.outputs.forEach(take);
  return found;
}

function references(node: Node, indexOf: ReadonlyMap<Graph, number>): SubgraphReference[] {
  const found: SubgraphReference[] = [];
  for (const attribute of node.attributes.values()) {
    const graphs = attribute.type === 'GRAPH' ? [attribute.value] : attribute.type === 'GRAPHS' ? attribute.value : [];
    for (const graph of graphs) {
      const index = indexOf.get(graph);
      if (index !== undefined) {
        found.push({ attribute: attribute.name, graph: index, nodes: graph.nodes.length });
      }
    }
  }
  return found;
}

function shapeText(shape: readonly Dimension[] | undefined): string {
  if (shape === undefined) {
    return '?';
  }
  return shape.length === 0 ? 'scalar' : shape.map((dimension) => String(dimension ?? '?')).join(' × ');
}
