import { buildModel, DataType, Tensor, type Model } from '../../../../src/onnx';
import { ramp } from '../../ramp';

/** Linear layers as exporters write them: Transpose, a Constant node, a Reshape from a convolution's weight. */
export function build(): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['batch', 5, 3] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['batch', 5, 2] }],
    initializers: [
      ramp('query.weight', [4, 3]),
      ramp('query.bias', [4]),
      ramp('pointwise.weight', [2, 3, 1]),
      Tensor.fromIntegers('matrix', DataType.INT64, [2], [2, -1]),
    ],
    nodes: [
      { opType: 'Transpose', name: 't', inputs: ['query.weight'], outputs: ['qt'], attributes: { perm: [1, 0] } },
      { opType: 'MatMul', name: 'query', inputs: ['x', 'qt'], outputs: ['a'] },
      { opType: 'Add', name: 'query_bias', inputs: ['query.bias', 'a'], outputs: ['b'] },
      { opType: 'Constant', name: 'k', inputs: [], outputs: ['value.weight'], attributes: { value: ramp('', [4, 3]) } },
      { opType: 'MatMul', name: 'value', inputs: ['b', 'value.weight'], outputs: ['c'] },
      { opType: 'Reshape', name: 'r', inputs: ['pointwise.weight', 'matrix'], outputs: ['pm'] },
      { opType: 'Transpose', name: 'rt', inputs: ['pm'], outputs: ['pt'] },
      { opType: 'MatMul', name: 'pointwise', inputs: ['c', 'pt'], outputs: ['y'] },
    ],
  });
}
