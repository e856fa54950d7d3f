import type { Layer } from '../../../analysis';
import { METADATA_PREFIX } from '../../../export/exportModel';
import { DataType, elementBits, type Model, type Value } from '../../../onnx';
import { zeroPointType } from './layerWeights';

export interface LayerBits {
  readonly weightBits: number | undefined;
  /** Undefined for layers that read indices. */
  readonly inputBits: number | undefined;
}

/** Widths of layers by name, as a model that Lathe wrote states them. Containers are wider than what is in them. */
export function statedBits(model: Model): ReadonlyMap<string, readonly [weights: number, input: number]> {
  const text = model.metadata.get(`${METADATA_PREFIX}bits`);
  const found = new Map<string, readonly [number, number]>();
  if (text === undefined) {
    return found;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return found; // Edited by someone else: the types of the tensors still say something.
  }
  for (const [name, widths] of Object.entries(typeof value === 'object' && value !== null ? value : {})) {
    if (Array.isArray(widths) && widths.length === 2 && widths.every((width) => Number.isInteger(width))) {
      found.set(name, widths as [number, number]);
    }
  }
  return found;
}

/** Widths of a layer's weights and input as the types of the file say. */
export function storedBits(layer: Layer): LayerBits {
  return { weightBits: weightBits(layer), inputBits: inputBits(layer) };
}

function weightBits(layer: Layer): number | undefined {
  if (layer.kind === 'MatMulNBits') {
    return layer.node.int('bits', 4);
  }
  const { steps, tensor } = layer.weight;
  for (const step of steps) {
    if (step.kind === 'quantize') {
      return elementBits(step.zeroPoint?.dataType ?? DataType.UINT8);
    }
  }
  return elementBits(tensor.dataType);
}

function inputBits(layer: Layer): number | undefined {
  const { node } = layer;
  switch (layer.kind) {
    case 'Gather':
      return undefined;
    case 'QLinearConv':
    case 'QLinearMatMul':
    case 'ConvInteger':
    case 'MatMulInteger':
      return elementBits(zeroPointType(node, 2));
    default:
      return valueBits(node.inputs[layer.dataInputIndex]);
  }
}

function valueBits(value: Value | undefined): number | undefined {
  const producer = value?.producer();
  if (producer?.opType === 'DequantizeLinear') {
    return elementBits(zeroPointType(producer, 2));
  }
  const type = value?.type;
  return elementBits(type?.kind === 'tensor' && isFloat(type.elementType) ? type.elementType : DataType.FLOAT);
}

function isFloat(type: DataType): boolean {
  return type === DataType.FLOAT16 || type === DataType.BFLOAT16 || type === DataType.DOUBLE || type === DataType.FLOAT;
}
