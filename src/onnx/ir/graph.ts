import { invariant } from '../../base/errors';
import type { MessageRange } from '../wire/messageRange';
import { cycle } from '../errors';
import type { Attribute } from './attribute';
import type {
  GraphSeed,
  InitializerSeed,
  NodeAttributeSeed,
  NodeSeed,
  SparseInitializer,
  ValueInfoSeed,
} from './graphSeed';
import type { ModelScope } from './modelScope';
import { madeAttribute, Node, type NodeAttribute } from './node';
import type { Tensor } from './tensor';
import { orderTopologically } from './topologicalOrder';
import { Value } from './value';
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

/** A second definition of a name: kept on saving, reported by `verifyModel`. */
export interface DuplicateDefinition {
  readonly name: string;
  readonly what: string;
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
  /** Initializers stored as sparse tensors: kept, not edited. Their values are defined but have no `initializer`. */
  readonly sparseInitializers: readonly SparseInitializer[];
  /** @internal */
  readonly duplicates: DuplicateDefinition[] = [];
  /** @internal Declarations of values that are neither input nor output. */
  readonly infoEntries: ValueInfoEntry[];
  /** @internal Messages that initializers take the place of, and second tensors of a name. */
  readonly initializerOrigins = new Map<string, MessageRange | undefined>();
  /** @internal */
  readonly duplicateInitializers: InitializerSeed[] = [];

