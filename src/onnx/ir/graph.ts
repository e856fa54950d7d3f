import { invariant } from '../../base/errors';
import type { MessageRange } from '../wire/messageRange';
import { cycle } from '../errors';
import type { Attribute } from './attribute';
import type { GraphSeed, NodeAttributeSeed, NodeSeed, SparseInitializer } from './graphSeed';
import { GraphTables, removeUse } from './graphTables';
import type { ModelScope } from './modelScope';
import { madeAttribute, Node, type NodeAttribute } from './node';
import type { Tensor } from './tensor';
import { orderTopologically } from './topologicalOrder';
import type { Value } from './value';
import { ValueInfoEntry } from './valueInfoEntry';
import type { ValueType } from './valueType';
import { ONNX_DOMAIN, normalizeDomain } from './dataType';

export interface NodeInit {
  readonly opType: string;
  /** @default the standard's */
  readonly domain?: string;
  /** @default none */
  readonly name?: string;
  readonly inputs: readonly (Value | undefined)[];
  /** Names of new values; '' leaves an output out. See {@link Graph.freshName}. */
  readonly outputs: readonly string[];
  readonly attributes?: readonly Attribute[];
}

/**
 * A graph of nodes and values, the model's or a sub-graph of a node. Edits go through its methods and those of its nodes;
 * a broken precondition is a bug of the caller and throws as such.
 */
export class Graph {
  readonly name: string;
  /** The graph whose values are visible in this one. */
  readonly parent: Graph | undefined;
  /** @internal */
  readonly origin: MessageRange | undefined;
  /** @internal */
  readonly tables: GraphTables;

  private modified: boolean;

  /** @internal Models and nodes make graphs. */
  constructor(
    seed: GraphSeed,
    private readonly scope: ModelScope,
    private readonly owner: Node | undefined,
  ) {
    this.parent = owner?.graph;
    this.name = seed.name;
    this.origin = seed.origin;
    this.modified = seed.isModified;
    this.tables = new GraphTables(this, scope, seed);
    this.tables.link(seed);
  }

  get irVersion(): number {
    return this.scope.irVersion;
  }

  /**
   * In the order of the file, which in a sound model is an order of running. The list does not change under whoever walks
   * it: edits make a new one.
   */
  get nodes(): readonly Node[] {
    return this.tables.nodes;
  }

  /** As listed, overridable initializers included. */
  get inputs(): readonly Value[] {
    return this.tables.inputs.map(({ value }) => value);
  }

  /** Without those that are initializers too: what a caller must feed. */
  get trueInputs(): readonly Value[] {
    return this.inputs.filter((value) => !this.tables.initializers.has(value.name) && !value.links.isSparse);
  }

  get outputs(): readonly Value[] {
    return this.tables.outputs.map(({ value }) => value);
  }

  get initializers(): ReadonlyMap<string, Tensor> {
    return this.tables.initializers;
  }

  /** All values of this graph (not those around it), in no promised order. */
  get values(): Iterable<Value> {
    return this.tables.values.values();
  }

  /** The node this is a sub-graph of. */
  get ownerNode(): Node | undefined {
    return this.owner;
  }

  /** A value of this graph; not of the graphs around it. */
  value(name: string): Value | undefined {
    return this.tables.values.get(name);
  }

  /** The value a name means here: of this graph or of the nearest around it. */
  lookup(name: string): Value | undefined {
    return this.tables.values.get(name) ?? this.parent?.lookup(name);
  }

  /** A name that nothing in the whole model has, reserved at once: `base`, else `base_1`, `base_2`… */
  freshName(base: string): string {
    return this.scope.freshName(base);
  }

  /** Adds a constant under a new name, or gives an input of that name a default. */
  addInitializer(tensor: Tensor): Value {
    const { name } = tensor;
    const existing = this.tables.values.get(name);
    invariant(
      existing === undefined || (!this.tables.initializers.has(name) && existing.links.producer === undefined),
      `value "${name}" is defined already`,
    );
    const value = existing ?? this.tables.newValue(name);
    this.tables.initializers.set(name, tensor);
    this.tables.initializerOrigins.set(name, undefined);
    if (this.scope.irVersion < 4 && this.parent === undefined && value.links.input === undefined) {
      // Before IR version 4 an initializer had to be listed as an input as well.
      this.tables.linkInput(
        value,
        new ValueInfoEntry(undefined, name, { kind: 'tensor', elementType: tensor.dataType, shape: tensor.dims }, true),
      );
    }
    this.touch();
    return value;
  }

