import assert from 'node:assert/strict';
import { findLayers } from '../../../../src/analysis';
import { insertQdq, quantizeWeight } from '../../../../src/methods';
import { moveAttributesToInputs } from '../../../../src/methods/quantize/attributesToInputs';
import { buildModel, DataType, Tensor, verifyModel, type Model, type NodeSpec } from '../../../../src/onnx';
import { assertClose, floatData, normalValues, runModel } from './runModel';

const input = [1, 3, 6, 6];
const x = (): Map<string, ReturnType<typeof floatData>> => new Map([['x', floatData(input, normalValues(108, 5))]]);
const A8 = { scale: 0.05, zeroPoint: 128, qmin: 0, qmax: 255, bits: 8 };

function build(opset: number, nodes: readonly NodeSpec[], outputs: readonly string[] = ['y']): Model {
  return buildModel({
    opset,
    irVersion: 4,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: input }],
    outputs,
    initializers: [
      Tensor.fromFloat32('w', [4, 3, 3, 3], normalValues(108, 6)),
      Tensor.fromFloat32('b', [4], normalValues(4, 7)),
      Tensor.fromFloat32('scales', [4], Float32Array.of(1, 1, 2, 2)),
    ],
    nodes,
  });
}

const conv = (from: string, to: string): NodeSpec => ({
  opType: 'Conv',
  name: 'layer',
  inputs: [from, 'w', 'b'],
  outputs: [to],
});

function quantize(model: Model, granularity: 'per-channel' | 'per-tensor' = 'per-channel') {
  const layers = findLayers(model);
  const weight = quantizeWeight(layers[0]!, {
    bits: 8,
    granularity,
    symmetric: true,
    range: 'min-max',
  });
  return insertQdq(model, layers, { layers: new Map([['layer', { weight, activation: A8 }]]) });
}

describe('moveAttributesToInputs', () => {
  const cases: readonly [string, NodeSpec, readonly string[]][] = [
    [
      'Clip',
      { opType: 'Clip', inputs: ['x'], outputs: ['y'], attributes: { min: { float: -0.5 }, max: { float: 1.25 } } },
      ['y'],
    ],
    ['Clip from above', { opType: 'Clip', inputs: ['x'], outputs: ['y'], attributes: { max: { float: 0.5 } } }, ['y']],
    ['Slice', { opType: 'Slice', inputs: ['x'], outputs: ['y'], attributes: { starts: [1], ends: [1000] } }, ['y']],
    [
      'Slice along axes',
      { opType: 'Slice', inputs: ['x'], outputs: ['y'], attributes: { axes: [3, 1], starts: [-4, 0], ends: [-1, 2] } },
      ['y'],
    ],
    [
      'Pad',
      {
        opType: 'Pad',
        inputs: ['x'],
        outputs: ['y'],
        attributes: { pads: [0, 0, 1, 2, 0, 0, 3, 4], value: { float: 0.75 } },
      },
      ['y'],
    ],
    ['TopK', { opType: 'TopK', inputs: ['x'], outputs: ['y', 'i'], attributes: { k: 3, axis: 2 } }, ['y', 'i']],
  ];
  for (const [what, node, outputs] of cases) {
    it(`leaves what ${what} computes as it is`, async () => {
      const before = build(9, [node], outputs);
      const after = before.clone();
      moveAttributesToInputs(after, 11);
      assert.equal(after.opset(), 11);
      assert.deepEqual(verifyModel(after), []);
      const expected = await runModel(before, x(), 'deploy');
      const actual = await runModel(after, x(), 'deploy');
      for (const name of outputs) {
        assert.deepEqual(actual.get(name), expected.get(name));
      }
    });
  }
});

