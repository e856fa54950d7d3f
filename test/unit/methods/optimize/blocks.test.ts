import assert from 'node:assert/strict';
import { findLayers, type Layer, type TensorData } from '../../../../src/analysis';
import { seededNormal } from '../../../../src/base/random';
import {
  dequantizeWeight,
  insertQdq,
  momentsAccumulator,
  optimizeLayer,
  quantizeWeight,
  toFloat,
  toMatMulNBits,
  type LayerMoments,
  type QuantizedWeight,
} from '../../../../src/methods';
import { compareModels } from '../../../../src/export/compareModels';
import { buildModel, DataType, Tensor, verifyModel, type Model } from '../../../../src/onnx';
import { assertClose, factory, floatData, runModel } from '../quantize/runModel';

const K = 40;
const N = 6;
const SAMPLES = 400;

function values(length: number, seed: number): Float32Array {
  const normal = seededNormal(seed);
  return Float32Array.from({ length }, normal);
}

/** Rows whose blocks differ in size by an order of magnitude, so that one scale per channel is a bad fit. */
function weights(): Float32Array {
  return values(K * N, 3).map((w, i) => w * (Math.floor(Math.floor(i / N) / 16) === 1 ? 0.05 : 1));
}

/** Correlated inputs, [samples, K]. */
function inputs(): Float32Array {
  const common = values(SAMPLES, 5);
  return values(SAMPLES * K, 6).map((x, i) => Math.max(0, x + 0.8 * common[Math.floor(i / K)]!));
}

function matMul(data = weights()): Model {
  return buildModel({
    opset: 21,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', K] }],
    outputs: ['y'],
    initializers: [Tensor.fromFloat32('w', [K, N], data)],
    nodes: [{ opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['y'] }],
  });
}

function gemm(): Model {
  const data = weights();
  const transposed = Float32Array.from(data, (_, i) => data[(i % K) * N + Math.floor(i / K)]!);
  return buildModel({
    opset: 21,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', K] }],
    outputs: ['y'],
    initializers: [Tensor.fromFloat32('w', [N, K], transposed), Tensor.fromFloat32('b', [N], values(N, 9))],
    nodes: [
      {
        opType: 'Gemm',
        name: 'layer',
        inputs: ['x', 'w', 'b'],
        outputs: ['y'],
        attributes: { transB: 1 },
      },
    ],
  });
}

function momentsOf(layer: Layer): LayerMoments {
  const accumulator = momentsAccumulator(layer, { positionsPerSample: 1e6, heldOutEvery: 0 })!;
  assert.equal(accumulator.add(inputs(), [SAMPLES, K]), true);
  return accumulator.finish()!;
}

/** The function of a model with another weight, computed by ONNX Runtime in float. */
async function outputOf(model: Model, x: Float32Array, deploy = false): Promise<TensorData> {
  const feeds = new Map([['x', floatData([x.length / K, K], x)]]);
  const outputs = await runModel(model, feeds, deploy ? 'deploy' : 'simulate');
  return outputs.get('y')!;
}