  /** Removes a constant that nothing reads, or takes the default away from an input. */
  removeInitializer(name: string): void {
    const value = this.tables.values.get(name);
    invariant(value !== undefined && this.tables.initializers.has(name), `there is no initializer "${name}"`);
    const isListed = value.links.input !== undefined;
    const isOnlyFormally = isListed && this.scope.irVersion < 4;
    this.tables.initializers.delete(name);
    this.tables.initializerOrigins.delete(name);
    if (!isListed || (isOnlyFormally && !this.isRead(value))) {
      invariant(!this.isRead(value), `initializer "${name}" is still read`);
      this.tables.inputs = this.tables.inputs.filter((input) => input.value !== value);
      value.links.input = undefined;
      this.tables.dropValue(value);
    }
    this.touch();
  }

  /** Gives the initializer other contents, and type and shape if need be. It keeps its name and its place in the file. */
  replaceInitializer(name: string, tensor: Tensor): void {
    const value = this.tables.values.get(name);
    const old = this.tables.initializers.get(name);
    invariant(value !== undefined && old !== undefined, `there is no initializer "${name}"`);
    this.tables.initializers.set(name, tensor.name === name ? tensor : tensor.renamed(name));
    const isSameType = old.dataType === tensor.dataType && old.dims.join() === tensor.dims.join();
    if (!isSameType && value.type !== undefined) {
      this.setType(value, { kind: 'tensor', elementType: tensor.dataType, shape: tensor.dims });
    }
    this.touch();
  }

  /** Adds a node, by default at the end. Its inputs must be visible here; its outputs are new values. */
  addNode(init: NodeInit, where?: { readonly before: Node } | { readonly after: Node }): Node {
    for (const value of init.inputs) {
      invariant(
        value === undefined || this.isVisible(value),
        `value "${value?.name ?? ''}" is not visible in the graph`,
      );
    }
    const seed: NodeSeed = {
      origin: undefined,
      name: init.name ?? '',
      opType: init.opType,
      domain: normalizeDomain(init.domain ?? ONNX_DOMAIN),
      overload: '',
      inputs: [],
      outputs: init.outputs,
      attributes: [],
    };
    for (const name of init.outputs) {
      const existing = this.tables.values.get(name);
      invariant(name === '' || existing === undefined || !existing.isDefined, `value "${name}" is defined already`);
    }
    const node = new Node(seed, this, this.scope.takeKey(seed));
    this.tables.nodes = this.withNode(node, where);
    this.scope.take(seed.name);
    for (const name of init.outputs) {
      this.tables.linkProducer(node, name);
    }
    for (const [index, value] of init.inputs.entries()) {
      this.setNodeInput(node, index, value);
      if (value === undefined) {
        node.inputList[index] = undefined;
      }
    }
    node.adoptAttributes((init.attributes ?? []).map(madeAttribute));
    this.touch();
    return node;
  }

  /** Removes a node whose outputs nothing reads. */
  removeNode(node: Node): void {
    invariant(this.tables.nodes.includes(node), `node "${node.key}" is not in the graph`);
    for (const output of node.outputList) {
      invariant(output === undefined || !this.isRead(output), `output "${output?.name ?? ''}" is still read`);
    }
    this.tables.nodes = this.tables.nodes.filter((other) => other !== node);
    this.tables.unlinkNode(node);
    for (const output of node.outputList) {
      if (output !== undefined) {
        output.links.producer = undefined;
        if (this.tables.values.get(output.name) === output && !output.isDefined) {
          this.tables.dropValue(output);
        }
      }
    }
    this.touch();
  }

  /** Lists a value of this graph as an output. */
  addOutput(value: Value): void {
    invariant(value.graph === this, `value "${value.name}" is not of this graph`);
    if (!this.tables.outputs.some((output) => output.value === value)) {
      this.tables.linkOutput(value, new ValueInfoEntry(undefined, value.name, value.type, true));
      this.touch();
    }
  }

  removeOutput(value: Value): void {
    const before = this.tables.outputs.length;
    this.tables.outputs = this.tables.outputs.filter((output) => output.value !== value);
    if (this.tables.outputs.length !== before) {
      value.links.outputs = value.links.outputs.filter((output) => output.graph !== this);
      this.touch();
    }
  }

