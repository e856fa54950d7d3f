import type { MessageRange } from '../wire/messageRange';
import type { Graph } from './graph';
import type { GraphSeed } from './graphSeed';
import type { Tensor } from './tensor';

/**
 * A named constant of a node. 64-bit integers beyond 2^53 are rounded to the nearest number (the largest int64 is kept).
 * `OTHER` stands for kinds that are carried along but not looked into: tensor lists, sparse tensors, types, references to
 * attributes of the enclosing function.
 */
export type Attribute = { readonly name: string } & (
  | { readonly type: 'FLOAT' | 'INT'; readonly value: number }
  | { readonly type: 'STRING'; readonly value: string }
  | { readonly type: 'TENSOR'; readonly value: Tensor }
  | { readonly type: 'GRAPH'; readonly value: Graph }
  | { readonly type: 'FLOATS' | 'INTS'; readonly value: readonly number[] }
  | { readonly type: 'STRINGS'; readonly value: readonly string[] }
  | { readonly type: 'GRAPHS'; readonly value: readonly Graph[] }
  | { readonly type: 'OTHER' }
);

/** An attribute without graphs: those belong to one node, everything else may be shared between copies of a model. */
export type PlainAttribute = Exclude<Attribute, { type: 'GRAPH' | 'GRAPHS' }>;

/**
 * An attribute as it was read: its place in the file, its sub-graphs (their captures must be known at once), and its value
 * only when someone asks.
 */
export interface AttributeSeed {
  readonly name: string;
  readonly kind: number;
  readonly origin: MessageRange;
  /** Name of the enclosing function's attribute this one stands for. */
  readonly reference: string | undefined;
  readonly graphs: readonly GraphSeed[];
  /** A list of graphs, rather than one. */
  readonly isGraphList: boolean;
  /** The value, decoded once; undefined for attributes that hold graphs. */
  plain(): PlainAttribute;
}
