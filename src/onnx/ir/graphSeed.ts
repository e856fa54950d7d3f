import type { MessageRange } from '../wire/messageRange';
import type { AttributeSeed, PlainAttribute } from './attribute';
import type { Tensor } from './tensor';
import type { ValueType } from './valueType';

/*
 * Seeds are graphs before their names are resolved to values: what the reader produces, what a graph turns into when it is
 * copied, and what a cut keeps. One constructor (of Graph) turns them into linked nodes and values.
 */

/** An attribute of a node to be: as read, or made by us. Sub-graphs are seeds. */
export type NodeAttributeSeed =
  | { readonly kind: 'read'; readonly seed: AttributeSeed; readonly graphs: readonly GraphSeed[] }
  | { readonly kind: 'made'; readonly attribute: PlainAttribute }
  | {
      readonly kind: 'made-graphs';
      readonly name: string;
      readonly isList: boolean;
      readonly graphs: readonly GraphSeed[];
    };

export interface NodeSeed {
  readonly origin: MessageRange | undefined;
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  /** Empty string: an omitted optional input or output. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly NodeAttributeSeed[];
  /** Given when the node is a copy. */
  readonly key?: string;
  /** Which parts differ from `origin`. */
  readonly changes?: NodeChanges;
}

export interface NodeChanges {
  readonly name: boolean;
  readonly inputs: boolean;
  readonly outputs: boolean;
  readonly attributes: boolean;
}

export interface ValueInfoSeed {
  readonly origin: MessageRange | undefined;
  readonly name: string;
  readonly type: ValueType | undefined;
  /** The name or type differs from `origin`. */
  readonly isChanged: boolean;
}

export interface InitializerSeed {
  /** The message it takes the place of; differs from `tensor.origin` once replaced. */
  readonly origin: MessageRange | undefined;
  readonly tensor: Tensor;
}

/** A sparse initializer: `values` of shape [n], `indices` of shape [n] or [n, rank], and the dense shape. */
export interface SparseInitializer {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Tensor;
  readonly indices: Tensor;
  /** @internal */
  readonly origin: MessageRange;
}

export interface GraphSeed {
  readonly origin: MessageRange | undefined;
  readonly name: string;
  readonly nodes: readonly NodeSeed[];
  readonly initializers: readonly InitializerSeed[];
  readonly sparseInitializers: readonly SparseInitializer[];
  readonly inputs: readonly ValueInfoSeed[];
  readonly outputs: readonly ValueInfoSeed[];
  readonly valueInfos: readonly ValueInfoSeed[];
  /** Something differs from `origin`, here or in a sub-graph. */
  readonly isModified: boolean;
}
