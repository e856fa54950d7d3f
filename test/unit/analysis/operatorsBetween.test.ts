import assert from 'node:assert/strict';
import { join } from 'node:path';
import { findLayers, inferShapes, operatorsBetween, type OperatorBetween } from '../../../src/analysis';
import { buildModel, DataType, openModel, Tensor, type Model, type NodeSpec } from '../../../src/onnx';
import { foldBatchNorm } from '../../../src/passes';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';

describe('operators between the layers that can compute on 8-bit values', function () {
  this.timeout(60_000);

  async function of(model: Model): Promise<OperatorBetween[]> {
    const shapes = await inferShapes(model, createOnnxRuntime());
    return operatorsBetween(model, findLayers(model), shapes);
  }

  const described = (found: readonly OperatorBetween[]): [string, string[]][] =>
    found.map(({ node, values }) => [node.name, values.map(({ name }) => name)]);

  /** A convolution of "x" in front of the nodes; `k` is a constant. */
  const behindConv = (nodes: readonly NodeSpec[], outputs = ['y']): Model =>
    buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1, 2, 4, 4] }],
      outputs,
      initializers: [
        Tensor.fromFloat32('w', [2, 2, 1, 1], Float32Array.of(1, 2, 3, 4)),
        Tensor.fromFloat32('k', [1], Float32Array.of(0.5)),
      ],
      nodes: [
        { opType: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['c'] },
        ...nodes,
        { opType: 'Identity', name: 'end', inputs: ['last'], outputs: ['y'] },
      ],
    });

  it('are all adds and the average of a ResNet, with what they give behind its Relu', async () => {
    const model = openModel(join(__dirname, '../../../samples/fmnist-resnet20/resnet20.onnx'));
    foldBatchNorm(model);
    const found = await of(model);
    const counts = found.map(({ operator }) => operator);
    assert.equal(counts.filter((operator) => operator === 'Add of two activations').length, 9);
    assert.equal(counts.filter((operator) => operator === 'GlobalAveragePool').length, 1);
    for (const { node, values } of found.filter(({ operator }) => operator.startsWith('Add'))) {
      assert.equal(values.length, 3);
      assert.equal(values[2]!.producer()!.opType, 'Relu');
      assert.equal(values[2]!.producer()!.inputs[0], node.outputs[0]);
    }
  });

  it('are none of a transformer, whose adds lie between float norms and biases', async () => {
    assert.deepEqual(await of(openModel(join(__dirname, '../../../bench/networks/vit.onnx'))), []);
  });

  it('are those behind a layer, also across what only moves values', async () => {
    const found = await of(
      behindConv([
        { opType: 'MaxPool', name: 'pool', inputs: ['c'], outputs: ['p'], attributes: { kernel_shape: [1, 1] } },
        { opType: 'Sigmoid', name: 'gate', inputs: ['p'], outputs: ['g'] },
        { opType: 'Mul', name: 'excite', inputs: ['p', 'g'], outputs: ['m'] },
        { opType: 'Concat', name: 'both', inputs: ['m', 'x'], outputs: ['last'], attributes: { axis: 1 } },
      ]),
    );
    assert.deepEqual(described(found), [
      ['gate', ['p', 'g']],
      ['excite', ['p', 'g', 'm']],
      ['both', ['m', 'x', 'last']],
    ]);
  });

  it('are not those that a constant is added to, that read float alone, or that give an output', async () => {
    const found = await of(
      behindConv(
        [
          { opType: 'Add', name: 'shifted', inputs: ['c', 'k'], outputs: ['s'] },
          { opType: 'Erf', name: 'erf', inputs: ['s'], outputs: ['e'] },
          { opType: 'Mul', name: 'gelu', inputs: ['s', 'e'], outputs: ['last'] },
          { opType: 'Add', name: 'seen', inputs: ['c', 'x'], outputs: ['out'] },
        ],
        ['y', 'out'],
      ),
    );
    assert.deepEqual(described(found), []);
  });

  it('do not look behind a Relu that is not the only one to read a value', async () => {
    const found = await of(
      behindConv([
        { opType: 'Add', name: 'first', inputs: ['c', 'x'], outputs: ['a'] },
        { opType: 'Relu', name: 'relu', inputs: ['a'], outputs: ['r'] },
        { opType: 'Add', name: 'second', inputs: ['a', 'r'], outputs: ['last'] },
      ]),
    );
    assert.deepEqual(described(found), [
      ['first', ['c', 'x', 'a']],
      ['second', ['a', 'r', 'last']],
    ]);
  });
});
