import assert from 'node:assert/strict';
import { findLayers } from '../../../src/analysis';
import { seededNormal } from '../../../src/base/random';
import { float32ToFloat16 } from '../../../src/kernels';
import { buildModel, DataType, openModel, Tensor, type ModelSpec, type NodeSpec } from '../../../src/onnx';
import { foldConstants } from '../../../src/passes';
import { comparePass } from './comparePass';

function floatsOf(name: string, dims: readonly number[], seed = 1): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return Tensor.fromFloat32(name, dims, Float32Array.from({ length: count }, seededNormal(seed)));
}

function integers(name: string, values: readonly number[]): Tensor {
  return Tensor.fromIntegers(name, DataType.INT64, [values.length], values);
}

/** x [N, rows] times the constant that `nodes` make of `stored`. */
function linear(stored: Tensor, rows: number, nodes: readonly NodeSpec[], more: readonly Tensor[] = []): ModelSpec {
  return {
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', rows] }],
    outputs: [{ name: 'y', type: DataType.FLOAT }],
    initializers: [stored, ...more],
    nodes: [...nodes, { opType: 'MatMul', name: 'mm', inputs: ['x', 'w'], outputs: ['y'] }],
  };
}

describe('foldConstants', () => {
  const chains: Readonly<Record<string, ModelSpec>> = {
    Transpose: linear(floatsOf('s', [5, 3]), 3, [
      { opType: 'Transpose', inputs: ['s'], outputs: ['w'], attributes: { perm: [1, 0] } },
    ]),
    'Transpose without perm': linear(floatsOf('s', [5, 3]), 3, [
      { opType: 'Transpose', inputs: ['s'], outputs: ['w'] },
    ]),
    'Transpose of rank 3, Reshape with 0 and −1, Identity': linear(
      floatsOf('s', [2, 3, 4]),
      3,
      [
        { opType: 'Transpose', inputs: ['s'], outputs: ['t'], attributes: { perm: [1, 2, 0] } },
        { opType: 'Identity', inputs: ['t'], outputs: ['i'] },
        { opType: 'Reshape', inputs: ['i', 'shape'], outputs: ['w'] },
      ],
      [integers('shape', [0, -1])],
    ),
    'Squeeze and Unsqueeze': linear(
      floatsOf('s', [1, 3, 5]),
      3,
      [
        { opType: 'Unsqueeze', inputs: ['s', 'last'], outputs: ['u'] },
        { opType: 'Squeeze', inputs: ['u', 'both'], outputs: ['w'] },
      ],
      [integers('last', [-1]), integers('both', [0, 3])],
    ),
    Flatten: linear(floatsOf('s', [3, 2, 4]), 3, [{ opType: 'Flatten', inputs: ['s'], outputs: ['w'] }]),
    Constant: linear(floatsOf('unused', [1]), 3, [
      { opType: 'Constant', inputs: [], outputs: ['w'], attributes: { value: floatsOf('', [3, 5]) } },
    ]),
    'Constant and Transpose': linear(floatsOf('unused', [1]), 3, [
      { opType: 'Constant', inputs: [], outputs: ['s'], attributes: { value: floatsOf('', [5, 3]) } },
      { opType: 'Transpose', inputs: ['s'], outputs: ['w'], attributes: { perm: [1, 0] } },
    ]),
    'Cast from float16': linear(
      Tensor.fromBytes(
        's',
        DataType.FLOAT16,
        [3, 2],
        new Uint8Array(Uint16Array.from([1, -2, 0.1, 7, 1e-7, 3], (v) => float32ToFloat16(v)).buffer),
      ),
      3,
      [{ opType: 'Cast', inputs: ['s'], outputs: ['w'], attributes: { to: DataType.FLOAT } }],
    ),
  };
  for (const [name, spec] of Object.entries(chains)) {
    it(`folds ${name}`, async () => {
      const { model, result } = await comparePass(buildModel(spec), foldConstants, { tolerance: 0 });
      assert.deepEqual(result.refused, []);
      assert.deepEqual(
        model.graph.nodes.map((node) => node.opType),
        ['MatMul'],
      );
      const layer = findLayers(model)[0]!;
      assert.deepEqual(layer.weight.chain, []);
      assert.equal(layer.weight.tensor.dataType, DataType.FLOAT);
    });
  }

  it('moves float64 elements whole', async () => {
    const values = Float64Array.from({ length: 6 }, (_, i) => Math.PI * i);
    const model = buildModel({
      ...linear(Tensor.fromBytes('s', DataType.DOUBLE, [2, 3], new Uint8Array(values.buffer)), 3, [
        { opType: 'Transpose', inputs: ['s'], outputs: ['w'] },
      ]),
      inputs: [{ name: 'x', type: DataType.DOUBLE, shape: ['N', 3] }],
      outputs: [{ name: 'y', type: DataType.DOUBLE }],
    });
    const { model: folded } = await comparePass(model, foldConstants, { tolerance: 0 });
    assert.deepEqual(
      Array.from(folded.graph.initializers.get('s')!.toFloat64()),
      [0, 3, 1, 4, 2, 5].map((i) => values[i]),
    );
  });

  it('keeps a weight shared when all layers read it the same way, each through its own Transpose', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 4] }],
      outputs: [{ name: 'y', type: DataType.FLOAT }],
      initializers: [floatsOf('s', [4, 4])],
      nodes: [
        { opType: 'Transpose', inputs: ['s'], outputs: ['w1'], attributes: { perm: [1, 0] } },
        { opType: 'MatMul', name: 'a', inputs: ['x', 'w1'], outputs: ['h'] },
        { opType: 'Transpose', inputs: ['s'], outputs: ['w2'], attributes: { perm: [1, 0] } },
        { opType: 'MatMul', name: 'b', inputs: ['h', 'w2'], outputs: ['y'] },
      ],
    });
    const { model: folded } = await comparePass(model, foldConstants, { tolerance: 0 });
    assert.deepEqual(
      folded.graph.nodes.map((node) => node.opType),
      ['MatMul', 'MatMul'],
    );
    assert.deepEqual([...folded.graph.initializers.keys()], ['s']);
    assert.deepEqual(
      findLayers(folded).map(({ tie }) => tie),
      ['s', 's'],
    );
  });

  const refusals: Readonly<Record<string, [ModelSpec, RegExp]>> = {
    'it is read in two forms': [
      {
        opset: 17,
        inputs: [{ name: 'i', type: DataType.INT64, shape: ['N'] }],
        outputs: [{ name: 'y', type: DataType.FLOAT }],
        initializers: [floatsOf('s', [5, 4])],
        nodes: [
          { opType: 'Gather', name: 'embed', inputs: ['s', 'i'], outputs: ['h'] },
          { opType: 'Transpose', inputs: ['s'], outputs: ['w'], attributes: { perm: [1, 0] } },
          { opType: 'MatMul', name: 'mm', inputs: ['h', 'w'], outputs: ['y'] },
        ],
      },
      /would be stored twice/,
    ],
    'the caller may replace it': [
      {
        ...chains['Transpose']!,
        inputs: [...chains['Transpose']!.inputs!, { name: 's', type: DataType.FLOAT, shape: [5, 3] }],
      },
      /also an input of the model/,
    ],
    'the chain ends in an output of the model': [
      {
        ...chains['Transpose']!,
        outputs: [
          { name: 'y', type: DataType.FLOAT },
          { name: 'w', type: DataType.FLOAT },
        ],
      },
      /an output of the model/,
    ],
    'it is quantised': [
      linear(
        Tensor.fromIntegers('s', DataType.INT8, [3, 2], [1, 2, 3, -4, 5, 6]),
        3,
        [{ opType: 'DequantizeLinear', inputs: ['s', 'scale'], outputs: ['w'] }],
        [Tensor.fromFloat32('scale', [], Float32Array.of(0.5))],
      ),
      /quantised/,
    ],
  };
  for (const [name, [spec, reason]] of Object.entries(refusals)) {
    it(`refuses when ${name}`, async () => {
      const { result } = await comparePass(buildModel(spec), foldConstants);
      assert.equal(result.modified, false);
      assert.match(result.refused[0]!.reason, reason);
    });
  }

  it('leaves constants that no layer needs', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [2, 3] }],
      outputs: [{ name: 'y', type: DataType.FLOAT }],
      nodes: [
        { opType: 'Constant', inputs: [], outputs: ['c'], attributes: { value: floatsOf('', [3]) } },
        { opType: 'Mul', inputs: ['x', 'c'], outputs: ['y'] },
      ],
    });
    const { result } = await comparePass(model, foldConstants);
    assert.deepEqual([result.modified, result.refused], [false, []]);
  });

  it('stores the weights of a vision transformer the way MatMul reads them', async () => {
    const { model, result } = await comparePass(openModel('test/fixtures/models/vit.onnx'), foldConstants, {
      tolerance: 0,
    });
    assert.equal(result.applied.length, 16);
    assert.ok(findLayers(model).every((layer) => layer.weight.chain.length === 0));
    assert.deepEqual(model.graph.initializers.get('blocks.0.qkv.weight')!.dims, [64, 192]);
  });
});
