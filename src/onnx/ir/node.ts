import { invariant } from '../../base/errors';
import type { MessageRange } from '../wire/messageRange';
import type { Attribute } from './attribute';
import { DataType, ONNX_DOMAIN } from './dataType';
import type { Graph } from './graph';
import type { NodeAttributeSeed, NodeChanges, NodeSeed } from './graphSeed';
import { Tensor } from './tensor';
import type { Value } from './value';

/** @internal An attribute with its sub-graphs built. */
export type NodeAttribute =
  | (Extract<NodeAttributeSeed, { kind: 'made' }> & { readonly built: readonly Graph[] })
  | (Exclude<NodeAttributeSeed, { kind: 'made' }> & { readonly built: readonly Graph[] });

/** One operator in a graph. Made and removed by its graph. */
export class Node {
  /** @internal */
  readonly origin: MessageRange | undefined;
  readonly opType: string;
  /** Normalised: the standard operators have the empty domain ({@link ONNX_DOMAIN}). */
  readonly domain: string;
  readonly overload: string;
  /**
   * Identifies the node in its model: its name, where that is unique, else the name of its first output. Given when the
   * node is made, never changed afterwards, the same in clones.
   */
  readonly key: string;
  /** @internal Which parts differ from `origin`. */
  readonly changes: { -readonly [K in keyof NodeChanges]: boolean };
  /** @internal Kept by Graph. */
  readonly inputList: (Value | undefined)[] = [];
  /** @internal Kept by Graph. */
  readonly outputList: (Value | undefined)[] = [];

  private currentName: string;
  private attributeList: NodeAttribute[];
  private attributeMap: Map<string, Attribute> | undefined;

  /** @internal */
  constructor(
    seed: NodeSeed,
    readonly graph: Graph,
    key: string,
  ) {
    this.origin = seed.origin;
    this.currentName = seed.name;
    this.opType = seed.opType;
    this.domain = seed.domain;
    this.overload = seed.overload;
    this.key = key;
    this.changes = { ...(seed.changes ?? { name: false, inputs: false, outputs: false, attributes: false }) };
    this.attributeList = [];
  }

  get name(): string {
    return this.currentName;
  }

  /** May be empty or the same as another node's. The key stays. */
  set name(name: string) {
    if (name !== this.currentName) {
      this.currentName = name;
      this.changes.name = true;
      this.graph.touch();
    }
  }

  /** undefined: an optional input that is left out. */
  get inputs(): readonly (Value | undefined)[] {
    return this.inputList;
  }

  get outputs(): readonly (Value | undefined)[] {
    return this.outputList;
  }

  /** By name, in the order of the file. Where a name occurs twice, the first counts. */
  get attributes(): ReadonlyMap<string, Attribute> {
    if (this.attributeMap === undefined) {
      this.attributeMap = new Map();
      for (const attribute of this.attributeList) {
        const plain = plainAttribute(attribute);
        if (!this.attributeMap.has(plain.name)) {
          this.attributeMap.set(plain.name, plain);
        }
      }
    }
    return this.attributeMap;
  }

  /** Graphs held by the attributes of If, Loop, Scan and the like. */
  get subgraphs(): readonly Graph[] {
    return this.attributeList.flatMap((attribute) => attribute.built);
  }

  /** @internal */
  get attributeEntries(): readonly NodeAttribute[] {
    return this.attributeList;
  }

  is(opType: string, domain = ONNX_DOMAIN): boolean {
    return this.opType === opType && this.domain === domain;
  }

  int(name: string, fallback: number): number {
    const attribute = this.attributes.get(name);
    return attribute?.type === 'INT' ? attribute.value : fallback;
  }

