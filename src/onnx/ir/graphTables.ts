import { invariant } from '../../base/errors';
import type { MessageRange } from '../wire/messageRange';
import type { Graph } from './graph';
import type { GraphSeed, InitializerSeed, SparseInitializer, ValueInfoSeed } from './graphSeed';
import type { ModelScope } from './modelScope';
import { Node } from './node';
import type { Tensor } from './tensor';
import { Value } from './value';
import { ValueInfoEntry } from './valueInfoEntry';

/** A second definition of a name: kept on saving, reported by `verifyModel`. */
export interface DuplicateDefinition {
  readonly name: string;
  readonly what: string;
}

/** An input or output: its declaration and its value. */
export interface Listed {
  readonly entry: ValueInfoEntry;
  readonly value: Value;
}

/**
 * What a graph holds, and the steps that keep names, producers and uses in agreement. Only Graph works with it; the edits it
 * offers are put together from these steps.
 */
export class GraphTables {
  nodes: Node[] = [];
  readonly values = new Map<string, Value>();
  readonly initializers = new Map<string, Tensor>();
  /** Messages that initializers take the place of. */
  readonly initializerOrigins = new Map<string, MessageRange | undefined>();
  inputs: Listed[] = [];
  outputs: Listed[] = [];
  /** Declarations of values that are neither input nor output. */
  readonly infoEntries: ValueInfoEntry[];
  readonly sparseInitializers: readonly SparseInitializer[];
  readonly duplicates: DuplicateDefinition[] = [];
  private readonly duplicateInitializers: InitializerSeed[] = [];

  constructor(
    private readonly graph: Graph,
    private readonly scope: ModelScope,
    seed: GraphSeed,
  ) {
    this.sparseInitializers = seed.sparseInitializers;
    this.infoEntries = seed.valueInfos.map(toEntry);
  }

  /** Makes all values and nodes, then resolves the names that nodes and outputs use, sub-graphs included. */
  link(seed: GraphSeed): void {
    this.define(seed);
    for (const [i, node] of this.nodes.entries()) {
      const nodeSeed = seed.nodes[i]!;
      for (const [index, name] of nodeSeed.inputs.entries()) {
        const value = name === '' ? undefined : this.resolve(name);
        node.inputList.push(value);
        value?.links.uses.push({ node, index });
      }
      node.adoptAttributes(nodeSeed.attributes);
    }
    for (const info of seed.outputs) {
      this.linkOutput(this.resolve(info.name), toEntry(info));
    }
    for (const entry of this.infoEntries) {
      const value = this.values.get(entry.name);
      if (value !== undefined) {
        value.links.info ??= entry;
      }
    }
  }

  /** In the order they are written. */
  get initializerEntries(): readonly InitializerSeed[] {
    const entries = [...this.initializers].map(([name, tensor]) => ({
      origin: this.initializerOrigins.get(name),
      tensor,
    }));
    return [...entries, ...this.duplicateInitializers];
  }

  toSeed(): Omit<GraphSeed, 'origin' | 'name' | 'isModified'> {
    return {
      nodes: this.nodes.map((node) => node.toSeed()),
      initializers: this.initializerEntries,
      sparseInitializers: this.sparseInitializers,
      inputs: this.inputs.map(({ entry }) => toEntry(entry)),
      outputs: this.outputs.map(({ entry }) => toEntry(entry)),
      valueInfos: this.infoEntries.map(toEntry),
    };
  }

  /** Makes the values that inputs, initializers and nodes of this graph define, before any name is resolved. */
  private define(seed: GraphSeed): void {
    for (const info of seed.inputs) {
      const isFirst = !this.values.has(info.name);
      if (!isFirst) {
        this.duplicates.push({ name: info.name, what: 'graph input' });
      }
      this.linkInput(isFirst ? this.newValue(info.name) : new Value(info.name, this.graph), toEntry(info));
    }
    for (const { origin, tensor } of seed.initializers) {
      if (this.initializers.has(tensor.name)) {
        this.duplicates.push({ name: tensor.name, what: 'initializer' });
        this.duplicateInitializers.push({ origin, tensor });
        continue;
      }
      this.initializers.set(tensor.name, tensor);
      this.initializerOrigins.set(tensor.name, origin);
      if (!this.values.has(tensor.name)) {
        this.newValue(tensor.name);
      }
    }
    for (const { name } of seed.sparseInitializers) {
      const value = this.values.get(name) ?? this.newValue(name);
      value.links.isSparse = true;
    }
    for (const nodeSeed of seed.nodes) {
      const node = new Node(nodeSeed, this.graph, nodeSeed.key ?? this.scope.takeKey(nodeSeed));
      if (nodeSeed.key !== undefined) {
        this.scope.keepKey(nodeSeed.key);
      }
      this.scope.take(nodeSeed.name);
      this.nodes.push(node);
      for (const name of nodeSeed.outputs) {
        this.linkProducer(node, name);
      }
    }
  }

  newValue(name: string): Value {
    const value = new Value(name, this.graph);
    this.values.set(name, value);
    this.scope.take(name);
    return value;
  }

  /** The value a name means here; one that nothing defines is made, and reported by `verifyModel`. */
  private resolve(name: string): Value {
    return this.graph.lookup(name) ?? this.newValue(name);
  }

  linkProducer(node: Node, name: string): void {
    if (name === '') {
      node.outputList.push(undefined);
      return;
    }
    let value = this.values.get(name);
    if (value?.isDefined === true) {
      this.duplicates.push({ name, what: `output of node "${node.key}"` });
      value = new Value(name, this.graph);
    }
    value ??= this.newValue(name);
    value.links.producer = node;
    node.outputList.push(value);
  }

  linkInput(value: Value, entry: ValueInfoEntry): void {
    value.links.input = entry;
    this.inputs.push({ entry, value });
  }

  linkOutput(value: Value, entry: ValueInfoEntry): void {
    value.links.outputs.push({ graph: this.graph, entry });
    this.outputs.push({ entry, value });
  }

  unlinkNode(node: Node): void {
    for (const [index, value] of node.inputList.entries()) {
      if (value !== undefined) {
        removeUse(value, node, index);
      }
    }
    node.subgraphs.forEach((graph) => graph.unlink());
    this.scope.releaseKey(node.key);
  }

  dropValue(value: Value): void {
    this.values.delete(value.name);
    const { info } = value.links;
    if (info !== undefined) {
      this.infoEntries.splice(this.infoEntries.indexOf(info), 1);
      value.links.info = undefined;
    }
  }
}

function toEntry(seed: ValueInfoSeed): ValueInfoEntry {
  return new ValueInfoEntry(seed.origin, seed.name, seed.type, seed.isChanged);
}

/** Takes input `index` of the node off the value's use list. */
export function removeUse(value: Value, node: Node, index: number): void {
  const at = value.links.uses.findIndex((use) => use.node === node && use.index === index);
  invariant(at >= 0, `value "${value.name}" does not know that node "${node.key}" reads it`);
  // A new list: whoever walks the old one may edit as they go.
  value.links.uses = [...value.links.uses.slice(0, at), ...value.links.uses.slice(at + 1)];
}
