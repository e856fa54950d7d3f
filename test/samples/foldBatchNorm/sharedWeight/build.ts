import { buildModel, DataType, type Model } from '../../../../src/onnx';
import { normParameters, ramp } from '../../ramp';

/** Two convolutions share a weight but not their norms; a third is also read before its norm. Nothing folds. */
export function build(): Model {
  const norm = (name: string, input: string, output: string) => ({
    opType: 'BatchNormalization',
    name,
    inputs: [input, `${name}.scale`, `${name}.bias`, `${name}.mean`, `${name}.var`],
    outputs: [output],
  });
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['batch', 2, 4, 4] }],
    outputs: [
      { name: 'y', type: DataType.FLOAT },
      { name: 'z', type: DataType.FLOAT },
    ],
    initializers: [
      ramp('w', [2, 2, 1, 1]),
      ramp('v', [2, 2, 1, 1]),
      ...normParameters('n1', 2),
      ...normParameters('n2', 2),
      ...normParameters('n3', 2),
    ],
    nodes: [
      { opType: 'Conv', name: 'c1', inputs: ['x', 'w'], outputs: ['a'] },
      norm('n1', 'a', 'b'),
      { opType: 'Conv', name: 'c2', inputs: ['b', 'w'], outputs: ['c'] },
      norm('n2', 'c', 'd'),
      { opType: 'Relu', name: 'relu', inputs: ['d'], outputs: ['r'] },
      { opType: 'Conv', name: 'c3', inputs: ['r', 'v'], outputs: ['e'] },
      norm('n3', 'e', 'y'),
      { opType: 'Relu', name: 'other', inputs: ['e'], outputs: ['z'] },
    ],
  });
}
