import { LatheError } from '../base/errors';
import type { Attribute } from './ir/attribute';
import { DataType, dataTypeName, elementBits } from './ir/dataType';
import type { Graph } from './ir/graph';
import type { Model } from './ir/model';
import { attributeName, type Node } from './ir/node';
import type { Tensor } from './ir/tensor';
import { orderTopologically, predecessors } from './ir/topologicalOrder';
import type { Value } from './ir/value';
import { quoteName } from './quoteName';

/**
 * Structural faults of a model, one sentence each; an empty list means it is sound. Looks at names, order, shapes and
 * lengths, not at what operators mean. Reads no weights, save small typed lists whose length cannot be known otherwise.
 */
export function verifyModel(model: Model): readonly string[] {
  const faults: string[] = [];
  const domains = new Set(model.opsets.keys());
  for (const { domain } of model.functions) {
    domains.add(domain);
  }
  for (const value of model.graph.inputs) {
    if (value.type === undefined) {
      faults.push(`input ${quoteName(value.name)} has no type`);
    }
  }
  const members = new Map([...model.allGraphs()].map((graph) => [graph, new Set(graph.nodes)]));
  verifyGraph(model.graph, 'the graph', domains, members, faults);
  return faults;
}

/** Nodes of each graph, as sets: a list would be searched once per use. */
type Membership = Map<Graph, ReadonlySet<Node>>;

function verifyGraph(
  graph: Graph,
  place: string,
  domains: ReadonlySet<string>,
  members: Membership,
  faults: string[],
): void {
  for (const { name, what } of graph.tables.duplicates) {
    faults.push(`${what} ${quoteName(name)} in ${place} has a name that is defined already`);
  }
  for (const tensor of graph.initializers.values()) {
    verifyTensor(tensor, `initializer ${quoteName(tensor.name)} in ${place}`, faults);
  }
  for (const value of graph.values) {
    if (!value.isDefined) {
      for (const { node, index } of value.uses()) {
        faults.push(`input ${index} of node ${quoteName(node.key)} is ${quoteName(value.name)}, which nothing defines`);
      }
    } else if (graph.parent?.lookup(value.name)?.isDefined === true) {
      faults.push(`value ${quoteName(value.name)} in ${place} hides one of the same name around it`);
    }
    verifyLinks(value, members, faults);
  }
  for (const output of graph.outputs) {
    if (!output.isDefined) {
      faults.push(`output ${quoteName(output.name)} of ${place} is defined by nothing`);
    }
  }
  verifyOrder(graph, place, faults);
  for (const node of graph.nodes) {
    verifyNode(node, domains, faults);
    for (const [i, subgraph] of node.subgraphs.entries()) {
      verifyGraph(subgraph, `sub-graph ${i} of node ${quoteName(node.key)}`, domains, members, faults);
    }
  }
}

function verifyNode(node: Node, domains: ReadonlySet<string>, faults: string[]): void {
  const place = `node ${quoteName(node.key)}`;
  if (node.opType === '') {
    faults.push(`${place} names no operator`);
  }
  if (!domains.has(node.domain)) {
    faults.push(`${place} uses ${node.opType} of domain ${quoteName(node.domain)}, which the model does not import`);
  }
  const names = new Set<string>();
  for (const entry of node.attributeEntries) {
    const name = attributeName(entry);
    if (names.has(name)) {
      faults.push(`${place} has attribute ${quoteName(name)} twice`);
    }
    names.add(name);
  }
  let attributes: Iterable<Attribute> = [];
  try {
    attributes = node.attributes.values();
  } catch (error) {
    faults.push(`${place}: ${sentence(error)}`);
  }
  for (const attribute of attributes) {
    if (attribute.type === 'TENSOR') {
      verifyTensor(attribute.value, `attribute ${quoteName(attribute.name)} of ${place}`, faults);
    }
  }
}

function verifyTensor(tensor: Tensor, place: string, faults: string[]): void {
  if (tensor.dataType === DataType.UNDEFINED) {
    faults.push(`${place} has no element type`);
    return;
  }
  if (elementBits(tensor.dataType) === undefined && tensor.dataType !== DataType.STRING) {
    faults.push(`${place} has an element type Lathe does not know (${dataTypeName(tensor.dataType)})`);
    return;
  }
  try {
    tensor.checkLength();
    if (tensor.dataType === DataType.STRING) {
      tensor.toStrings();
    } else if (tensor.storage.kind === 'typed') {
      const chunks = tensor.byteChunks();
      while (chunks.next().done !== true);
    }
  } catch (error) {
    faults.push(`${place}: ${sentence(error)}`);
  }
}

function verifyOrder(graph: Graph, place: string, faults: string[]): void {
  const { stuck } = orderTopologically(graph);
  if (stuck.length > 0) {
    const names = stuck.slice(0, 5).map((node) => quoteName(node.key));
    faults.push(`${place} has a cycle through ${names.join(', ')}${stuck.length > 5 ? '…' : ''}`);
    return;
  }
  const seen = new Set<Node>();
  for (const node of graph.nodes) {
    for (const predecessor of predecessors(node)) {
      if (!seen.has(predecessor)) {
        faults.push(
          `node ${quoteName(node.key)} in ${place} comes before node ${quoteName(predecessor.key)}, which it reads`,
        );
      }
    }
    seen.add(node);
  }
}

/** What edits must keep true; a fault here is one of ours. */
function verifyLinks(value: Value, members: Membership, faults: string[]): void {
  const producer = value.producer();
  if (producer !== undefined && !producer.outputs.includes(value)) {
    faults.push(`value ${quoteName(value.name)} names node ${quoteName(producer.key)} as its producer, wrongly`);
  }
  for (const { node, index } of value.uses()) {
    if (node.inputs[index] !== value || members.get(node.graph)?.has(node) !== true) {
      faults.push(`value ${quoteName(value.name)} lists a use by node ${quoteName(node.key)} that is none`);
    }
  }
}

/** The errors of a damaged model are faults to list; others are bugs. */
function sentence(error: unknown): string {
  if (LatheError.is(error)) {
    return error.message;
  }
  throw error;
}
