import assert from 'node:assert/strict';
import { findLayers } from '../../../../src/analysis';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import { equalizeSite, equalizingFactors, findChannelSites, type ChannelSite } from '../../../../src/methods';
import { buildModel, DataType, Tensor, verifyModel, type Model, type NodeSpec } from '../../../../src/onnx';
import { createRunner } from '../../../../src/runtime/createRunner';
import { createOnnxRuntime } from '../../../../src/runtime/onnxRuntime';

const random = (name: string, dims: readonly number[], seed: number, spread = 0.3): Tensor => {
  const normal = seededNormal(seed);
  return Tensor.fromFloat32(
    name,
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => spread * normal()),
  );
};

/** Of the Clip: more than any value reaches. */
const HIGH = 12;

const node = (opType: string, name: string, inputs: string[], attributes = {}): NodeSpec => ({
  opType,
  name,
  inputs,
  outputs: [name],
  attributes,
});

/** A Clip whose value a depthwise convolution and an addition read, a Relu, a grouped convolution, and a pooled end. */
function network(extra: readonly NodeSpec[] = []): Model {
  const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: [2, 3, 6, 6] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: [2, 6, 1, 1] }],
    initializers: [
      random('w0', [4, 3, 3, 3], 1),
      random('b0', [4], 2),
      random('w1', [4, 1, 3, 3], 3),
      random('b1', [4], 4),
      random('w2', [4, 4, 1, 1], 5),
      random('b2', [4], 6),
      random('w3', [6, 2, 3, 3], 7),
      Tensor.fromFloat32('low', [], Float32Array.of(0)),
      Tensor.fromFloat32('high', [], Float32Array.of(HIGH)),
    ],
    nodes: [
      node('Conv', 'conv0', ['x', 'w0', 'b0'], pads),
      node('Clip', 'c', ['conv0', 'low', 'high']),
      node('Conv', 'conv1', ['c', 'w1', 'b1'], { ...pads, group: 4 }),
      node('Relu', 'r', ['conv1']),
      node('Conv', 'p', ['r', 'w2', 'b2']),
      node('Add', 'a', ['c', 'p']),
      node('Conv', 'conv3', ['a', 'w3'], { ...pads, group: 2 }),
      node('Relu', 'r3', ['conv3']),
      node('GlobalAveragePool', 'y', ['r3']),
      ...extra,
    ],
  });
}

async function outputOf(model: Model): Promise<Float32Array> {
  const runner = await createRunner(createOnnxRuntime(), model);
  const data = random('x', [2, 3, 6, 6], 9, 1).toFloat32();
  const outputs = await runner.run(new Map([['x', { type: DataType.FLOAT, dims: [2, 3, 6, 6], data }]]), ['y']);
  await runner.release();
  return outputs.get('y')!.data as Float32Array;
}

/** Rounds by plain division, for comparison: the least mean squared error over all ranges. */
function leastError(channels: readonly Float32Array[], weights: readonly number[], bits: number): number {
  const signed = channels.some((own) => own.some((x) => x < 0));
  const top = Math.max(...channels.flatMap((own) => [...own].map(Math.abs)));
  let least = Infinity;
  for (let range = top; range > top / 100; range *= 0.98) {
    const step = (signed ? 2 * range : range) / (2 ** bits - 1);
    const error = channels.reduce((sum, own, c) => {
      const squares = [...own].map((x) => {
        const inside = Math.min(range, Math.max(signed ? -range : 0, x));
        return (step * Math.round(inside / step) - x) ** 2;
      });
      return sum + (weights[c]! * squares.reduce((a, b) => a + b, 0)) / own.length;
    }, 0);
    least = Math.min(least, error);
  }
  return least;
}

