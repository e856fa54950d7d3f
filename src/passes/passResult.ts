import type { Refusal } from '../base/errors';

/** What a pass did. Passes keep the function of a model: outputs move by rounding only. */
export interface PassResult {
  /** Whether the model's print differs from before. */
  readonly modified: boolean;
  readonly applied: readonly AppliedRewrite[];
  /** Places the pass looked at and left, each with its reason. */
  readonly refused: readonly Refusal[];
}

export interface AppliedRewrite {
  /** Keys of the nodes concerned, removed ones included. */
  readonly nodes: readonly string[];
  /** One line, "BatchNormalization folded into Conv". */
  readonly note: string;
}

export function refuse(reason: string, ...nodes: readonly { readonly key: string }[]): Refusal {
  return { applied: false, reason, nodes: nodes.map((node) => node.key) };
}

export function isRefusal(value: object): value is Refusal {
  return 'applied' in value && value.applied === false;
}