  /** Lists exactly these values as outputs, in this order. Those listed already keep their declarations. */
  setOutputs(values: readonly Value[]): void {
    const old = this.tables.outputs;
    this.tables.outputs = [];
    for (const { value } of old) {
      value.links.outputs = value.links.outputs.filter((output) => output.graph !== this);
    }
    for (const value of values) {
      invariant(value.graph === this, `value "${value.name}" is not of this graph`);
      const entry = old.find((output) => output.value === value)?.entry;
      this.tables.linkOutput(value, entry ?? new ValueInfoEntry(undefined, value.name, value.type, true));
    }
    this.touch();
  }

  /** Adds an input under a new name, or turns a value that nothing defines into one. */
  addInput(name: string, type: ValueType): Value {
    const existing = this.tables.values.get(name);
    invariant(existing === undefined || !existing.isDefined, `value "${name}" is defined already`);
    const value = existing ?? this.tables.newValue(name);
    this.tables.linkInput(value, new ValueInfoEntry(undefined, name, type, true));
    this.touch();
    return value;
  }

  /** Takes a value that nothing reads off the list of inputs; an initializer of that name stays. */
  removeInput(value: Value): void {
    invariant(value.graph === this && value.links.input !== undefined, `"${value.name}" is not an input`);
    invariant(this.tables.initializers.has(value.name) || !this.isRead(value), `input "${value.name}" is still read`);
    this.tables.inputs = this.tables.inputs.filter((input) => input.value !== value);
    value.links.input = undefined;
    if (!value.isDefined) {
      this.tables.dropValue(value);
    }
    this.touch();
  }

  /** Declares the type of a value; undefined withdraws what is declared (not for inputs, which need one). */
  setType(value: Value, type: ValueType | undefined): void {
    invariant(value.graph === this, `value "${value.name}" is not of this graph`);
    const { input, info, outputs } = value.links;
    const entries = [input, info, ...outputs.map(({ entry }) => entry)].filter((entry) => entry !== undefined);
    if (type === undefined && info !== undefined) {
      this.tables.infoEntries.splice(this.tables.infoEntries.indexOf(info), 1);
      value.links.info = undefined;
    }
    for (const entry of entries) {
      entry.type = type;
      entry.isChanged = true;
    }
    if (entries.length === 0 && type !== undefined) {
      value.links.info = new ValueInfoEntry(undefined, value.name, type, true);
      this.tables.infoEntries.push(value.links.info);
    }
    this.touch();
  }

  /** Gives a value another, unused name, everywhere it is read or listed. */
  renameValue(value: Value, name: string): void {
    if (name === value.name) {
      return;
    }
    invariant(
      value.graph === this && this.tables.values.get(value.name) === value,
      `"${value.name}" is not of this graph`,
    );
    const existing = this.tables.values.get(name);
    invariant(existing === undefined || (!existing.isDefined && !this.isRead(existing)), `"${name}" is used already`);
    const { links } = value;
    const old = value.name;
    const tensor = this.tables.initializers.get(old);
    this.tables.values.delete(old);
    value.rename(name);
    this.tables.values.set(name, value);
    this.scope.take(name);
    if (tensor !== undefined) {
      // A map keeps insertion order: rebuilt, so that the initializer keeps its place.
      renameKey(this.tables.initializers, old, name, tensor.renamed(name));
      renameKey(this.tables.initializerOrigins, old, name, this.tables.initializerOrigins.get(old));
    }
    for (const entry of [links.input, links.info, ...links.outputs.map((output) => output.entry)]) {
      if (entry !== undefined) {
        entry.name = name;
        entry.isChanged = true;
      }
    }
    if (links.producer !== undefined) {
      links.producer.changes.outputs = true;
    }
    for (const { node } of links.uses) {
      node.changes.inputs = true;
      node.graph.touch();
    }
    for (const { graph } of links.outputs) {
      graph.touch();
    }
    this.touch();
  }