describe('equalising channels', () => {
  const siteOf = (model: Model, value: string): ChannelSite =>
    findChannelSites(findLayers(model)).sites.find(({ values }) => values.includes(value))!;

  it('takes what additions join as one site, with its makers, Clips and readers', () => {
    const { sites, refused } = findChannelSites(findLayers(network()));
    assert.equal(sites.length, 2);
    const stream = sites.find(({ values }) => values.includes('a'))!;
    assert.deepEqual([...stream.values].sort(), ['a', 'c', 'p']);
    assert.deepEqual(stream.makers.map(({ value, high }) => [value, high]).sort(), [
      ['c', HIGH],
      ['p', Infinity],
    ]);
    assert.deepEqual(stream.readers.map(({ value }) => value).sort(), ['a', 'c']);
    const inner = sites.find(({ values }) => values.includes('r'))!;
    assert.deepEqual(inner.values, ['r']);
    assert.equal(inner.makers[0]!.high, Infinity);
    assert.deepEqual(
      refused.map(({ reason }) => reason),
      ['"x" is an input of the model'],
    );
  });

  it('says what keeps a value from being scaled', () => {
    const cases: readonly [NodeSpec, RegExp][] = [
      [node('Sigmoid', 's', ['a']), /"a" is read by Sigmoid "s" too/],
      [node('Add', 't', ['p', 'low']), /the constant "low" is added/],
      [node('Sigmoid', 's', ['conv0']), /"conv0" is read in front of its Clip too/],
    ];
    for (const [extra, reason] of cases) {
      const { sites, refused } = findChannelSites(findLayers(network([extra])));
      assert.deepEqual(
        sites.map(({ values }) => values),
        [['r']],
      );
      assert.ok(
        refused.some((refusal) => reason.test(refusal.reason)),
        refused.map((refusal) => refusal.reason).join('; '),
      );
    }
  });

  it('keeps the function, also through a grouped convolution and a residual addition', async () => {
    const model = network();
    const before = await outputOf(model);
    // The Clip in front is out of reach at these.
    const factors = Float64Array.of(0.5, 1.1, 0.9, 0.75);
    for (const value of ['a', 'r']) {
      equalizeSite(siteOf(model, value), factors);
    }
    verifyModel(model);
    const after = await outputOf(model);
    assert.ok(before.some((x) => x > 0.05));
    before.forEach((x, i) => assert.ok(Math.abs(x - after[i]!) < 1e-5, `${x}, ${after[i]}`));
    const weight = findLayers(model)
      .find(({ node: { name } }) => name === 'conv1')!
      .weight.tensor.toFloat32();
    const original = random('w1', [4, 1, 3, 3], 3).toFloat32();
    assert.ok(Math.abs(weight[9]! / original[9]! - factors[1]! / factors[1]!) < 1e-6, 'made and read at factor 2');
    assert.ok(Math.abs(weight[0]! / original[0]! - 1) < 1e-6);
  });

  it('gives channels of one distribution factors in inverse proportion to their size, to the power of the strength', () => {
    const site = siteOf(network(), 'r');
    const uniform = seededRandom(4);
    const shape = Float32Array.from({ length: 500 }, () => uniform() ** 2);
    const sizes = [1, 0.25, 4, 2];
    const samples = new Map([['r', sizes.map((size) => shape.map((x) => x * size))]]);
    for (const strength of [1, 0.5, 0]) {
      const factors = equalizingFactors(site, samples, 4, strength);
      factors.forEach((factor, c) => {
        const wanted = (sizes[0]! / sizes[c]!) ** strength;
        assert.ok(Math.abs(factor / factors[0]! / wanted - 1) < 1e-9, `${strength}: ${[...factors].join()}`);
      });
      assert.ok(Math.abs([...factors].reduce((a, b) => a * b, 1) - 1) < 1e-9, 'the scale on the average stays');
    }
  });

  it('lessens the error of all values that share the factors, and passes no Clip', () => {
    const model = network();
    const site = siteOf(model, 'a');
    const uniform = seededRandom(5);
    const normal = seededNormal(6);
    const sizes = [5, 0.4, 2, 0.8];
    const samples = new Map([
      ['c', sizes.map((size) => Float32Array.from({ length: 600 }, () => size * uniform() ** 3))],
      ['a', sizes.map((size) => Float32Array.from({ length: 600 }, () => size * 0.5 * normal() + 0.1))],
    ]);
    const weightsOf = (name: string, scale: readonly number[]): number[] => {
      const values = random(name, name === 'w1' ? [4, 1, 3, 3] : [6, 2, 3, 3], name === 'w1' ? 3 : 7).toFloat32();
      const norms = [0, 0, 0, 0];
      values.forEach((w, at) => {
        const channel = name === 'w1' ? Math.floor(at / 9) : 2 * Math.floor(at / 54) + (Math.floor(at / 9) % 2);
        norms[channel]! += (w / scale[channel]!) ** 2;
      });
      return norms;
    };
    const relative = (name: 'c' | 'a', weight: string, scale: readonly number[]): number => {
      const channels = samples.get(name)!.map((own, c) => own.map((x) => x * scale[c]!));
      const norms = weightsOf(weight, scale);
      const power = channels.reduce((sum, own, c) => sum + (norms[c]! * own.reduce((s, x) => s + x * x, 0)) / 600, 0);
      return leastError(channels, norms, 4) / power;
    };
    const factors = [...equalizingFactors(site, samples, 4, 1)];
    const errorOf = (scale: readonly number[]) => relative('c', 'w1', scale) + relative('a', 'w3', scale);
    const [before, after] = [errorOf([1, 1, 1, 1]), errorOf(factors)];
    assert.ok(after < 0.7 * before, `${before} → ${after}`);
    samples.get('c')!.forEach((own, c) => assert.ok(factors[c]! * Math.max(...own) <= HIGH));
  });

  it('leaves channels as they are that the Clip clips, and scales the others below it', () => {
    const site = siteOf(network(), 'a');
    const uniform = seededRandom(7);
    const sizes = [3 * HIGH, 0.2, 1, HIGH];
    const made = (most: number) =>
      sizes.map((size) => Float32Array.from({ length: 300 }, () => Math.min(most, size * uniform())));
    const samples = new Map([
      ['c', made(HIGH)],
      ['a', made(Infinity)],
    ]);
    const factors = equalizingFactors(site, samples, 4, 1);
    assert.equal(factors[0], 1);
    assert.ok(factors[1]! > 2 && factors[2]! > 1, factors.join());
    factors.forEach((factor, c) => assert.ok(factor * Math.max(...samples.get('c')![c]!) <= HIGH));
  });
});
