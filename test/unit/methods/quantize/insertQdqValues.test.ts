import assert from 'node:assert/strict';
import { findLayers, type Layer } from '../../../../src/analysis';
import { dequantizeWeight, insertQdq, quantizeWeight, type LayerPolicy, type QdqResult } from '../../../../src/methods';
import { buildModel, DataType, Tensor, verifyModel, type Model } from '../../../../src/onnx';
import { weightValues } from './layerCases';
import { referenceFake, type ReferenceGrid } from './referenceQuantizer';
import { assertClose, floatData, normalValues, runModel } from './runModel';

const SHAPE = [1, 3, 4, 4] as const;
const W8 = { bits: 8, granularity: 'per-channel', symmetric: true, range: 'min-max' } as const;
const X8 = { scale: 0.05, zeroPoint: 120, qmin: 0, qmax: 255, bits: 8 };
const R8 = { scale: 0.03, zeroPoint: 0, qmin: 0, qmax: 255, bits: 8 };
const R4 = { scale: 0.4, zeroPoint: 0, qmin: 0, qmax: 15, bits: 4 };
const C8 = { scale: 0.04, zeroPoint: 130, qmin: 0, qmax: 255 };
const S8 = { scale: 0.1, zeroPoint: 0, qmin: 0, qmax: 255 };

/** One residual block: r = relu(conv1 x); c = conv2 r; s = relu(c + r); the mean of s goes into a layer. */
function block(): Model {
  const conv = (name: string, seed: number): Tensor =>
    Tensor.fromFloat32(name, [3, 3, 1, 1], weightValues([3, 3, 1, 1], seed));
  return buildModel({
    opset: 21,
    irVersion: 10,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: [...SHAPE] }],
    outputs: ['y'],
    initializers: [conv('w1', 1), conv('w2', 2), Tensor.fromFloat32('w3', [3, 2], weightValues([3, 2], 3))],
    nodes: [
      { opType: 'Conv', name: 'conv1', inputs: ['x', 'w1'], outputs: ['p'] },
      { opType: 'Relu', name: 'relu1', inputs: ['p'], outputs: ['r'] },
      { opType: 'Conv', name: 'conv2', inputs: ['r', 'w2'], outputs: ['c'] },
      { opType: 'Add', name: 'add', inputs: ['c', 'r'], outputs: ['a'] },
      { opType: 'Relu', name: 'relu2', inputs: ['a'], outputs: ['s'] },
      { opType: 'GlobalAveragePool', name: 'mean', inputs: ['s'], outputs: ['m'] },
      { opType: 'Flatten', name: 'flat', inputs: ['m'], outputs: ['f'] },
      { opType: 'MatMul', name: 'head', inputs: ['f', 'w3'], outputs: ['y'] },
    ],
  });
}

function quantized(model: Model, secondInput: ReferenceGrid & { readonly bits: number }): QdqResult {
  const layers = findLayers(model);
  const inputs: Record<string, LayerPolicy['activation']> = { conv1: X8, conv2: secondInput };
  const policy = new Map(
    layers.map((layer) => [layer.name, { weight: quantizeWeight(layer, W8), activation: inputs[layer.name] }]),
  );
  const values = new Map([
    ['c', C8],
    ['r', R8],
    ['s', S8],
  ]);
  const result = insertQdq(model, layers, { layers: policy, values });
  assert.deepEqual(verifyModel(model), []);
  return result;
}

/** The block computed plainly: float32 operators, every value of `values` through its grid. */
function expected(x: Float32Array, secondInput: ReferenceGrid): Float32Array {
  const model = block();
  const layers = new Map(findLayers(model).map((layer) => [layer.name, layer]));
  const rows = (layer: Layer): Float32Array => dequantizeWeight(quantizeWeight(layer, W8));
  const conv = (input: Float32Array, weights: Float32Array): Float32Array =>
    Float32Array.from({ length: 48 }, (_, i) => {
      const [channel, pixel] = [Math.floor(i / 16), i % 16];
      return [0, 1, 2].reduce((sum, k) => sum + weights[3 * channel + k]! * input[16 * k + pixel]!, 0);
    });
  const relu = (values: Float32Array): Float32Array => values.map((value) => Math.max(0, value));
  const r = referenceFake(relu(conv(referenceFake(x, X8), rows(layers.get('conv1')!))), R8);
  const c = referenceFake(conv(referenceFake(r, secondInput), rows(layers.get('conv2')!)), C8);
  const s = referenceFake(relu(c.map((value, i) => value + r[i]!)), S8);
  const mean = [0, 1, 2].map((k) => s.slice(16 * k, 16 * k + 16).reduce((a, b) => a + b, 0) / 16);
  const head = rows(layers.get('head')!);
  return Float32Array.of(...[0, 1].map((o) => mean.reduce((sum, value, k) => sum + value * head[2 * k + o]!, 0)));
}

