import type { Node, Tensor, Value } from '../onnx';
import type { ChainStep } from './constantChain';

export type LayerKind =
  | 'Conv'
  | 'ConvTranspose'
  | 'Gemm'
  | 'MatMul'
  | 'Gather'
  | 'LSTM'
  | 'GRU'
  | 'RNN'
  | 'QLinearConv'
  | 'QLinearMatMul'
  | 'ConvInteger'
  | 'MatMulInteger'
  | 'MatMulNBits';

/**
 * Whether something can be done to a layer; where not, one sentence says why. `note` qualifies a yes, e.g. "the last
 * group holds 2 of 4 channels".
 */
export type Verdict =
  { readonly possible: true; readonly note?: string } | { readonly possible: false; readonly reason: string };

/**
 * The constant operand of a layer, as the layer's node sees it: the initializer (or Constant) at the end of a chain of
 * shape- or type-only nodes.
 */
export interface LayerWeight {
  /** What the layer's node reads (the end of the chain). */
  readonly value: Value;
  /** Which input of the node it is. */
  readonly inputIndex: number;
  /** The stored constant at the start of the chain. */
  readonly tensor: Tensor;
  /** Nodes between the constant and the layer, in running order: Transpose, Reshape, Identity, Cast, DequantizeLinear… */
  readonly chain: readonly Node[];
  /** What each node of `chain` does, in the same order. */
  readonly steps: readonly ChainStep[];
  /** Shape as the layer sees it, after the chain. */
  readonly shape: readonly number[];
  /** Axis of `shape` that indexes output channels (per-channel scales run along it). */
  readonly outAxis: number;
  /** Axis of `shape` that is summed over (N:M groups run along it). */
  readonly inAxis: number;
  /** `outAxis` and `inAxis` as axes of the stored tensor; undefined where a Reshape merged or split the axis. */
  readonly storedOutAxis: number | undefined;
  readonly storedInAxis: number | undefined;
}

/** Nodes that compute layers, the additions of their biases included. */
export function layerNodes(layers: readonly Layer[]): ReadonlySet<Node> {
  return new Set(layers.flatMap(({ node, bias }) => (bias === undefined ? [node] : [node, bias.node])));
}

/** A constant vector added to the output channels of a layer. */
export interface LayerBias {
  /** What `node` reads. */
  readonly value: Value;
  /** The stored constant; its elements are one per output channel. */
  readonly tensor: Tensor;
  /** The layer's node, or the Add right behind a MatMul. */
  readonly node: Node;
  /** Which input of `node` it is. */
  readonly inputIndex: number;
}

/** A node with weights that Lathe can name, measure and perhaps compress. */
export interface Layer {
  /** Unique and stable through passes: the node's key (see `Node.key`). What recipes and locks say. */
  readonly name: string;
  /** What people read, e.g. "layers.0.conv1". Unique within the model. */
  readonly shortName: string;
  readonly node: Node;
  readonly kind: LayerKind;
  readonly weight: LayerWeight;
  /** Index of the node's data input (the activation that is quantised). */
  readonly dataInputIndex: number;
  /** Constant bias, if the node (or an Add right behind a MatMul) has one. */
  readonly bias: LayerBias | undefined;
  /** Convolution groups; 1 for everything else. */
  readonly groups: number;
  readonly isDepthwise: boolean;
  /** Elements of the weight (W and R of a recurrent layer); a tied weight is counted by each of its layers. */
  readonly parameters: number;
  /** Layers that read the same stored constant share this id (the constant's name); undefined when the layer is alone. */
  readonly tie: string | undefined;
  readonly quantizeWeights: Verdict;
  readonly quantizeActivations: Verdict;
  readonly sparsify: Verdict;
}
