import { findLayers, type Layer } from '../../../../src/analysis';
import { buildModel, DataType, Tensor, type Model, type NodeSpec } from '../../../../src/onnx';

export interface LayerSpec {
  readonly opType: 'Conv' | 'ConvTranspose' | 'Gemm' | 'MatMul';
  readonly dims: readonly number[];
  readonly values: Float32Array;
  readonly attributes?: NodeSpec['attributes'];
  /** Reads the weight as its first operand. */
  readonly left?: boolean;
}

/** A model of one layer named "layer". */
export function layerModel({ opType, dims, values, attributes = {}, left = false }: LayerSpec): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT }],
    outputs: ['y'],
    initializers: [Tensor.fromFloat32('w', dims, values)],
    nodes: [{ opType, name: 'layer', inputs: left ? ['w', 'x'] : ['x', 'w'], outputs: ['y'], attributes }],
  });
}

export function layerOf(spec: LayerSpec): Layer {
  return findLayers(layerModel(spec))[0]!;
}

/** A Gemm layer whose rows are the rows of the matrix. */
export function gemmLayer(rows: number, columns: number, values: Float32Array): Layer {
  return layerOf({ opType: 'Gemm', dims: [rows, columns], values, attributes: { transB: 1 } });
}
