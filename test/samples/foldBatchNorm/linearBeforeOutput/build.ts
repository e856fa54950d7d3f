import { buildModel, DataType, type Model } from '../../../../src/onnx';
import { normParameters, ramp } from '../../ramp';

/** A plain MatMul and a norm whose output is the model's: an Add appears, and the output keeps its name. */
export function build(): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['batch', 3] }],
    outputs: [{ name: 'logits', type: DataType.FLOAT, shape: ['batch', 2] }],
    initializers: [ramp('fc.weight', [3, 2]), ...normParameters('bn', 2)],
    nodes: [
      { opType: 'MatMul', name: 'fc', inputs: ['x', 'fc.weight'], outputs: ['h'] },
      {
        opType: 'BatchNormalization',
        name: 'bn',
        inputs: ['h', 'bn.scale', 'bn.bias', 'bn.mean', 'bn.var'],
        outputs: ['logits'],
        attributes: { epsilon: { float: 0.001 } },
      },
    ],
  });
}
