import { buildModel, DataType, type Model } from '../../../../src/onnx';
import { ramp } from '../../ramp';

/** An embedding whose transpose is the output layer: folding the Transpose would store the table twice. */
export function build(): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'tokens', type: DataType.INT64, shape: ['batch', 4] }],
    outputs: [{ name: 'logits', type: DataType.FLOAT, shape: ['batch', 4, 6] }],
    initializers: [ramp('wte.weight', [6, 3])],
    nodes: [
      { opType: 'Gather', name: 'wte', inputs: ['wte.weight', 'tokens'], outputs: ['h'] },
      { opType: 'Transpose', name: 'turn', inputs: ['wte.weight'], outputs: ['t'], attributes: { perm: [1, 0] } },
      { opType: 'MatMul', name: 'head', inputs: ['h', 't'], outputs: ['logits'] },
    ],
  });
}
