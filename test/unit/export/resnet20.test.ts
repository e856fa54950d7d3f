process.env['ORT_DISABLE_TELEMETRY'] = '1';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLayers, type InferenceRunner, type RunnerOptions } from '../../../src/analysis';
import { compareModels } from '../../../src/export/compareModels';
import { exportModel } from '../../../src/export/exportModel';
import { ActivationObserver, insertQdq, quantizeWeight, type LayerPolicy, type QdqResult } from '../../../src/methods';
import { openModel, serializeModel, type Model } from '../../../src/onnx';
import { foldBatchNorm } from '../../../src/passes';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';
import { readImages, RESNET20 } from './fashionMnist';

const factory = createOnnxRuntime();
const BATCH = 250;

async function withRunner<T>(
  model: Model,
  mode: NonNullable<RunnerOptions['mode']>,
  use: (runner: InferenceRunner) => Promise<T>,
): Promise<T> {
  const runner = await factory.create(serializeModel(model), { mode });
  try {
    return await use(runner);
  } finally {
    await runner.release();
  }
}

/** Share of images whose largest logit is their label. */
async function top1(model: Model, mode: NonNullable<RunnerOptions['mode']>): Promise<number> {
  const images = readImages('evaluation');
  return await withRunner(model, mode, async (runner) => {
    let right = 0;
    for (let start = 0; start < images.count; start += BATCH) {
      const logits = (await runner.run(images.batch(start, BATCH))).get('logits')!.data as Float32Array;
      for (let i = 0; i < BATCH; i++) {
        const row = logits.subarray(i * 10, i * 10 + 10);
        right += row.indexOf(Math.max(...row)) === images.labels[start + i] ? 1 : 0;
      }
    }
    return right / images.count;
  });
}

async function observeInputs(model: Model): Promise<Map<string, ActivationObserver>> {
  const images = readImages('calibration');
  const observed = model.clone();
  const names = new Set(findLayers(model).map((layer) => layer.node.inputs[layer.dataInputIndex]!.name));
  for (const name of names) {
    const value = observed.graph.value(name)!;
    if (!value.isGraphInput) {
      observed.graph.addOutput(value);
    }
  }
  const observers = new Map([...names].map((name) => [name, new ActivationObserver()]));
  await withRunner(observed, 'simulate', async (runner) => {
    for (let start = 0; start < 256; start += 64) {
      const feeds = images.batch(start, 64);
      const values = await runner.run(feeds);
      for (const [name, observer] of observers) {
        observer.observe((values.get(name) ?? feeds.get(name)!).data as Float32Array);
      }
    }
  });
  return observers;
}

describe('ResNet-20 on Fashion-MNIST', function () {
  this.timeout(180000);
  const folder = mkdtempSync(join(tmpdir(), 'lathe-resnet-'));
  after(() => rmSync(folder, { recursive: true }));

  const source = openModel(RESNET20);
  const float = source.clone();
  let observers: Map<string, ActivationObserver>;
  let reference: number;

  before(async () => {
    foldBatchNorm(float);
    observers = await observeInputs(float);
    reference = await top1(float, 'simulate');
  });

  function quantized(weightBits: number, activationBits: number): { model: Model; result: QdqResult } {
    const model = float.clone();
    const layers = findLayers(model);
    const policy = new Map<string, LayerPolicy>();
    layers.forEach((layer, i) => {
      const ends = i === 0 || i === layers.length - 1;
      const bits = ends ? 8 : activationBits;
      const observer = observers.get(layer.node.inputs[layer.dataInputIndex]!.name)!;
      policy.set(layer.name, {
        weight: quantizeWeight(layer, {
          bits: ends ? 8 : weightBits,
          granularity: 'per-channel',
          symmetric: true,
          range: 'mse',
        }),
        activation: { ...observer.range(bits, { method: 'mse', symmetric: false, percentile: 99.99 }), bits },
      });
    });
    return { model, result: insertQdq(model, layers, { layers: policy }) };
  }

  it('keeps its accuracy within 0.2 points at 8 bits, simulated and as ONNX Runtime runs it', async () => {
    assert.ok(reference > 0.9, `float: ${reference}`);
    const { model, result } = quantized(8, 8);
    assert.deepEqual(result.refused, []);
    assert.ok(result.layers.every((layer) => layer.weightBits === 8 && layer.activationBits === 8 && layer.biasInt32));
    const simulated = await top1(model, 'simulate');
    const deployed = await top1(model, 'deploy');
    assert.ok(Math.abs(simulated - reference) <= 0.002, `float ${reference}, simulated ${simulated}`);
    assert.ok(Math.abs(deployed - reference) <= 0.002, `float ${reference}, deployed ${deployed}`);
  });

  it('is exported at 4 bits to a file of the size accounted for, with errors per layer', async () => {
    const { model, result } = quantized(4, 8);
    assert.ok((await top1(model, 'simulate')) > reference - 0.05);
    const path = join(folder, 'resnet20.w4a8.onnx');
    const exported = exportModel({ source, model, quantization: result, path, provenance: { version: 'test' } });
    assert.equal(exported.bytes, statSync(path).size);
    const shrunk = statSync(RESNET20).size - exported.bytes;
    // Batch norms went too, which only the file knows; names and nodes came in.
    assert.ok(Math.abs(shrunk * 8 - (result.storage.float - result.storage.stored)) < 8 * 40_000);
    assert.equal(exported.model.metadata.get('ai.lathe.version'), 'test');

    const images = readImages('calibration');
    const comparison = await compareModels(float, exported.model, factory, () => [
      images.batch(0, 32),
      images.batch(32, 32),
    ]);
    assert.equal(comparison.deployFailure, undefined);
    assert.equal(comparison.layers.length, result.layers.length);
    for (const { error } of comparison.layers) {
      assert.ok(error.sqnr > 5 && error.sqnr < 60, `${error.sqnr} dB`);
      assert.ok(error.cosine > 0.8 && error.cosine <= 1);
    }
    const simulate = comparison.outputs.simulate.get('logits')!;
    const deploy = comparison.outputs.deploy.get('logits')!;
    assert.equal(simulate.values, 64 * 10);
    assert.ok(Math.abs(simulate.sqnr - deploy.sqnr) < 1, `${simulate.sqnr} dB simulated, ${deploy.sqnr} dB deployed`);
  });
});
