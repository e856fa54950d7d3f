import type { GraphNode } from '../../src/protocol/graph';

/** What an operator is for, coarsely enough for a legend. */
export type OperatorKind =
  | 'weights'
  | 'normalisation'
  | 'activation'
  | 'arithmetic'
  | 'reduction'
  | 'shape'
  | 'quantisation'
  | 'control'
  | 'value';

export const operatorKinds: readonly { readonly kind: OperatorKind; readonly label: string }[] = [
  { kind: 'weights', label: 'weights' },
  { kind: 'normalisation', label: 'normalisation' },
  { kind: 'activation', label: 'activation' },
  { kind: 'arithmetic', label: 'arithmetic' },
  { kind: 'reduction', label: 'pooling, reduction' },
  { kind: 'shape', label: 'shape, selection' },
  { kind: 'quantisation', label: 'quantisation' },
  { kind: 'control', label: 'control flow' },
  { kind: 'value', label: 'input, output' },
];

const patterns: readonly (readonly [OperatorKind, RegExp])[] = [
  ['quantisation', /^(De)?[Qq]uantize|^DynamicQuantize/],
  ['weights', /^(Q?Linear|Fused)?(Conv|MatMul|Gemm)|^(LSTM|GRU|RNN|Einsum|Attention|MultiHeadAttention)|Attention$/],
  ['normalisation', /Normalization$|^(LRN|LpNormalization)$/],
  [
    'activation',
    /^(Relu|LeakyRelu|PRelu|ThresholdedRelu|Elu|Selu|Celu|Gelu|FastGelu|BiasGelu|Sigmoid|HardSigmoid|HardSwish|Swish|QuickGelu|Mish|Tanh|Softplus|Softsign|Softmax|LogSoftmax|Hardmax|Clip|Erf)$/,
  ],
  ['reduction', /Pool$|^Reduce|^(ArgMax|ArgMin|TopK|CumSum|Mean|Sum|Max|Min)$/],
  ['control', /^(If|Loop|Scan|Optional.*|Sequence.*)$/],
  [
    'arithmetic',
    /^(Add|Sub|Mul|Div|Pow|Sqrt|Exp|Log|Neg|Abs|Reciprocal|Mod|Sign|Floor|Ceil|Round|Sin|Cos|Tan|Equal|Greater.*|Less.*|And|Or|Not|Xor|Is.*)$/,
  ],
];

export function operatorKind(node: GraphNode): OperatorKind {
  if (node.kind !== 'operator') {
    return 'value';
  }
  if (node.layer !== undefined) {
    return 'weights';
  }
  const type = node.operator.slice(node.operator.lastIndexOf('.') + 1);
  return patterns.find(([, pattern]) => pattern.test(type))?.[0] ?? 'shape';
}
