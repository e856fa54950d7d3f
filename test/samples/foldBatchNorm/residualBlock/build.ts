import { buildModel, DataType, type Model } from '../../../../src/onnx';
import { normParameters, ramp } from '../../ramp';

/** Two convolutions with norms and a short cut with one of its own, as in a residual network. */
export function build(): Model {
  const norm = (name: string, input: string, output: string) => ({
    opType: 'BatchNormalization',
    name,
    inputs: [input, `${name}.scale`, `${name}.bias`, `${name}.mean`, `${name}.var`],
    outputs: [output],
  });
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['batch', 2, 6, 6] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['batch', 4, 3, 3] }],
    initializers: [
      ramp('conv1.weight', [4, 2, 3, 3]),
      ramp('conv2.weight', [4, 4, 3, 3], -0.25, 0.0625),
      ramp('down.weight', [4, 2, 1, 1]),
      ...normParameters('bn1', 4),
      ...normParameters('bn2', 4),
      ...normParameters('bn3', 4),
    ],
    nodes: [
      {
        opType: 'Conv',
        name: 'conv1',
        inputs: ['x', 'conv1.weight'],
        outputs: ['a'],
        attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
      },
      norm('bn1', 'a', 'b'),
      { opType: 'Relu', name: 'relu1', inputs: ['b'], outputs: ['c'] },
      { opType: 'Conv', name: 'conv2', inputs: ['c', 'conv2.weight'], outputs: ['d'], attributes: { pads: [1, 1, 1, 1] } },
      norm('bn2', 'd', 'e'),
      { opType: 'Conv', name: 'down', inputs: ['x', 'down.weight'], outputs: ['f'], attributes: { strides: [2, 2] } },
      norm('bn3', 'f', 'g'),
      { opType: 'Add', name: 'add', inputs: ['e', 'g'], outputs: ['h'] },
      { opType: 'Relu', name: 'relu2', inputs: ['h'], outputs: ['y'] },
    ],
  });
}