describe('scales per block', () => {
  const common = { bits: 4, granularity: 'per-channel', blockSize: 16 } as const;

  for (const symmetric of [true, false]) {
    for (const [kind, build] of [
      ['MatMul', matMul],
      ['Gemm', gemm],
    ] as const) {
      it(`are what ONNX Runtime reads back: ${kind}, ${symmetric ? 'symmetric' : 'asymmetric'}`, async () => {
        const x = inputs().subarray(0, 8 * K);
        for (const bits of [3, 4, 6]) {
          const model = build();
          const layer = findLayers(model)[0]!;
          const weight = quantizeWeight(layer, { ...common, bits, symmetric, range: 'mse' });
          assert.equal(weight.scales.length, N * 3);
          const reference = build();
          const own = findLayers(reference)[0]!;
          reference.graph.replaceInitializer('w', Tensor.fromFloat32('w', own.weight.shape, dequantizeWeight(weight)));
          const result = insertQdq(model, [layer], {
            layers: new Map([[layer.name, { weight, activation: undefined }]]),
          });
          assert.deepEqual(result.refused, []);
          const expected = await outputOf(reference, x);
          assertClose(await outputOf(model, x), expected, 1e-5);
          // ONNX Runtime makes a MatMulNBits of it, which rounds its input to 8 bits by default.
          assertClose(await outputOf(model, x, true), expected, 1e-2);
          const packed = model.clone();
          assert.deepEqual(toMatMulNBits(packed).converted, ['layer']);
          assert.deepEqual(verifyModel(packed), []);
          assert.deepEqual(
            packed.graph.nodes.map(({ opType }) => opType),
            ['MatMulNBits'],
          );
          assertClose(await outputOf(packed, x, true), expected, 1e-4);
          for (const quantized of [model, packed]) {
            const float = quantized.clone();
            assert.deepEqual(toFloat(float).refused, []);
            assert.deepEqual(verifyModel(float), []);
            assertClose(await outputOf(float, x), expected, 1e-6);
          }
          const feeds = new Map([['x', floatData([8, K], x)]]);
          const compared = await compareModels(reference, packed, factory, () => [feeds]);
          assert.deepEqual(
            compared.layers.map(({ layer }) => layer),
            ['layer'],
          );
        }
      });
    }
  }

  it('bring a model to the opset that has them where attributes became inputs on the way', async () => {
    const build = (): Model =>
      buildModel({
        opset: 13,
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', K] }],
        outputs: ['y'],
        initializers: [Tensor.fromFloat32('w', [K, N], weights())],
        nodes: [
          { opType: 'ReduceMean', name: 'mean', inputs: ['x'], outputs: ['m'], attributes: { axes: [1], keepdims: 1 } },
          { opType: 'Sub', name: 'centre', inputs: ['x', 'm'], outputs: ['c'] },
          { opType: 'MatMul', name: 'layer', inputs: ['c', 'w'], outputs: ['y'] },
        ],
      });
    const model = build();
    const layer = findLayers(model)[0]!;
    const weight = quantizeWeight(layer, { ...common, bits: 4, symmetric: true, range: 'mse' });
    const reference = build();
    reference.graph.replaceInitializer('w', Tensor.fromFloat32('w', [K, N], dequantizeWeight(weight)));
    const result = insertQdq(model, [layer], { layers: new Map([[layer.name, { weight, activation: undefined }]]) });
    assert.deepEqual(result.refused, []);
    assert.equal(result.opset.after, 21);
    const x = inputs().subarray(0, 8 * K);
    assertClose(await outputOf(model, x), await outputOf(reference, x), 1e-5);
  });

  it('bring the error down in the order of the methods, and below that of one scale per channel', () => {
    const layer = findLayers(matMul())[0]!;
    const moments = momentsOf(layer);
    const error = (method: 'rtn' | 'gptq' | 'gram', blockSize: number | undefined, bits = 3): number =>
      optimizeLayer(layer, { ...common, bits, blockSize, symmetric: true, method, moments }).errors.fit!.result;
    const [rtn, gptq, gram] = [error('rtn', 16), error('gptq', 16), error('gram', 16)];
    assert.ok(gptq < rtn, `${gptq} ${rtn}`);
    assert.ok(gram < gptq, `${gram} ${gptq}`);
    assert.ok(gram < 0.8 * error('gram', undefined), `${gram} ${error('gram', undefined)}`);
  });

  it('say the error that the weights have', () => {
    const layer = findLayers(matMul())[0]!;
    const moments = momentsOf(layer);
    const x = inputs();
    const w = weights();
    for (const symmetric of [true, false]) {
      const found = optimizeLayer(layer, { ...common, symmetric, moments, refitBias: false });
      const other = dequantizeWeight(found.weight);
      let difference = 0;
      let power = 0;
      for (let s = 0; s < SAMPLES; s++) {
        for (let n = 0; n < N; n++) {
          let a = 0;
          let b = 0;
          for (let k = 0; k < K; k++) {
            a += x[s * K + k]! * w[k * N + n]!;
            b += x[s * K + k]! * other[k * N + n]!;
          }
          difference += (a - b) ** 2;
          power += a * a;
        }
      }
      const said = found.errors.fit!.result;
      assert.ok(Math.abs(said / (difference / power) - 1) < 1e-3, `${said} ${difference / power}`);
    }
  });

  it('come close to the best of all codes and scales', () => {
    // Two blocks of 16 with four weights that are not zero: 3⁴ codes of 2 bits, the best scales of each in closed form.
    const at = [0, 1, 16, 17];
    for (let seed = 1; seed <= 8; seed++) {
      const data = new Float32Array(K * N);
      values(4, seed).forEach((w, i) => {
        data[at[i]! * N] = w;
      });
      const layer = findLayers(matMul(data))[0]!;
      const moments = momentsOf(layer);
      const mask = new Uint8Array(K * N);
      at.forEach((k) => (mask[k] = 1));
      const found = optimizeLayer(layer, {
        ...common,
        bits: 2,
        symmetric: true,
        moments,
        refitBias: false,
        mask,
        damp: 1e-9,
      });
      const gram = (i: number, j: number): number => moments.fit[0]!.gram[at[i]! * K + at[j]!]!;
      const w = at.map((k) => data[k * N]!);
      const form = (e: readonly number[]): number =>
        e.reduce((sum, a, i) => sum + e.reduce((inner, b, j) => inner + a * b * gram(i, j), 0), 0);
      let best = Infinity;
      for (let code = 0; code < 81; code++) {
        const v = [0, 1, 2, 3].map((i) => (Math.floor(code / 3 ** i) % 3) - 1);
        const halves = [
          [v[0]!, v[1]!, 0, 0],
          [0, 0, v[2]!, v[3]!],
        ];
        const cross = (a: readonly number[], b: readonly number[]): number =>
          a.reduce((sum, x, i) => sum + b.reduce((inner, y, j) => inner + x * y * gram(i, j), 0), 0);
        const [p, q, r] = [cross(halves[0]!, halves[0]!), cross(halves[0]!, halves[1]!), cross(halves[1]!, halves[1]!)];
        const [c, d] = [cross(halves[0]!, w), cross(halves[1]!, w)];
        const determinant = p * r - q * q;
        const scales =
          determinant > 1e-9
            ? [(c * r - d * q) / determinant, (d * p - c * q) / determinant]
            : [p > 0 ? c / p : 0, r > 0 ? d / r : 0];
        if (scales.every((s) => s >= 0)) {
          best = Math.min(best, form(v.map((x, i) => x * scales[i < 2 ? 0 : 1]! - w[i]!)));
        }
      }
      const error = found.errors.fit!.result * form(w);
      assert.ok(error >= best * (1 - 1e-6) - 1e-12, `seed ${seed}: ${error} is below ${best}`);
      assert.ok(error <= 1.5 * best + 1e-9, `seed ${seed}: ${error} against ${best}`);
    }
  });

  it('are kept from layers that are no plain matrices', () => {
    const model = buildModel({
      opset: 21,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1, 16, 4, 4] }],
      outputs: ['y'],
      initializers: [Tensor.fromFloat32('w', [4, 16, 1, 1], values(64, 2))],
      nodes: [{ opType: 'Conv', name: 'layer', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    const weight: QuantizedWeight = quantizeWeight(findLayers(model)[0]!, { ...common, symmetric: true, range: 'mse' });
    assert.equal(weight.blockSize, undefined);
    assert.equal(weight.scales.length, 4);
  });
});
