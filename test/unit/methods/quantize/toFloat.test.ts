import assert from 'node:assert/strict';
import { findLayers, readWeight } from '../../../../src/analysis';
import { dequantizeWeight, insertQdq, quantizeWeight, toFloat, type LayerPolicy } from '../../../../src/methods';
import {
  buildModel,
  DataType,
  MICROSOFT_DOMAIN,
  type Model,
  parseModel,
  serializeModel,
  Tensor,
  verifyModel,
} from '../../../../src/onnx';
import { biasValues, weightValues } from './layerCases';
import { assertClose, floatData, normalValues, runModel } from './runModel';

/** Half of the weights of the first layer are zero. */
function network(): Model {
  const pruned = weightValues([4, 3, 3, 3], 1).map((w, i) => (i % 2 === 0 ? w : 0));
  return buildModel({
    opset: 21,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1, 3, 5, 5] }],
    outputs: ['y'],
    initializers: [
      Tensor.fromFloat32('w1', [4, 3, 3, 3], pruned),
      Tensor.fromFloat32('b1', [4], biasValues(4, 2)),
      Tensor.fromFloat32('w2', [2, 4, 3, 3], weightValues([2, 4, 3, 3], 3)),
    ],
    nodes: [
      { opType: 'Conv', name: 'first', inputs: ['x', 'w1', 'b1'], outputs: ['a'] },
      { opType: 'Relu', name: 'relu', inputs: ['a'], outputs: ['r'] },
      { opType: 'Conv', name: 'second', inputs: ['r', 'w2'], outputs: ['y'] },
    ],
  });
}

describe('toFloat', () => {
  const x = new Map([['x', floatData([1, 3, 5, 5], normalValues(75, 4))]]);

  it('keeps what the codes stand for, zeros included, and rounds no activation', async () => {
    const made = network();
    const reference = network();
    const layers = findLayers(made);
    // Biases are rounded to the product of both scales: next to nothing at this one.
    const policies = layers.map((layer): [string, LayerPolicy] => {
      const weight = quantizeWeight(layer, { bits: 4, granularity: 'per-channel', symmetric: true, range: 'mse' });
      return [layer.name, { weight, activation: { scale: 1e-4, zeroPoint: 100, qmin: 0, qmax: 255, bits: 8 } }];
    });
    insertQdq(made, layers, { layers: new Map(policies) });
    const quantized = parseModel(serializeModel(made));
    for (const layer of findLayers(reference)) {
      const { weight } = new Map(policies).get(layer.name)!;
      reference.graph.replaceInitializer(
        layer.weight.value.name,
        Tensor.fromFloat32(layer.weight.value.name, layer.weight.shape, dequantizeWeight(weight!)),
      );
    }
    const result = toFloat(quantized);
    assert.deepEqual(verifyModel(quantized), []);
    assert.deepEqual(result.refused, []);
    assert.equal(result.activations.length, 2);
    assert.deepEqual(
      quantized.graph.nodes.map(({ opType }) => opType),
      ['Conv', 'Relu', 'Conv'],
    );
    // Under the names they had before: those that people know the layers by.
    assert.deepEqual([...quantized.graph.initializers.keys()].sort(), [...reference.graph.initializers.keys()].sort());
    const [first] = findLayers(quantized);
    readWeight(first!).forEach((w, i) => assert.ok(i % 2 === 0 || w === 0));
    const expected = (await runModel(reference, x, 'plain')).get('y')!;
    assertClose((await runModel(quantized, x, 'plain')).get('y'), expected, 1e-4);
  });

  it('says which nodes it cannot read', () => {
    const model = buildModel({
      opset: 21,
      inputs: [{ name: 'q', type: DataType.UINT8, shape: [4, 16] }],
      outputs: ['y', 'z'],
      initializers: [
        Tensor.fromFloat32('s', [], Float32Array.of(0.5)),
        Tensor.fromIntegers('b', DataType.UINT8, [2, 1, 8], new Int32Array(16)),
        Tensor.fromFloat32('scales', [3], new Float32Array(3)),
      ],
      nodes: [
        { opType: 'DequantizeLinear', name: 'fed', inputs: ['q', 's'], outputs: ['y'] },
        {
          opType: 'MatMulNBits',
          domain: MICROSOFT_DOMAIN,
          name: 'odd',
          inputs: ['y', 'b', 'scales'],
          outputs: ['z'],
          attributes: { K: 16, N: 2, bits: 4, block_size: 16 },
        },
      ],
    });
    const { refused, weights } = toFloat(model);
    assert.deepEqual(weights, []);
    assert.deepEqual(
      refused.map(({ nodes, reason }) => [nodes[0], reason]),
      [
        ['fed', 'what it dequantises is neither stored nor float before'],
        ['odd', 'its codes or scales have another size than its attributes say'],
      ],
    );
  });
});