  private nodeList: Node[] = [];
  private readonly valueMap = new Map<string, Value>();
  private readonly initializerMap = new Map<string, Tensor>();
  private inputList: { entry: ValueInfoEntry; value: Value }[] = [];
  private outputList: { entry: ValueInfoEntry; value: Value }[] = [];
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
    this.sparseInitializers = seed.sparseInitializers;
    this.modified = seed.isModified;
    this.infoEntries = seed.valueInfos.map(toEntry);
    this.define(seed);
    for (const [i, node] of this.nodeList.entries()) {
      const nodeSeed = seed.nodes[i]!;
      for (const [index, name] of nodeSeed.inputs.entries()) {
        const value = name === '' ? undefined : this.resolve(name);
        node.inputList.push(value);
        value?.links.uses.push({ node, index });
      }
      node.adoptAttributes(nodeSeed.attributes);
    }
    for (const info of seed.outputs) {
      const value = this.resolve(info.name);
      this.linkOutput(value, toEntry(info));
    }
    for (const entry of this.infoEntries) {
      const value = this.valueMap.get(entry.name);
      if (value !== undefined) {
        value.links.info ??= entry;
      }
    }
  }

  get irVersion(): number {
    return this.scope.irVersion;
  }

  /** In the order of the file, which in a sound model is an order of running. */
  get nodes(): readonly Node[] {
    return this.nodeList;
  }

  /** As listed, overridable initializers included. */
  get inputs(): readonly Value[] {
    return this.inputList.map(({ value }) => value);
  }

  /** Without those that are initializers too: what a caller must feed. */
  get trueInputs(): readonly Value[] {
    return this.inputs.filter((value) => !this.initializerMap.has(value.name) && !value.links.isSparse);
  }

  get outputs(): readonly Value[] {
    return this.outputList.map(({ value }) => value);
  }

  get initializers(): ReadonlyMap<string, Tensor> {
    return this.initializerMap;
  }

  /** All values of this graph (not those around it), in no promised order. */
  get values(): Iterable<Value> {
    return this.valueMap.values();
  }

  /** The node this is a sub-graph of. */
  get ownerNode(): Node | undefined {
    return this.owner;
  }

  /** A value of this graph; not of the graphs around it. */
  value(name: string): Value | undefined {
    return this.valueMap.get(name);
  }

  /** The value a name means here: of this graph or of the nearest around it. */
  lookup(name: string): Value | undefined {
    return this.valueMap.get(name) ?? this.parent?.lookup(name);
  }

  /** A name that nothing in the whole model has, reserved at once: `base`, else `base_1`, `base_2`… */
  freshName(base: string): string {
    return this.scope.freshName(base);
  }

  /** Adds a constant under a new name, or gives an input of that name a default. */
  addInitializer(tensor: Tensor): Value {
    const { name } = tensor;
    const existing = this.valueMap.get(name);
    invariant(
      existing === undefined || (!this.initializerMap.has(name) && existing.links.producer === undefined),
      `value "${name}" is defined already`,
    );
    const value = existing ?? this.newValue(name);
    this.initializerMap.set(name, tensor);
    this.initializerOrigins.set(name, undefined);
    if (this.scope.irVersion < 4 && this.parent === undefined && value.links.input === undefined) {
      // Before IR version 4 an initializer had to be listed as an input as well.
      this.linkInput(
        value,
        new ValueInfoEntry(undefined, name, { kind: 'tensor', elementType: tensor.dataType, shape: tensor.dims }, true),
      );
    }
    this.touch();
    return value;
  }

  /** Removes a constant that nothing reads, or takes the default away from an input. */
  removeInitializer(name: string): void {
    const value = this.valueMap.get(name);
    invariant(value !== undefined && this.initializerMap.has(name), `there is no initializer "${name}"`);
    const isListed = value.links.input !== undefined;
    const isOnlyFormally = isListed && this.scope.irVersion < 4;
    this.initializerMap.delete(name);
    this.initializerOrigins.delete(name);
    if (!isListed || (isOnlyFormally && !this.isRead(value))) {
      invariant(!this.isRead(value), `initializer "${name}" is still read`);
      this.inputList = this.inputList.filter((input) => input.value !== value);
      value.links.input = undefined;
      this.dropValue(value);
    }
    this.touch();
  }

  /** Gives the initializer other contents, and type and shape if need be. It keeps its name and its place in the file. */
  replaceInitializer(name: string, tensor: Tensor): void {
    const value = this.valueMap.get(name);
    const old = this.initializerMap.get(name);
    invariant(value !== undefined && old !== undefined, `there is no initializer "${name}"`);
    this.initializerMap.set(name, tensor.name === name ? tensor : tensor.renamed(name));
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
      const existing = this.valueMap.get(name);
      invariant(name === '' || existing === undefined || !existing.isDefined, `value "${name}" is defined already`);
    }
    const node = new Node(seed, this, this.scope.takeKey(seed));
    if (where === undefined) {
      this.nodeList.push(node);
    } else {
      const neighbour = 'before' in where ? where.before : where.after;
      const at = this.nodeList.indexOf(neighbour);
      invariant(at >= 0, `node "${neighbour.key}" is not in the graph`);
      this.nodeList.splice('before' in where ? at : at + 1, 0, node);
    }
    this.scope.take(seed.name);
    for (const name of init.outputs) {
      this.linkProducer(node, name);
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
    const at = this.nodeList.indexOf(node);
    invariant(at >= 0, `node "${node.key}" is not in the graph`);
    for (const output of node.outputList) {
      invariant(output === undefined || !this.isRead(output), `output "${output?.name ?? ''}" is still read`);
    }
    this.nodeList.splice(at, 1);
    this.unlinkNode(node);
    for (const output of node.outputList) {
      if (output !== undefined) {
        output.links.producer = undefined;
        if (this.valueMap.get(output.name) === output && !output.isDefined) {
          this.dropValue(output);
        }
      }
    }
    this.touch();
  }

  /** Lists a value of this graph as an output. */
  addOutput(value: Value): void {
    invariant(value.graph === this, `value "${value.name}" is not of this graph`);
    if (!this.outputList.some((output) => output.value === value)) {
      this.linkOutput(value, new ValueInfoEntry(undefined, value.name, value.type, true));
      this.touch();
    }
  }

  removeOutput(value: Value): void {
    const before = this.outputList.length;
    this.outputList = this.outputList.filter((output) => output.value !== value);
    if (this.outputList.length !== before) {
      value.links.outputs = value.links.outputs.filter((output) => output.graph !== this);
      this.touch();
    }
  }

  /** Lists exactly these values as outputs, in this order. Those listed already keep their declarations. */
  setOutputs(values: readonly Value[]): void {
    const old = this.outputList;
    this.outputList = [];
    for (const { value } of old) {
      value.links.outputs = value.links.outputs.filter((output) => output.graph !== this);
    }
    for (const value of values) {
      invariant(value.graph === this, `value "${value.name}" is not of this graph`);
      const entry = old.find((output) => output.value === value)?.entry;
      this.linkOutput(value, entry ?? new ValueInfoEntry(undefined, value.name, value.type, true));
    }
    this.touch();
  }

  /** Adds an input under a new name, or turns a value that nothing defines into one. */
  addInput(name: string, type: ValueType): Value {
    const existing = this.valueMap.get(name);
    invariant(existing === undefined || !existing.isDefined, `value "${name}" is defined already`);
    const value = existing ?? this.newValue(name);
    this.linkInput(value, new ValueInfoEntry(undefined, name, type, true));
    this.touch();
    return value;
  }

  /** Takes a value that nothing reads off the list of inputs; an initializer of that name stays. */
  removeInput(value: Value): void {
    invariant(value.graph === this && value.links.input !== undefined, `"${value.name}" is not an input`);
    invariant(this.initializerMap.has(value.name) || !this.isRead(value), `input "${value.name}" is still read`);
    this.inputList = this.inputList.filter((input) => input.value !== value);
    value.links.input = undefined;
    if (!value.isDefined) {
      this.dropValue(value);
    }
    this.touch();
  }

  /** Declares the type of a value; undefined withdraws what is declared (not for inputs, which need one). */
  setType(value: Value, type: ValueType | undefined): void {
    invariant(value.graph === this, `value "${value.name}" is not of this graph`);
    const { input, info, outputs } = value.links;
    const entries = [input, info, ...outputs.map(({ entry }) => entry)].filter((entry) => entry !== undefined);
    if (type === undefined && info !== undefined) {
      this.infoEntries.splice(this.infoEntries.indexOf(info), 1);
      value.links.info = undefined;
    }
    for (const entry of entries) {
      entry.type = type;
      entry.isChanged = true;
    }
    if (entries.length === 0 && type !== undefined) {
      value.links.info = new ValueInfoEntry(undefined, value.name, type, true);
      this.infoEntries.push(value.links.info);
    }
    this.touch();
  }

  /** Gives a value another, unused name, everywhere it is read or listed. */
  renameValue(value: Value, name: string): void {
    if (name === value.name) {
      return;
    }
    invariant(value.graph === this && this.valueMap.get(value.name) === value, `"${value.name}" is not of this graph`);
    const existing = this.valueMap.get(name);
    invariant(existing === undefined || (!existing.isDefined && !this.isRead(existing)), `"${name}" is used already`);
    const { links } = value;
    const old = value.name;
    const tensor = this.initializerMap.get(old);
    this.valueMap.delete(old);
    value.rename(name);
    this.valueMap.set(name, value);
    this.scope.take(name);
    if (tensor !== undefined) {
      // A map keeps insertion order: rebuilt, so that the initializer keeps its place.
      renameKey(this.initializerMap, old, name, tensor.renamed(name));
      renameKey(this.initializerOrigins, old, name, this.initializerOrigins.get(old));
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
    if (order.some((node, i) => node !== this.nodeList[i])) {
      this.nodeList = [...order];
      this.touch();
    }
    for (const node of this.nodeList) {
      node.subgraphs.forEach((graph) => graph.sortTopologically());
    }
  }

  /** @internal Something differs from `origin`, here or inside. */
  get isModified(): boolean {
    return this.modified;
  }

  /** @internal */
  get inputEntries(): readonly ValueInfoEntry[] {
    return this.inputList.map(({ entry }) => entry);
  }

  /** @internal */
  get outputEntries(): readonly ValueInfoEntry[] {
    return this.outputList.map(({ entry }) => entry);
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
    value?.links.uses.push({ node, index });
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
    this.nodeList.forEach((node) => this.unlinkNode(node));
    for (const { value } of this.outputList) {
      value.links.outputs = value.links.outputs.filter((output) => output.graph !== this);
    }
  }

  /** @internal */
  toSeed(): GraphSeed {
    return {
      origin: this.origin,
      name: this.name,
      nodes: this.nodeList.map((node) => node.toSeed()),
      initializers: [
        ...[...this.initializerMap].map(([name, tensor]) => ({ origin: this.initializerOrigins.get(name), tensor })),
        ...this.duplicateInitializers,
      ],
      sparseInitializers: this.sparseInitializers,
      inputs: this.inputEntries.map(toEntry),
      outputs: this.outputEntries.map(toEntry),
      valueInfos: this.infoEntries.map(toEntry),
      isModified: this.modified,
    };
  }

  /** Makes the values that inputs, initializers and nodes of this graph define, before any name is resolved. */
  private define(seed: GraphSeed): void {
    for (const info of seed.inputs) {
      const isFirst = !this.valueMap.has(info.name);
      if (!isFirst) {
        this.duplicates.push({ name: info.name, what: 'graph input' });
      }
      this.linkInput(isFirst ? this.newValue(info.name) : new Value(info.name, this), toEntry(info));
    }
    for (const { origin, tensor } of seed.initializers) {
      if (this.initializerMap.has(tensor.name)) {
        this.duplicates.push({ name: tensor.name, what: 'initializer' });
        this.duplicateInitializers.push({ origin, tensor });
        continue;
      }
      this.initializerMap.set(tensor.name, tensor);
      this.initializerOrigins.set(tensor.name, origin);
      if (!this.valueMap.has(tensor.name)) {
        this.newValue(tensor.name);
      }
    }
    for (const { name } of seed.sparseInitializers) {
      const value = this.valueMap.get(name) ?? this.newValue(name);
      value.links.isSparse = true;
    }
    for (const nodeSeed of seed.nodes) {
      const node = new Node(nodeSeed, this, nodeSeed.key ?? this.scope.takeKey(nodeSeed));
      if (nodeSeed.key !== undefined) {
        this.scope.keepKey(nodeSeed.key);
      }
      this.scope.take(nodeSeed.name);
      this.nodeList.push(node);
      for (const name of nodeSeed.outputs) {
        this.linkProducer(node, name);
      }
    }
  }

  private newValue(name: string): Value {
    const value = new Value(name, this);
    this.valueMap.set(name, value);
    this.scope.take(name);
    return value;
  }

  /** The value a name means here; one that nothing defines is made, and reported by `verifyModel`. */
  private resolve(name: string): Value {
    return this.lookup(name) ?? this.newValue(name);
  }

  private linkProducer(node: Node, name: string): void {
    if (name === '') {
      node.outputList.push(undefined);
      return;
    }
    let value = this.valueMap.get(name);
    if (value?.isDefined === true) {
      this.duplicates.push({ name, what: `output of node "${node.key}"` });
      value = new Value(name, this);
    }
    value ??= this.newValue(name);
    value.links.producer = node;
    node.outputList.push(value);
  }

  private linkInput(value: Value, entry: ValueInfoEntry): void {
    value.links.input = entry;
    this.inputList.push({ entry, value });
  }

  private linkOutput(value: Value, entry: ValueInfoEntry): void {
    value.links.outputs.push({ graph: this, entry });
    this.outputList.push({ entry, value });
  }

  private redirectOutput(from: Value, to: Value, entry: ValueInfoEntry): void {
    from.links.outputs = from.links.outputs.filter((output) => output.entry !== entry);
    this.outputList = this.outputList.map((output) => (output.entry === entry ? { entry, value: to } : output));
    to.links.outputs.push({ graph: this, entry });
    entry.name = to.name;
    entry.isChanged = true;
    this.touch();
  }

  private unlinkNode(node: Node): void {
    for (const [index, value] of node.inputList.entries()) {
      if (value !== undefined) {
        removeUse(value, node, index);
      }
    }
    node.subgraphs.forEach((graph) => graph.unlink());
    this.scope.releaseKey(node.key);
  }

  private dropValue(value: Value): void {
    this.valueMap.delete(value.name);
    const { info } = value.links;
    if (info !== undefined) {
      this.infoEntries.splice(this.infoEntries.indexOf(info), 1);
      value.links.info = undefined;
    }
  }

  private isRead(value: Value): boolean {
    return value.links.uses.length > 0 || value.links.outputs.length > 0;
  }

  private isVisible(value: Value): boolean {
    return value.graph === this || (this.parent?.isVisible(value) ?? false);
  }
}

function toEntry(seed: ValueInfoSeed): ValueInfoEntry {
  return new ValueInfoEntry(seed.origin, seed.name, seed.type, seed.isChanged);
}

function removeUse(value: Value, node: Node, index: number): void {
  const at = value.links.uses.findIndex((use) => use.node === node && use.index === index);
  invariant(at >= 0, `value "${value.name}" does not know that node "${node.key}" reads it`);
  value.links.uses.splice(at, 1);
}

function renameKey<T>(map: Map<string, T>, from: string, to: string, newValue: T): void {
  const entries = [...map];
  map.clear();
  for (const [key, value] of entries) {
    map.set(key === from ? to : key, key === from ? newValue : value);
  }
}
