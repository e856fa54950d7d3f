process.env['ORT_DISABLE_TELEMETRY'] = '1';
import assert from 'node:assert/strict';
import { findLayers, type RunnerFactory, type TensorData } from '../../../src/analysis';
import { CancelledError, LatheError } from '../../../src/base/errors';
import { seededNormal } from '../../../src/base/random';
import { compareModels } from '../../../src/export/compareModels';
import { dequantizeWeight, insertQdq, quantizeWeight } from '../../../src/methods';
import { buildModel, DataType, Tensor, type Model } from '../../../src/onnx';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';

const factory = createOnnxRuntime();

function normal(count: number, seed: number): Float32Array {
  const next = seededNormal(seed);
  return Float32Array.from({ length: count }, () => next());
}

function chain(): Model {
  return buildModel({
    opset: 21,
    irVersion: 10,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 6] }],
    outputs: ['y'],
    initializers: [Tensor.fromFloat32('w1', [6, 5], normal(30, 1)), Tensor.fromFloat32('w2', [5, 4], normal(20, 2))],
    nodes: [
      { opType: 'MatMul', name: 'a', inputs: ['x', 'w1'], outputs: ['m'] },
      { opType: 'MatMul', name: 'b', inputs: ['m', 'w2'], outputs: ['y'] },
    ],
  });
}

const quantizer = { bits: 4, granularity: 'per-channel', symmetric: true, range: 'min-max' } as const;

/** Weights alone, so that the expected outputs are two small matrix products. */
function quantized(): Model {
  const model = chain();
  const layers = findLayers(model);
  insertQdq(model, layers, {
    layers: new Map(
      layers.map((layer) => [layer.name, { weight: quantizeWeight(layer, quantizer), activation: undefined }]),
    ),
  });
  return model;
}

function product(x: Float32Array, w: Float32Array, k: number, n: number): Float64Array {
  const rows = x.length / k;
  const out = new Float64Array(rows * n);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < n; c++) {
      for (let i = 0; i < k; i++) {
        out[r * n + c]! += x[r * k + i]! * w[i * n + c]!;
      }
    }
  }
  return out;
}

const BATCHES = [normal(12, 5), normal(18, 6), normal(6, 7)];
const batches = (): Map<string, TensorData>[] =>
  BATCHES.map((data) => new Map([['x', { type: DataType.FLOAT, dims: [data.length / 6, 6], data }]]));

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} instead of ${expected}`);
}

describe('compareModels', () => {
  it('measures the error at each layer and at the output over all batches', async () => {
    const comparison = await compareModels(chain(), quantized(), factory, batches);
    const [q1, q2] = findLayers(chain()).map((layer) => dequantizeWeight(quantizeWeight(layer, quantizer)));
    const x = Float32Array.from(BATCHES.flatMap((batch) => [...batch]));
    const m = product(x, normal(30, 1), 6, 5);
    const mq = product(x, q1!, 6, 5);
    const y = product(Float32Array.from(m), normal(20, 2), 5, 4);
    const yq = product(Float32Array.from(mq), q2!, 5, 4);
    for (const [found, exact, approximate] of [
      [comparison.layers[0]!.error, m, mq],
      [comparison.layers[1]!.error, y, yq],
      [comparison.outputs.simulate.get('y')!, y, yq],
    ] as const) {
      let signal = 0;
      let noise = 0;
      let dot = 0;
      let other = 0;
      let largest = 0;
      exact.forEach((v, i) => {
        const d = v - approximate[i]!;
        signal += v * v;
        noise += d * d;
        dot += v * approximate[i]!;
        other += approximate[i]! ** 2;
        largest = Math.max(largest, Math.abs(d));
      });
      assert.equal(found.values, exact.length);
      assertNear(found.sqnr, 10 * Math.log10(signal / noise), 1e-3);
      assertNear(found.cosine, dot / Math.sqrt(signal * other), 1e-6);
      assertNear(found.maxAbsolute, largest, 1e-4);
      assertNear(found.rms, Math.sqrt(noise / exact.length), 1e-4);
    }
    assert.deepEqual(
      comparison.layers.map(({ layer, output }) => [layer, output]),
      [
        ['a', 'm'],
        ['b', 'y'],
      ],
    );
    assert.deepEqual(comparison.skipped, []);
    assert.equal(comparison.deployFailure, undefined);
    // ONNX Runtime quantises the inputs of 4-bit MatMuls on the way: close, not equal.
    assert.ok(comparison.outputs.deploy.get('y')!.sqnr > comparison.outputs.simulate.get('y')!.sqnr - 3);
  });

  it('finds no error between a model and itself', async () => {
    const comparison = await compareModels(chain(), chain(), factory, batches);
    for (const error of [...comparison.layers.map((l) => l.error), ...comparison.outputs.deploy.values()]) {
      assert.deepEqual([error.sqnr, error.maxAbsolute, error.rms], [Infinity, 0, 0]);
      assertNear(error.cosine, 1, 1e-12);
    }
  });

  it('fetches no more at a time than the memory limit allows, and gets the same figures', async () => {
    const fetched: number[] = [];
    const counting: RunnerFactory = {
      engine: factory.engine,
      async create(model, options) {
        const runner = await factory.create(model, options);
        return {
          inputs: runner.inputs,
          outputs: runner.outputs,
          run: (feeds, fetches) => {
            fetched.push(fetches!.length);
            return runner.run(feeds, fetches);
          },
          release: () => runner.release(),
        };
      },
    };
    const tight = await compareModels(chain(), quantized(), counting, batches, { memoryLimit: 1 });
    assert.ok(fetched.every((count) => count === 1));
    const wide = await compareModels(chain(), quantized(), factory, batches);
    assert.deepEqual(tight.layers, wide.layers);
  });

  it('lists layers whose outputs the quantised model does not have', async () => {
    const other = quantized();
    other.graph.renameValue(other.graph.value('m')!, 'elsewhere');
    const comparison = await compareModels(chain(), other, factory, batches);
    assert.deepEqual(
      comparison.skipped.map(({ layer }) => layer),
      ['a'],
    );
    assert.deepEqual(
      comparison.layers.map(({ layer }) => layer),
      ['b'],
    );
  });

  it('reports a model that fails in deployment only', async () => {
    const failing: RunnerFactory = {
      engine: factory.engine,
      create: (model, options) =>
        options?.mode === 'deploy'
          ? Promise.reject(new LatheError('runtime/load', 'ONNX Runtime refuses it.'))
          : factory.create(model, options),
    };
    const comparison = await compareModels(chain(), quantized(), failing, batches);
    assert.equal(comparison.deployFailure, 'ONNX Runtime refuses it.');
    assert.equal(comparison.outputs.deploy.size, 0);
    assert.equal(comparison.outputs.simulate.size, 1);
  });

  it('stops when asked', async () => {
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(
      compareModels(chain(), quantized(), factory, batches, { signal: stop.signal }),
      (error) => error instanceof CancelledError,
    );
  });
});
