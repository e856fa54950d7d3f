import type { Tensor } from '../../ir/tensor';
import type { ExternalReference } from '../externalData';

/** Where the elements of a tensor go when a model is written. */
export type TensorPlacement =
  /** Where they are: external data stays external under the same name. */
  | { readonly kind: 'keep' }
  | { readonly kind: 'inline' }
  | { readonly kind: 'external'; readonly reference: ExternalReference };

export interface TensorPlan {
  /** False lets messages with external data inside be copied as they are. */
  readonly movesExternal: boolean;
  /** `isMain`: an initializer of the model's own graph; only those can become external. */
  place(tensor: Tensor, isMain: boolean): TensorPlacement;
}

export const keepPlan: TensorPlan = { movesExternal: false, place: () => ({ kind: 'keep' }) };

/** Brings all external data into the model. */
export const inlinePlan: TensorPlan = {
  movesExternal: true,
  place: (tensor) => (tensor.location === 'external' ? { kind: 'inline' } : { kind: 'keep' }),
};
