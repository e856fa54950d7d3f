import { DataType, dataTypeName } from '../onnx';
import { isPlain } from './constantChain';
import type { LayerDraft } from './findLayers';
import type { Verdict } from './layer';

export interface LayerVerdicts {
  readonly quantizeWeights: Verdict;
  readonly quantizeActivations: Verdict;
  readonly sparsify: Verdict;
}

/**
 * Decides what can be done to a layer; the first reason that applies is the one given. `inputType` is the element type of
 * its activation, where known.
 */
export function layerVerdicts(draft: LayerDraft, inputType: DataType | undefined): LayerVerdicts {
  const all = refusalOfAll(draft);
  if (all !== undefined) {
    const verdict: Verdict = { possible: false, reason: all };
    return { quantizeWeights: verdict, quantizeActivations: verdict, sparsify: verdict };
  }
  return {
    quantizeWeights: verdictOf(fixedWeights(draft) ?? unfitForQuantizing(draft), mergedAxis(draft)),
    quantizeActivations: verdictOf(unfitInput(draft, inputType)),
    sparsify: verdictOf(fixedWeights(draft) ?? unfitForMasks(draft)),
  };
}

function verdictOf(reason: string | undefined, note?: string): Verdict {
  if (reason !== undefined) {
    return { possible: false, reason };
  }
  return note === undefined ? { possible: true } : { possible: true, note };
}

function refusalOfAll(draft: LayerDraft): string | undefined {
  if (draft.inside !== undefined) {
    return `inside ${draft.inside}, which is listed but not rewritten`;
  }
  switch (draft.kind) {
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return `recurrent: one ${draft.kind} node runs all its time steps on both weight matrices, and quantised forms exist only as other operators`;
    case 'QLinearConv':
    case 'QLinearMatMul':
    case 'ConvInteger':
    case 'MatMulInteger':
      return `already quantised: ${draft.kind} computes on ${dataTypeName(draft.weight.tensor.dataType)} weights`;
    case 'MatMulNBits':
      return `already quantised: weights are packed to ${draft.node.int('bits', 4)} bits in blocks of ${draft.node.int('block_size', 32)}`;
    case 'Conv':
    case 'ConvTranspose':
    case 'Gemm':
    case 'MatMul':
    case 'Gather':
      return undefined;
  }
}

/** Why the stored weight must stay as it is. */
function fixedWeights(draft: LayerDraft): string | undefined {
  const { weight } = draft;
  if (!isPlain(weight.steps)) {
    const stored = weight.tensor.dataType;
    return stored === DataType.FLOAT
      ? 'already quantised: the weights pass QuantizeLinear and DequantizeLinear'
      : `already quantised: ${dataTypeName(stored)} weights behind DequantizeLinear`;
  }
  if (draft.source.isOverridable) {
    return `the weight "${draft.source.name}" is also an input of the model, so whoever runs it may replace it`;
  }
  return undefined;
}

function unfitForQuantizing(draft: LayerDraft): string | undefined {
  const { weight } = draft;
  if (weight.tensor.dataType !== DataType.FLOAT) {
    return `${dataTypeName(weight.tensor.dataType)} weights: quantised export is written for float32 layers`;
  }
  return vectorOperand(draft);
}

function vectorOperand(draft: LayerDraft): string | undefined {
  return draft.weight.shape.length < 2 ? 'a vector operand has no output channels' : undefined;
}

/** A Reshape that merges the channel axis with another leaves no axis for per-channel scales on the stored tensor. */
function mergedAxis(draft: LayerDraft): string | undefined {
  return draft.weight.storedOutAxis === undefined
    ? 'the output channels are not an axis of the stored tensor: its Reshape has to be folded first'
    : undefined;
}

function unfitInput(draft: LayerDraft, inputType: DataType | undefined): string | undefined {
  if (draft.kind === 'Gather') {
    return 'an embedding reads indices, not activations';
  }
  const producer = draft.node.inputs[draft.dataInputIndex]?.producer();
  if (producer?.opType === 'DequantizeLinear') {
    return 'the input is already quantised';
  }
  if (inputType !== undefined && inputType !== DataType.FLOAT) {
    return `${dataTypeName(inputType)} input: quantised export is written for float32 activations`;
  }
  if (draft.weight.tensor.dataType !== DataType.FLOAT && isPlain(draft.weight.steps)) {
    return `${dataTypeName(draft.weight.tensor.dataType)} layer: quantised export is written for float32 layers`;
  }
  return vectorOperand(draft);
}

function unfitForMasks(draft: LayerDraft): string | undefined {
  if (draft.kind === 'Gather') {
    return 'embedding: rows are looked up, nothing is summed over';
  }
  if (draft.isDepthwise) {
    return 'depthwise convolution: one input channel per group';
  }
  const vector = vectorOperand(draft);
  if (vector !== undefined) {
    return vector;
  }
  const { weight } = draft;
  const inputs = weight.shape[weight.inAxis]! / (draft.kind === 'ConvTranspose' ? draft.groups : 1);
  if (inputs <= 3) {
    return inputs === 1
      ? 'one input channel: nothing to choose from'
      : `${inputs} input channels: too few to choose from`;
  }
  return undefined;
}
