import type { Layer } from './layer';
import { product } from './constantChain';

/**
 * One line about a layer for people: "Conv 3×3, stride 2, 16 → 32", "depthwise Conv 3×3, 128", "Gemm 64 → 10",
 * "embedding 30522 × 768".
 */
export function describeLayer(layer: Layer): string {
  const { node, weight, groups } = layer;
  const { shape } = weight;
  switch (layer.kind) {
    case 'Conv':
    case 'ConvInteger':
    case 'QLinearConv': {
      const out = shape[0] ?? 0;
      return convolution(layer, (shape[1] ?? 0) * groups, out);
    }
    case 'ConvTranspose':
      return convolution(layer, shape[0] ?? 0, (shape[1] ?? 0) * groups);
    case 'Gather':
      return `embedding ${shape.join(' × ')}`;
    case 'MatMulNBits':
      return `MatMulNBits ${node.int('K', 0)} → ${node.int('N', 0)}, ${node.int('bits', 4)} bits`;
    case 'LSTM':
    case 'GRU':
    case 'RNN': {
      const hidden = node.int('hidden_size', 0);
      const direction = (shape[0] ?? 1) > 1 ? ', two directions' : '';
      return `${layer.kind} ${shape[2] ?? 0} → ${hidden}${direction}`;
    }
    case 'Gemm':
    case 'MatMul':
    case 'MatMulInteger':
    case 'QLinearMatMul': {
      const stack = product(shape.slice(0, Math.min(weight.outAxis, weight.inAxis)));
      const left = layer.dataInputIndex > weight.inputIndex ? ', weight on the left' : '';
      const many = stack > 1 ? `, ${stack} matrices` : '';
      return `${node.opType} ${shape[weight.inAxis] ?? 0} → ${shape.length < 2 ? 1 : (shape[weight.outAxis] ?? 0)}${many}${left}`;
    }
  }
}

function convolution(layer: Layer, inputs: number, outputs: number): string {
  const { node, weight, groups } = layer;
  const parts = [`${layer.isDepthwise ? 'depthwise ' : ''}${node.opType} ${weight.shape.slice(2).join('×')}`];
  const strides = node.ints('strides') ?? [];
  if (strides.some((s) => s !== 1)) {
    parts.push(`stride ${uniform(strides)}`);
  }
  const dilations = node.ints('dilations') ?? [];
  if (dilations.some((d) => d !== 1)) {
    parts.push(`dilation ${uniform(dilations)}`);
  }
  parts.push(layer.isDepthwise && inputs === outputs ? `${outputs} channels` : `${inputs} → ${outputs}`);
  if (groups > 1 && !layer.isDepthwise) {
    parts.push(`${groups} groups`);
  }
  return parts.join(', ');
}

function uniform(values: readonly number[]): string {
  return values.every((v) => v === values[0]) ? String(values[0]) : values.join('×');
}