describe('insertQdq on values between the layers', () => {
  const x = normalValues(48, 7);
  const feeds = new Map([['x', floatData([...SHAPE], x)]]);
  const readers = (model: Model, opType: string): string[] =>
    model.graph.nodes
      .filter((node) => node.opType === opType)
      .flatMap((node) => node.inputs.map((input) => input?.producer()?.opType ?? ''));

  for (const [name, grid, pairs] of [
    ['a layer on the grid of the value shares its quantiser', R8, 4],
    ['a narrower layer quantises what the quantiser of the value gives', R4, 5],
  ] as const) {
    it(`lets everybody read them quantised: ${name}`, async () => {
      const model = block();
      const result = quantized(model, grid);
      assert.deepEqual(result.values, ['c', 'r', 's']);
      assert.deepEqual(result.refused, []);
      assert.equal(model.graph.nodes.filter(({ opType }) => opType === 'QuantizeLinear').length, pairs);
      assert.deepEqual(readers(model, 'Add'), ['DequantizeLinear', 'DequantizeLinear']);
      assert.deepEqual(readers(model, 'GlobalAveragePool'), ['DequantizeLinear']);
      const reference = floatData([1, 2], expected(x, grid));
      for (const mode of ['plain', 'simulate'] as const) {
        assertClose((await runModel(model, feeds, mode)).get('y'), reference, 1e-5);
      }
      // Fused kernels round once more where the plain graph adds in float: at most one step of the grid of the sum.
      assertClose((await runModel(model, feeds, 'deploy')).get('y'), reference, 0.03);
    });
  }

  it('needs no Clip for the end that the quantiser of the value keeps to already', () => {
    const model = block();
    quantized(model, R4);
    const clip = model.graph.nodes.find(({ opType }) => opType === 'Clip')!;
    assert.equal(clip.inputs[0]!.producer()!.opType, 'DequantizeLinear');
    assert.equal(clip.inputs[2]!.constant()!.toNumbers()[0], Math.fround(15 * R4.scale));
  });

  it('refuses a value that is not there, and a grid that is not one of 8 bits', () => {
    const layers = new Map<string, LayerPolicy>();
    const asked = (name: string, grid: ReferenceGrid) => () => {
      const model = block();
      insertQdq(model, findLayers(model), { layers, values: new Map([[name, grid]]) });
    };
    assert.throws(asked('nobody', C8), { code: 'quantize/policy', message: /Value "nobody"/ });
    assert.throws(asked('c', { ...C8, qmax: 300 }), {
      code: 'quantize/policy',
      message: /Value "c".*not an 8-bit grid/,
    });
  });

  it('leaves them float where ONNX Runtime has no quantised operators, and says so', () => {
    const model = buildModel({
      opset: 9,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1, 4] }],
      outputs: ['y'],
      nodes: [
        { opType: 'Upsample', name: 'up', inputs: ['x', 'scales'], outputs: ['u'], attributes: { mode: 'nearest' } },
        { opType: 'Add', name: 'add', inputs: ['u', 'x'], outputs: ['y'] },
      ],
      initializers: [Tensor.fromFloat32('scales', [2], Float32Array.of(1, 1))],
    });
    const result = insertQdq(model, [], { layers: new Map(), values: new Map([['u', C8]]) });
    assert.deepEqual(result.values, []);
    assert.match(result.refused[0]!.reason, /the value stays float: .*opset 10/);
    assert.deepEqual(result.refused[0]!.nodes, ['u']);
  });
});
