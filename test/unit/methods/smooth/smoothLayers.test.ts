import assert from 'node:assert/strict';
import { findLayers, readWeight } from '../../../../src/analysis';
import { seededNormal } from '../../../../src/base/random';
import { findSmoothingSites, smoothingFactors, smoothSite } from '../../../../src/methods';
import { buildModel, DataType, Tensor, verifyModel, type Model, type NodeSpec } from '../../../../src/onnx';
import { createRunner } from '../../../../src/runtime/createRunner';
import { createOnnxRuntime } from '../../../../src/runtime/onnxRuntime';

const random = (name: string, dims: readonly number[], seed: number): Tensor =>
  Tensor.fromFloat32(name, dims, Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, seededNormal(seed)));

const node = (opType: string, name: string, inputs: string[], attributes = {}): NodeSpec => ({
  opType,
  name,
  inputs,
  outputs: [name],
  attributes,
});

/** 5 tokens of 6 channels, a norm with an outlier channel, two readers, a Relu between layers, and a Gelu nobody smooths. */
function network(): Model {
  const gamma = Float32Array.from([1, 0.8, 40, 1.2, 0.5, 1]);
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: [2, 5, 6] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: [2, 5, 3] }],
    initializers: [
      Tensor.fromFloat32('gamma', [6], gamma),
      random('beta', [6], 1),
      random('wa', [6, 8], 2),
      random('ba', [8], 3),
      random('wb', [6, 8], 4),
      random('wc', [8, 4], 5),
      random('scale', [4], 6),
      random('wd', [4, 4], 7),
      random('we', [4, 3], 8),
    ],
    nodes: [
      node('LayerNormalization', 'n', ['x', 'gamma', 'beta'], { axis: -1 }),
      node('MatMul', 'a', ['n', 'wa']),
      node('Add', 'ab', ['a', 'ba']),
      node('MatMul', 'b', ['n', 'wb']),
      node('Relu', 'r', ['ab']),
      node('MatMul', 'c', ['r', 'wc']),
      node('Sigmoid', 'g', ['c']),
      node('Mul', 'm', ['g', 'scale']),
      node('MatMul', 'd', ['m', 'wd']),
      node('Sigmoid', 's', ['d']),
      node('MatMul', 'y', ['s', 'we']),
    ],
  });
}

async function values(model: Model, name: string): Promise<Float32Array> {
  const runner = await createRunner(createOnnxRuntime(), model);
  const x = random('x', [2, 5, 6], 9).toFloat32();
  const outputs = await runner.run(new Map([['x', { type: DataType.FLOAT, dims: [2, 5, 6], data: x }]]), [name]);
  await runner.release();
  return outputs.get(name)!.data as Float32Array;
}

describe('smoothing', () => {
  it('finds values made by norms, constant factors and layers, and says why not where it cannot', () => {
    const { sites, refused } = findSmoothingSites(findLayers(network()));
    assert.deepEqual(
      sites.map(({ value, readers, source }) => [value, readers.map(({ name }) => name), source.kind]),
      [
        ['n', ['a', 'b'], 'vectors'],
        ['r', ['c'], 'layer'],
        ['m', ['d'], 'vectors'],
      ],
    );
    assert.equal(refused.length, 1);
    assert.match(refused[0]!.reason, /its input comes from Sigmoid "s", which cannot take a factor/);
  });

  it('takes the factors of the paper', () => {
    const model = network();
    const [site] = findSmoothingSites(findLayers(model)).sites;
    const [wa, wb] = ['wa', 'wb'].map((name) => model.graph.initializers.get(name)!.toFloat32());
    const maxima = [1, 2, 80, 4, 0, 6];
    for (const strength of [0.5, 0.75]) {
      const factors = smoothingFactors(site!, maxima, strength);
      maxima.forEach((x, j) => {
        const row = [...wa!.subarray(j * 8, j * 8 + 8), ...wb!.subarray(j * 8, j * 8 + 8)].map(Math.abs);
        const expected = x === 0 ? 1 : x ** strength / Math.max(...row) ** (1 - strength);
        assert.ok(Math.abs(factors[j]! - expected) < 1e-6 * expected, `channel ${j}`);
      });
    }
  });

  it('keeps the function and shrinks the outlier', async () => {
    const model = network();
    const before = await values(model, 'y');
    const names = findSmoothingSites(findLayers(model)).sites.map(({ value }) => value);
    const smoothed: number[] = [];
    for (const name of names) {
      const site = findSmoothingSites(findLayers(model)).sites.find(({ value }) => value === name)!;
      const maxima = new Float64Array(site.channels).fill(0.5);
      maxima[2] = 60;
      const own = readWeight(site.readers[0]!).slice();
      smoothSite(site, smoothingFactors(site, maxima, 0.5));
      const moved = readWeight(findLayers(model).find((layer) => layer.name === site.readers[0]!.name)!);
      smoothed.push(own.filter((value, at) => value !== moved[at]).length);
    }
    assert.ok(smoothed.every((count) => count > 0));
    assert.deepEqual(verifyModel(model), []);
    const after = await values(model, 'y');
    before.forEach((value, at) => assert.ok(Math.abs(value - after[at]!) < 2e-5, `${value} became ${after[at]}`));
    const gamma = model.graph.nodes.find((n) => n.opType === 'LayerNormalization')!.inputs[1]!.initializer!;
    assert.ok(gamma.toFloat32()[2]! < 40 / 3);
  });
});
