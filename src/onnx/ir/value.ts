import type { Graph } from './graph';
import type { ValueInfoEntry } from './valueInfoEntry';
import type { Node } from './node';
import type { Tensor } from './tensor';
import type { ValueType } from './valueType';

/** Input `index` of `node` reads the value. */
export interface ValueUse {
  readonly node: Node;
  readonly index: number;
}

/** @internal The two directions of the graph, kept by Graph and Node alone. */
export interface ValueLinks {
  producer: Node | undefined;
  uses: ValueUse[];
  /** Declarations, in the order input, value_info, outputs. */
  input: ValueInfoEntry | undefined;
  info: ValueInfoEntry | undefined;
  /** Graphs that list this value as an output: its own, or (not by the letter of the standard) one inside it. */
  outputs: { graph: Graph; entry: ValueInfoEntry }[];
  isSparse: boolean;
}

/**
 * Something with a name in a graph: an input, an initializer, an output of a node. `producer()` and `uses()` are true after
 * every edit.
 */
export class Value {
  /** @internal */
  readonly links: ValueLinks = {
    producer: undefined,
    uses: [],
    input: undefined,
    info: undefined,
    outputs: [],
    isSparse: false,
  };

  /** @internal Values come from graphs. */
  constructor(
    private currentName: string,
    readonly graph: Graph,
  ) {}

  get name(): string {
    return this.currentName;
  }

  /** Type as the file declares it; undefined when it does not. See {@link Graph.setType}. */
  get type(): ValueType | undefined {
    return (
      this.links.input?.type ??
      this.links.info?.type ??
      this.links.outputs.find(({ entry }) => entry.type !== undefined)?.entry.type
    );
  }

  /** The node that computes the value; undefined for inputs, initializers, and values that nothing produces. */
  producer(): Node | undefined {
    return this.links.producer;
  }

  /**
   * Who reads the value. A sub-graph that captures it counts, with the inner node that reads it. The list does not change
   * under whoever walks it: edits make a new one.
   */
  uses(): readonly ValueUse[] {
    return this.links.uses;
  }

  get isGraphInput(): boolean {
    return this.links.input !== undefined;
  }

  get isGraphOutput(): boolean {
    return this.links.outputs.length > 0;
  }

  get initializer(): Tensor | undefined {
    return this.graph.initializers.get(this.name);
  }

  /** A constant stored as a sparse tensor; it has no `initializer`. */
  get isSparseInitializer(): boolean {
    return this.links.isSparse;
  }

  /**
   * The caller of the model may replace this initializer, since it is listed as an input too. Before IR version 4 every
   * initializer had to be listed, so there it means nothing.
   */
  get isOverridable(): boolean {
    return this.isGraphInput && this.initializer !== undefined && this.graph.irVersion >= 4;
  }

  /**
   * The constant behind the value: an initializer (also an overridable one), or what a Constant node holds. undefined when
   * it is computed, sparse, or text in an attribute.
   */
  constant(): Tensor | undefined {
    return this.initializer ?? this.links.producer?.constantOutput();
  }

  /** Something gives the value: it is an input, an initializer or a node's output. */
  get isDefined(): boolean {
    const { producer, input, isSparse } = this.links;
    return producer !== undefined || input !== undefined || isSparse || this.initializer !== undefined;
  }

  /** @internal */
  rename(name: string): void {
    this.currentName = name;
  }
}