  /**
   * Lets everything that reads `from` read `to`, sub-graphs included. With `outputs`, the graph's list of outputs too,
   * which changes the name under which a caller finds that output.
   */
  replaceAllUses(from: Value, to: Value, options: { readonly outputs?: boolean } = {}): void {
    invariant(from !== to, `cannot replace "${from.name}" by itself`);
    for (const { node, index } of [...from.links.uses]) {
      node.graph.setNodeInput(node, index, to);
    }
    for (const { graph, entry } of [...from.links.outputs]) {
      if (graph !== from.graph || options.outputs === true) {
        graph.redirectOutput(from, to, entry);
      }
    }
  }

  /**
   * Puts the nodes into an order of running, moving as few as may be; an order that is one already stays. Sub-graphs too.
   * Throws `onnx/cycle`.
   */
  sortTopologically(): void {
    const { order, stuck } = orderTopologically(this);
    if (stuck.length > 0) {
      throw cycle(stuck.map((node) => node.key));
    }
    if (order.some((node, i) => node !== this.tables.nodes[i])) {
      this.tables.nodes = [...order];
      this.touch();
    }
    for (const node of this.tables.nodes) {
      node.subgraphs.forEach((graph) => graph.sortTopologically());
    }
  }

  /** @internal Something differs from `origin`, here or inside. */
  get isModified(): boolean {
    return this.modified;
  }

  /** Initializers stored as sparse tensors: kept, not edited. Their values are defined but have no `initializer`. */
  get sparseInitializers(): readonly SparseInitializer[] {
    return this.tables.sparseInitializers;
  }

  /** @internal Marks this graph and those around it as changed. */
  touch(): void {
    this.modified = true;
    this.parent?.touch();
  }

  /** @internal Behind Node.setInput. */
  setNodeInput(node: Node, index: number, value: Value | undefined): void {
    invariant(value === undefined || this.isVisible(value), `value "${value?.name ?? ''}" is not visible here`);
    const { inputList } = node;
    while (inputList.length <= index) {
      inputList.push(undefined);
    }
    const old = inputList[index];
    if (old !== undefined) {
      removeUse(old, node, index);
    }
    inputList[index] = value;
    if (value !== undefined) {
      value.links.uses = [...value.links.uses, { node, index }];
    }
    node.changes.inputs = true;
    this.touch();
  }

  /** @internal */
  buildAttribute(seed: NodeAttributeSeed, node: Node): NodeAttribute {
    return seed.kind === 'made'
      ? { ...seed, built: [] }
      : { ...seed, built: seed.graphs.map((graph) => new Graph(graph, this.scope, node)) };
  }

  /** @internal Takes everything inside off the use lists of the values around it. */
  unlink(): void {
    this.tables.nodes.forEach((node) => this.tables.unlinkNode(node));
    for (const { value } of this.tables.outputs) {
      value.links.outputs = value.links.outputs.filter((output) => output.graph !== this);
    }
  }

  /** @internal */
  toSeed(): GraphSeed {
    return { ...this.tables.toSeed(), origin: this.origin, name: this.name, isModified: this.modified };
  }

  private withNode(node: Node, where: { readonly before: Node } | { readonly after: Node } | undefined): Node[] {
    const { nodes } = this.tables;
    if (where === undefined) {
      return [...nodes, node];
    }
    const neighbour = 'before' in where ? where.before : where.after;
    const index = nodes.indexOf(neighbour);
    invariant(index >= 0, `node "${neighbour.key}" is not in the graph`);
    const at = 'before' in where ? index : index + 1;
    return [...nodes.slice(0, at), node, ...nodes.slice(at)];
  }

  private redirectOutput(from: Value, to: Value, entry: ValueInfoEntry): void {
    from.links.outputs = from.links.outputs.filter((output) => output.entry !== entry);
    this.tables.outputs = this.tables.outputs.map((output) => (output.entry === entry ? { entry, value: to } : output));
    to.links.outputs.push({ graph: this, entry });
    entry.name = to.name;
    entry.isChanged = true;
    this.touch();
  }

  private isRead(value: Value): boolean {
    return value.links.uses.length > 0 || value.links.outputs.length > 0;
  }

  private isVisible(value: Value): boolean {
    return value.graph === this || (this.parent?.isVisible(value) ?? false);
  }
}

function renameKey<T>(map: Map<string, T>, from: string, to: string, newValue: T): void {
  const entries = [...map];
  map.clear();
  for (const [key, value] of entries) {
    map.set(key === from ? to : key, key === from ? newValue : value);
  }
}