  ints(name: string): readonly number[] | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.type === 'INTS' ? attribute.value : undefined;
  }

  float(name: string, fallback: number): number {
    const attribute = this.attributes.get(name);
    return attribute?.type === 'FLOAT' ? attribute.value : fallback;
  }

  floats(name: string): readonly number[] | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.type === 'FLOATS' ? attribute.value : undefined;
  }

  string(name: string, fallback: string): string {
    const attribute = this.attributes.get(name);
    return attribute?.type === 'STRING' ? attribute.value : fallback;
  }

  tensor(name: string): Tensor | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.type === 'TENSOR' ? attribute.value : undefined;
  }

  /** Adds the attribute or replaces the one of that name. A graph is copied into this node. */
  setAttribute(attribute: Attribute): void {
    const { name } = attribute;
    const made = this.graph.buildAttribute(madeAttribute(attribute), this);
    const at = this.attributeList.findIndex((a) => attributeName(a) === name);
    if (at < 0) {
      this.attributeList.push(made);
    } else {
      this.dropSubgraphs(this.attributeList[at]!);
      this.attributeList[at] = made;
    }
    this.attributesChanged();
  }

  removeAttribute(name: string): void {
    const removed = this.attributeList.filter((a) => attributeName(a) === name);
    if (removed.length > 0) {
      removed.forEach((a) => this.dropSubgraphs(a));
      this.attributeList = this.attributeList.filter((a) => attributeName(a) !== name);
      this.attributesChanged();
    }
  }

  /** Reads another value (of this graph or one around it), or none. An index past the end lengthens the list. */
  setInput(index: number, value: Value | undefined): void {
    this.graph.setNodeInput(this, index, value);
  }

  /** Cuts the list of inputs to its first `count`. */
  truncateInputs(count: number): void {
    for (let i = this.inputList.length - 1; i >= count; i--) {
      this.graph.setNodeInput(this, i, undefined);
      this.inputList.pop();
    }
  }

  /** @internal The tensor a Constant node stands for; computed on each call, as constants are seldom asked twice. */
  constantOutput(): Tensor | undefined {
    if (this.opType !== 'Constant' || this.domain !== ONNX_DOMAIN) {
      return undefined;
    }
    const name = this.outputList[0]?.name ?? '';
    for (const attribute of this.attributes.values()) {
      switch (attribute.name) {
        case 'value':
          if (attribute.type === 'TENSOR') {
            return attribute.value.renamed(name);
          }
          break;
        case 'value_float':
          if (attribute.type === 'FLOAT') {
            return Tensor.fromFloat32(name, [], Float32Array.of(attribute.value));
          }
          break;
        case 'value_floats':
          if (attribute.type === 'FLOATS') {
            return Tensor.fromFloat32(name, [attribute.value.length], Float32Array.from(attribute.value));
          }
          break;
        case 'value_int':
          if (attribute.type === 'INT') {
            return Tensor.fromIntegers(name, DataType.INT64, [], [attribute.value]);
          }
          break;
        case 'value_ints':
          if (attribute.type === 'INTS') {
            return Tensor.fromIntegers(name, DataType.INT64, [attribute.value.length], attribute.value);
          }
          break;
      }
    }
    return undefined;
  }

  /** @internal */
  adoptAttributes(attributes: readonly NodeAttributeSeed[]): void {
    this.attributeList = attributes.map((seed) => this.graph.buildAttribute(seed, this));
    this.attributeMap = undefined;
  }

  /** @internal Something inside differs from `origin`. */
  get isModified(): boolean {
    const { name, inputs, outputs, attributes } = this.changes;
    return (
      this.origin === undefined ||
      name ||
      inputs ||
      outputs ||
      attributes ||
      this.attributeList.some((a) => a.built.some((graph) => graph.isModified))
    );
  }

  /** @internal */
  toSeed(): NodeSeed {
    return {
      origin: this.origin,
      name: this.currentName,
      opType: this.opType,
      domain: this.domain,
      overload: this.overload,
      inputs: this.inputList.map((value) => value?.name ?? ''),
      outputs: this.outputList.map((value) => value?.name ?? ''),
      attributes: this.attributeList.map(({ built, ...seed }) =>
        seed.kind === 'made' ? seed : { ...seed, graphs: built.map((graph) => graph.toSeed()) },
      ),
      key: this.key,
      changes: { ...this.changes },
    };
  }

  private attributesChanged(): void {
    this.attributeMap = undefined;
    this.changes.attributes = true;
    this.graph.touch();
  }

  private dropSubgraphs(attribute: NodeAttribute): void {
    attribute.built.forEach((graph) => graph.unlink());
  }
}

export function attributeName(attribute: NodeAttributeSeed): string {
  return attribute.kind === 'read'
    ? attribute.seed.name
    : attribute.kind === 'made'
      ? attribute.attribute.name
      : attribute.name;
}

function plainAttribute(attribute: NodeAttribute): Attribute {
  if (attribute.kind === 'made') {
    return attribute.attribute;
  }
  const name = attributeName(attribute);
  const isList = attribute.kind === 'made-graphs' ? attribute.isList : attribute.seed.isGraphList;
  if (attribute.built.length > 0 || isList) {
    return isList
      ? { name, type: 'GRAPHS', value: attribute.built }
      : { name, type: 'GRAPH', value: attribute.built[0]! };
  }
  invariant(attribute.kind === 'read', 'a made graph attribute holds a graph');
  return attribute.seed.plain();
}

/** @internal */
export function madeAttribute(attribute: Attribute): NodeAttributeSeed {
  switch (attribute.type) {
    case 'GRAPH':
      return { kind: 'made-graphs', name: attribute.name, isList: false, graphs: [attribute.value.toSeed()] };
    case 'GRAPHS':
      return {
        kind: 'made-graphs',
        name: attribute.name,
        isList: true,
        graphs: attribute.value.map((g) => g.toSeed()),
      };
    case 'OTHER':
      invariant(false, `attribute "${attribute.name}" is of a kind that can be kept but not made`);
      break;
    default:
      return { kind: 'made', attribute };
  }
}
