import type { Refusal } from '../../base/errors';
import type { DataType } from '../../onnx';
import type { StorageBits } from './storage';

/** What became of one layer. */
export interface QdqLayer {
  readonly name: string;
  /** Elements of the weight. */
  readonly elements: number;
  /** Width of the weight; undefined when it stays float. */
  readonly weightBits: number | undefined;
  /** Element type the codes are stored in. */
  readonly weightContainer: DataType | undefined;
  /** Name of the initializer with the codes, and the ends of their grid. */
  readonly weightTensor: { readonly name: string; readonly qmin: number; readonly qmax: number } | undefined;
  /** Width of the input; undefined when it stays float. */
  readonly activationBits: number | undefined;
  readonly biasInt32: boolean;
  /** Deviations from what was asked, with reasons. */
  readonly notes: readonly string[];
  /** A tied weight is counted at the first of its layers; the others carry only their bias. */
  readonly storage: StorageBits;
}

export interface QdqResult {
  /** In the order given. Layers that were left alone are listed too. */
  readonly layers: readonly QdqLayer[];
  /** Values between the layers that are quantised for all that read them. */
  readonly values: readonly string[];
  readonly opset: { readonly before: number; readonly after: number };
  readonly irVersion: { readonly before: number; readonly after: number };
  readonly refused: readonly Refusal[];
  /** Weights and biases of all layers. `float`: as they were. */
  readonly storage: StorageBits & { readonly float: number; readonly elements: number };
  /** Σ n·b / (32 · Σ n) over all layers, tied weights once. */
  readonly nominalRatio: number;
}
