import {
  evaluateChain,
  matrixLayout,
  traceConstant,
  weightAsMatrix,
  weightToMatrix,
  type Layer,
} from '../../../analysis';
import { LatheError } from '../../../base/errors';
import { DataType, integerRange, type Node, type Tensor } from '../../../onnx';
import { unpackBlocks } from './unpackBlocks';

/** The values a layer multiplies with, one output channel a row: what is compared across storage formats. */
export interface LayerWeights {
  readonly rows: number;
  readonly columns: number;
  /** Kernel positions: inputs of a row are `columns / inner`, these many elements apart. */
  readonly inner: number;
  readonly data: Float32Array;
}

/** Dequantised weights of any layer, or a sentence that says why there are none. */
export function layerWeights(layer: Layer): LayerWeights | string {
  try {
    return read(layer);
  } catch (error) {
    if (LatheError.is(error)) {
      return error.message;
    }
    throw error;
  }
}

function read(layer: Layer): LayerWeights | string {
  const { node, kind } = layer;
  switch (kind) {
    case 'MatMulNBits':
      return unpackBlocks(node);
    case 'ConvInteger':
    case 'MatMulInteger':
      return `the scale of its ${kind} is not stored with the weight`;
    case 'QLinearConv':
    case 'QLinearMatMul': {
      const scale = traceConstant(node.inputs[4])?.tensor;
      if (scale === undefined) {
        return `the scale of its ${kind} is not a constant`;
      }
      const layout = matrixLayout(layer);
      const codes = evaluateChain(layer.weight.tensor, layer.weight.steps);
      const data = weightToMatrix(layout, codes);
      rescaleRows(data, layout, scale, traceConstant(node.inputs[5])?.tensor);
      return { rows: layout.rows, columns: layout.columns, inner: innerOf(layer), data };
    }
    case 'LSTM':
    case 'GRU':
    case 'RNN': {
      const input = evaluateChain(layer.weight.tensor, layer.weight.steps);
      const recurrent = traceConstant(node.inputs[2]);
      const other = recurrent === undefined ? new Float32Array(0) : evaluateChain(recurrent.tensor, recurrent.steps);
      const data = new Float32Array(input.length + other.length);
      data.set(input);
      data.set(other, input.length);
      return { rows: 1, columns: data.length, inner: data.length, data };
    }
    default: {
      const { rows, columns, data } = weightAsMatrix(layer);
      return { rows, columns, inner: innerOf(layer), data };
    }
  }
}

function innerOf(layer: Layer): number {
  const isConvolution = layer.kind === 'Conv' || layer.kind === 'ConvTranspose' || layer.kind === 'QLinearConv';
  return isConvolution ? layer.weight.shape.slice(2).reduce((a, b) => a * b, 1) : 1;
}

function rescaleRows(
  data: Float32Array,
  { rows, columns, scales }: { readonly rows: number; readonly columns: number; readonly scales: number },
  scale: Tensor,
  zeroPoint: Tensor | undefined,
): void {
  const factors = scale.toFloat32();
  const zeros = zeroPoint?.toFloat32();
  for (let row = 0; row < rows; row++) {
    const at = factors.length === 1 ? 0 : row % scales;
    const factor = factors[at]!;
    const zero = zeros === undefined ? 0 : zeros.length === 1 ? zeros[0]! : zeros[at]!;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      data[i] = (data[i]! - zero) * factor;
    }
  }
}

/** Constants a layer's weight is made of: the weight, scales and zero points; recurrent weights too. */
export function storedTensors(layer: Layer): readonly Tensor[] {
  const { node, weight } = layer;
  const found: (Tensor | undefined)[] = [weight.tensor];
  for (const step of weight.steps) {
    if (step.kind === 'dequantize' || step.kind === 'quantize') {
      found.push(step.scale, step.zeroPoint);
    }
  }
  for (const index of otherInputs[layer.kind] ?? []) {
    found.push(traceConstant(node.inputs[index])?.tensor);
  }
  return found.filter((tensor) => tensor !== undefined);
}

/** Inputs, besides the weight, that hold a part of it. */
const otherInputs: Partial<Record<Layer['kind'], readonly number[]>> = {
  LSTM: [2],
  GRU: [2],
  RNN: [2],
  QLinearConv: [4, 5],
  QLinearMatMul: [4, 5],
  ConvInteger: [3],
  MatMulInteger: [3],
  MatMulNBits: [2, 3],
};

/** Type of the zero point that quantises in `node`, uint8 where there is none. */
export function zeroPointType(node: Node, index: number): DataType {
  const type = node.inputs[index]?.type;
  const stated = type?.kind === 'tensor' ? type.elementType : undefined;
  const found = traceConstant(node.inputs[index])?.tensor.dataType ?? stated;
  return found !== undefined && integerRange(found) !== undefined ? found : DataType.UINT8;
}
