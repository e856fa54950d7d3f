import type { DataType } from './dataType';

/** A size, the name of a symbolic size, or nothing known. */
export type Dimension = number | string | undefined;

export interface TensorType {
  readonly kind: 'tensor';
  readonly elementType: DataType;
  /** undefined: not even the rank is known. */
  readonly shape: readonly Dimension[] | undefined;
}

/** Declared type of a value. Only tensors are looked into; the other kinds are kept as they are in the file. */
export type ValueType = TensorType | { readonly kind: 'sequence' | 'optional' | 'map' | 'sparse-tensor' | 'opaque' };
