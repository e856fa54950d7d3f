import { seededNormal } from '../../../../src/base/random';
import { buildModel, DataType, Tensor, type Model, type NodeSpec } from '../../../../src/onnx';

/** One layer on the model input, in a form that can be rebuilt with other numbers in its weight and bias. */
export interface LayerCase {
  readonly name: string;
  readonly input: readonly number[];
  readonly inputType?: DataType;
  /** Stored shape of the weight, and the stored axis of its output channels (undefined: one scale only). */
  readonly dims: readonly number[];
  readonly axis: number | undefined;
  readonly biasLength: number;
  /** The bias becomes int32 when input and weight are quantised. */
  readonly biasInt32: boolean;
  build(opset: number, weight: Float32Array, bias: Float32Array): Model;
}

interface Form {
  readonly nodes: readonly NodeSpec[];
  readonly biasLength?: number;
  readonly biasInt32?: boolean;
  readonly inputType?: DataType;
  readonly extra?: readonly Tensor[];
}

function layerCase(
  name: string,
  input: readonly number[],
  dims: readonly number[],
  axis: number | undefined,
  form: Form,
): LayerCase {
  const inputType = form.inputType ?? DataType.FLOAT;
  const biasLength = form.biasLength ?? 0;
  return {
    name,
    input,
    inputType,
    dims,
    axis,
    biasLength,
    biasInt32: form.biasInt32 ?? biasLength > 0,
    build(opset, weight, bias) {
      return buildModel({
        opset,
        irVersion: opset < 9 ? 4 : 8,
        inputs: [{ name: 'x', type: inputType, shape: input }],
        outputs: ['y'],
        initializers: [
          Tensor.fromFloat32('w', dims, weight),
          ...(biasLength > 0 ? [Tensor.fromFloat32('b', [biasLength], bias)] : []),
          ...(form.extra ?? []),
        ],
        nodes: form.nodes,
      });
    },
  };
}

function node(opType: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}): NodeSpec {
  return { opType, name: 'layer', inputs, outputs: ['y'], attributes };
}

const conv = (attributes: NodeSpec['attributes'] = {}): Form => ({
  nodes: [node('Conv', ['x', 'w'], attributes)],
});

export const LAYER_CASES: readonly LayerCase[] = [
  layerCase('Conv 1-D', [2, 3, 9], [5, 3, 3], 0, conv({ strides: [2] })),
  layerCase('Conv 2-D with bias', [1, 3, 6, 7], [4, 3, 3, 3], 0, {
    nodes: [node('Conv', ['x', 'w', 'b'], { pads: [1, 1, 1, 1] })],
    biasLength: 4,
  }),
  layerCase('Conv 3-D', [1, 2, 4, 5, 4], [3, 2, 2, 2, 2], 0, conv()),
  layerCase('Conv grouped', [1, 6, 5, 5], [4, 3, 3, 3], 0, {
    nodes: [node('Conv', ['x', 'w', 'b'], { group: 2 })],
    biasLength: 4,
  }),
  layerCase('Conv depthwise', [1, 5, 6, 6], [5, 1, 3, 3], 0, {
    nodes: [node('Conv', ['x', 'w', 'b'], { group: 5, dilations: [2, 1] })],
    biasLength: 5,
  }),
  layerCase('ConvTranspose', [1, 3, 4, 4], [3, 5, 2, 2], 1, {
    nodes: [node('ConvTranspose', ['x', 'w', 'b'], { strides: [2, 2] })],
    biasLength: 5,
  }),
  layerCase('ConvTranspose grouped', [1, 4, 4, 4], [4, 3, 3, 3], undefined, {
    nodes: [node('ConvTranspose', ['x', 'w', 'b'], { group: 2 })],
    biasLength: 6,
  }),
  layerCase('Gemm', [3, 6], [6, 5], 1, { nodes: [node('Gemm', ['x', 'w', 'b'])], biasLength: 5 }),
  layerCase('Gemm transB', [3, 6], [5, 6], 0, {
    nodes: [node('Gemm', ['x', 'w', 'b'], { transB: 1 })],
    biasLength: 5,
  }),
  layerCase('Gemm with alpha and beta', [3, 6], [5, 6], 0, {
    nodes: [node('Gemm', ['x', 'w', 'b'], { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } })],
    biasLength: 5,
    biasInt32: false,
  }),
  layerCase('Gemm with the constant on the left', [6, 4], [3, 6], 0, {
    nodes: [node('Gemm', ['w', 'x', 'c'])],
    extra: [Tensor.fromFloat32('c', [1], Float32Array.of(0))],
  }),
  layerCase('MatMul', [2, 3, 6], [6, 5], 1, { nodes: [node('MatMul', ['x', 'w'])] }),
  layerCase('MatMul with an Add behind it', [2, 3, 6], [6, 5], 1, {
    nodes: [
      { opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['m'] },
      { opType: 'Add', name: 'add', inputs: ['m', 'b'], outputs: ['y'] },
    ],
    biasLength: 5,
    biasInt32: false,
  }),
  layerCase('MatMul with the constant on the left', [6, 4], [3, 6], 0, { nodes: [node('MatMul', ['w', 'x'])] }),
  layerCase('MatMul of stacked matrices', [2, 3, 6], [2, 6, 5], 2, { nodes: [node('MatMul', ['x', 'w'])] }),
  layerCase('MatMul through Transpose', [3, 6], [5, 6], 0, {
    nodes: [
      { opType: 'Transpose', inputs: ['w'], outputs: ['wt'], attributes: { perm: [1, 0] } },
      node('MatMul', ['x', 'wt']),
    ],
  }),
  layerCase('MatMul through Reshape and Identity', [3, 6], [2, 3, 5], 2, {
    nodes: [
      { opType: 'Reshape', inputs: ['w', 's'], outputs: ['wr'] },
      { opType: 'Identity', inputs: ['wr'], outputs: ['wi'] },
      node('MatMul', ['x', 'wi']),
    ],
    extra: [Tensor.fromIntegers('s', DataType.INT64, [2], [6, 5])],
  }),
  layerCase('Gather', [2, 3], [7, 5], 0, { nodes: [node('Gather', ['w', 'x'])], inputType: DataType.INT64 }),
];

/** Normal numbers with one outlier per run and a spread between runs, so that scales differ. */
export function weightValues(dims: readonly number[], seed: number): Float32Array {
  const normal = seededNormal(seed);
  const count = dims.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: count }, (_, i) => normal() * (0.2 + (i % 7) * 0.1));
}

export function biasValues(length: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return Float32Array.from({ length }, () => normal());
}