describe('insertQdq on models older than opset 11', () => {
  it('reaches an opset that ONNX Runtime fuses in, by writing attributes as inputs', async () => {
    const nodes = (): NodeSpec[] => [
      {
        opType: 'Slice',
        name: 'cut',
        inputs: ['x'],
        outputs: ['a'],
        attributes: { axes: [3], starts: [1], ends: [6] },
      },
      conv('a', 'c'),
      {
        opType: 'Clip',
        name: 'six',
        inputs: ['c'],
        outputs: ['y'],
        attributes: { min: { float: 0 }, max: { float: 6 } },
      },
    ];
    const model = build(9, nodes());
    const result = quantize(model);
    assert.equal(result.layers[0]!.activationBits, 8);
    assert.deepEqual(result.refused, []);
    assert.ok(model.opset() >= 11);
    const float = await runModel(build(9, nodes()), x(), 'deploy');
    const simulated = await runModel(model, x(), 'simulate');
    assertClose(simulated.get('y'), float.get('y')!, 0.05);
    assertClose((await runModel(model, x(), 'deploy')).get('y'), simulated.get('y')!, 0.02);
  });

  it('keeps inputs float where that cannot be, so that the file runs', async () => {
    const nodes = (): NodeSpec[] => [
      conv('x', 'c'),
      { opType: 'Relu', name: 'relu', inputs: ['c'], outputs: ['r'] },
      { opType: 'Upsample', name: 'grow', inputs: ['r', 'scales'], outputs: ['y'] },
    ];
    const model = build(9, nodes());
    const result = quantize(model);
    assert.equal(result.layers[0]!.weightBits, 8);
    assert.equal(result.layers[0]!.activationBits, undefined);
    assert.match(result.refused[0]!.reason, /input stays float.*opset 10.*Upsample was retired.*"grow"/);
    assertClose(
      (await runModel(model, x(), 'deploy')).get('y'),
      (await runModel(build(9, nodes()), x(), 'deploy')).get('y')!,
      0.05,
    );
  });

  for (const [opset, granularity] of [
    [10, 'per-tensor'],
    [12, 'per-channel'],
  ] as const) {
    it(`keeps an input float when the bias must stay float at opset ${opset}, ${granularity}`, async () => {
      const nodes = (): NodeSpec[] => [
        conv('x', 'c'),
        { opType: 'Relu', name: 'relu', inputs: ['c'], outputs: ['r'] },
        opset === 10
          ? { opType: 'Resize', name: 'grow', inputs: ['r', 'scales'], outputs: ['y'] }
          : { opType: 'Unsqueeze', name: 'lift', inputs: ['r'], outputs: ['y'], attributes: { axes: [0] } },
      ];
      const wide = (): Model => {
        const made = build(opset, nodes());
        // No int32 holds these at the scale of the weights; NaN is never rescaled away either.
        const values = granularity === 'per-tensor' ? [1e9, 1, 1, 1] : [NaN, 1, 1, 1];
        made.graph.replaceInitializer('b', Tensor.fromFloat32('b', [4], Float32Array.from(values)));
        return made;
      };
      const model = wide();
      const result = quantize(model, granularity);
      assert.equal(result.layers[0]!.activationBits, undefined);
      assert.match(result.refused[0]!.reason, /input stays float: the bias does too/);
      const expected = (await runModel(wide(), x(), 'deploy')).get('y')!;
      const actual = (await runModel(model, x(), 'deploy')).get('y')!;
      assert.deepEqual(actual.dims, expected.dims);
    });
  }

  it('quantises a bias next to weights too small to count', async () => {
    const tiny = (): Model => {
      const made = build(12, [conv('x', 'y')]);
      const weights = normalValues(108, 6).map((v, i) => (i < 27 ? v * 1e-38 : v));
      made.graph.replaceInitializer('w', Tensor.fromFloat32('w', [4, 3, 3, 3], weights));
      return made;
    };
    const model = tiny();
    const result = quantize(model);
    assert.ok(result.layers[0]!.biasInt32);
    const expected = (await runModel(tiny(), x(), 'deploy')).get('y')!;
    assertClose((await runModel(model, x(), 'deploy')).get('y'), expected, 0.05);
  });
});
