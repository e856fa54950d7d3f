process.env['ORT_DISABLE_TELEMETRY'] = '1';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { findLayers } from '../../../../src/analysis';
import { diffModels } from '../../../../src/job/diff/diffModels';
import { compareModelFiles } from '../../../../src/job/diff/models/compareModelFiles';
import type { ModelComparison } from '../../../../src/job/diff/models/comparisonSchema';
import { layerWeights } from '../../../../src/job/diff/models/layerWeights';
import { renderDiffMarkdown } from '../../../../src/job/diff/renderDiff';
import { buildModel, DataType, modelHash, openModel, saveModel, Tensor, type Model } from '../../../../src/onnx';
import { createRunner } from '../../../../src/runtime/createRunner';
import { createOnnxRuntime } from '../../../../src/runtime/onnxRuntime';
import { sampleReport } from '../../../support/sampleReport';

const float = (name: string, dims: readonly number[], values: readonly number[]): Tensor =>
  Tensor.fromFloat32(name, dims, Float32Array.from(values));
const bytes = (name: string, type: DataType, dims: readonly number[], values: readonly number[]): Tensor =>
  Tensor.fromBytes(name, type, dims, Uint8Array.from(values));

/** x · W + a Relu. W: [[1, −2], [3, 0.3]]. */
function floatModel(): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 2] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['n', 2] }],
    initializers: [float('fc.weight', [2, 2], [1, -2, 3, 0.3])],
    nodes: [
      { opType: 'MatMul', name: 'fc', inputs: ['x', 'fc.weight'], outputs: ['m'] },
      { opType: 'Relu', name: 'act', inputs: ['m'], outputs: ['y'] },
    ],
  });
}

/** The same with W rounded to whole numbers and an input of 8 bits: the codes are 1, −2, 3, 0 at a scale of 1. */
function quantizedModel(metadata?: Record<string, string>): Model {
  const model = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 2] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['n', 2] }],
    initializers: [
      float('x_scale', [], [0.5]),
      bytes('x_zero', DataType.UINT8, [], [10]),
      bytes('codes', DataType.INT8, [2, 2], [1, 254, 3, 0]),
      float('w_scale', [], [1]),
      bytes('w_zero', DataType.INT8, [], [0]),
    ],
    nodes: [
      { opType: 'QuantizeLinear', name: 'q', inputs: ['x', 'x_scale', 'x_zero'], outputs: ['xq'] },
      { opType: 'DequantizeLinear', name: 'dq', inputs: ['xq', 'x_scale', 'x_zero'], outputs: ['xd'] },
      { opType: 'DequantizeLinear', name: 'wdq', inputs: ['codes', 'w_scale', 'w_zero'], outputs: ['w'] },
      { opType: 'MatMul', name: 'fc', inputs: ['xd', 'w'], outputs: ['m'] },
      { opType: 'Relu', name: 'act', inputs: ['m'], outputs: ['y'] },
    ],
  });
  for (const [key, value] of Object.entries(metadata ?? {})) {
    model.setMetadata(key, value);
  }
  return model;
}

/** A chain of 1×1 convolutions of 4 channels. */
function convolutions(
  weights: readonly (readonly [name: string, values: readonly number[]])[],
  norm?: { readonly scale: readonly number[]; readonly mean: readonly number[] },
): Model {
  const ones = [1, 1, 1, 1];
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x0', type: DataType.FLOAT, shape: ['n', 4, 2, 2] }],
    outputs: [{ name: norm === undefined ? `x${weights.length}` : 'y', type: DataType.FLOAT, shape: ['n', 4, 2, 2] }],
    initializers: [
      ...weights.map(([name, values]) => float(`${name}.weight`, [4, 4, 1, 1], values)),
      ...(norm === undefined
        ? []
        : [
            float('bn.scale', [4], norm.scale),
            float('bn.bias', [4], [0, 0, 0, 0]),
            float('bn.mean', [4], norm.mean),
            float('bn.var', [4], ones),
          ]),
    ],
    nodes: [
      ...weights.map(([name], i) => ({
        opType: 'Conv',
        name,
        inputs: [`x${i}`, `${name}.weight`],
        outputs: [`x${i + 1}`],
      })),
      ...(norm === undefined
        ? []
        : [
            {
              opType: 'BatchNormalization',
              name: 'bn',
              inputs: [`x${weights.length}`, 'bn.scale', 'bn.bias', 'bn.mean', 'bn.var'],
              outputs: ['y'],
              attributes: { epsilon: { float: 0 } },
            },
          ]),
    ],
  });
}

const row = Array.from({ length: 16 }, (_, i) => i + 1);

describe('comparing two models', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-compare-'));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const compare = (a: Model, b: Model): ModelComparison =>
    compareModelFiles({ path: join(folder, 'a.onnx'), model: a }, { path: join(folder, 'b.onnx'), model: b });

  it('sees through Q/DQ: widths, bytes, zeros and the distance of the dequantised weights', () => {
    const { layers, operators, nodes } = compare(floatModel(), quantizedModel());
    assert.equal(layers.length, 1);
    const [layer] = layers;
    assert.equal(layer!.status, 'changed');
    assert.equal(layer!.matchedBy, 'name');
    assert.deepEqual(
      [layer!.before!.weightBits, layer!.before!.inputBits, layer!.before!.storedBytes, layer!.before!.zeros],
      [32, 32, 16, 0],
    );
    // Four codes, a scale of four bytes, a zero point of one.
    assert.deepEqual(
      [layer!.after!.weightBits, layer!.after!.inputBits, layer!.after!.storedBytes, layer!.after!.zeros],
      [8, 8, 9, 0.25],
    );
    // Only 0.3 → 0 moved: 0.3 / √(1 + 4 + 9 + 0.09).
    assert.ok(Math.abs(layer!.difference!.relative! - 0.3 / Math.sqrt(14.09)) < 1e-7);
    assert.ok(Math.abs(layer!.difference!.maxAbsolute - 0.3) < 1e-7);
    assert.deepEqual(operators, [
      { operator: 'DequantizeLinear', before: 0, after: 2 },
      { operator: 'QuantizeLinear', before: 0, after: 1 },
    ]);
    assert.deepEqual(nodes, []);
  });

  it('takes the widths that Lathe wrote into the model over those of the containers', () => {
    const stated = quantizedModel({ 'ai.lathe.bits': '{"fc":[3,6]}' });
    const { after: side } = compare(floatModel(), stated).layers[0]!;
    assert.deepEqual([side!.weightBits, side!.inputBits, side!.type], [3, 6, 'int8']);
    const broken = compare(floatModel(), quantizedModel({ 'ai.lathe.bits': '{"fc":' })).layers[0]!.after;
    assert.equal(broken!.weightBits, 8);
  });

  it('finds nothing between a model and itself, and is symmetric in what it finds', () => {
    const same = compare(floatModel(), floatModel());
    assert.deepEqual([same.layers[0]!.status, same.operators, same.nodes], ['same', [], []]);
    const back = compare(quantizedModel(), floatModel()).layers[0]!;
    // The same distance over the other norm: √(1 + 4 + 9).
    assert.ok(Math.abs(back.difference!.relative! - 0.3 / Math.sqrt(14)) < 1e-7);
  });

  it('matches layers by name, then by shape in their order, and keeps removed ones in place', () => {
    const { layers } = compare(
      convolutions([
        ['a', row],
        ['b', row],
        ['c', row.map((v) => 2 * v)],
      ]),
      convolutions([
        ['a', row],
        ['new', row],
      ]),
    );
    assert.deepEqual(
      layers.map((layer) => [layer.status, layer.before?.name, layer.after?.name, layer.matchedBy]),
      [
        ['same', 'a', 'a', 'name'],
        ['same', 'b', 'new', 'order'],
        ['removed', 'c', undefined, undefined],
      ],
    );
  });

  it('compares with batch norms folded where only one model has them', () => {
    // Scaled by 2, 1, 1, 1: exactly what folding makes of the first row.
    const folded = row.map((v, i) => (i < 4 ? 2 * v : v));
    const { layers, foldedBatchNorms } = compare(
      convolutions([['a', row]], { scale: [2, 1, 1, 1], mean: [0, 0, 0, 0] }),
      convolutions([['a', folded]]),
    );
    assert.equal(foldedBatchNorms, 1);
    assert.deepEqual(layers[0]!.difference, { relative: 0, maxAbsolute: 0 });
    const models = join(__dirname, '../../../fixtures/models');
    const [whole, other] = ['resnet20.onnx', 'resnet20_folded.onnx'].map((name) => join(models, name)) as [
      string,
      string,
    ];
    const real = compareModelFiles({ path: whole, model: openModel(whole) }, { path: other, model: openModel(other) });
    // Folded by PyTorch: the same network up to the last bits.
    assert.deepEqual([...new Set(real.layers.map(({ status }) => status))], ['same']);
  });

  it('names the sparsest pattern that all groups keep', () => {
    const oneOfFour = row.map((v, i) => (i % 4 === 1 ? v : 0));
    const twoOfFour = row.map((v, i) => (i % 4 < 2 ? v : 0));
    const oneOfTwo = row.map((v, i) => (i % 2 === 0 ? v : 0));
    const { layers } = compare(
      convolutions([
        ['a', row],
        ['b', twoOfFour],
      ]),
      convolutions([
        ['a', oneOfFour],
        ['b', oneOfTwo],
      ]),
    );
    assert.deepEqual(
      layers.map(({ before: a, after: b }) => [a!.zeros, a!.pattern, b!.zeros, b!.pattern]),
      [
        [0, undefined, 0.75, '1:4'],
        [0.5, '2:4', 0.5, '1:2'],
      ],
    );
  });

  it('lists attributes that changed, and nodes that came and went', () => {
    const leaky = buildModel({
      opset: 17,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 2] }],
      outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['n', 2] }],
      initializers: [float('fc.weight', [2, 2], [1, -2, 3, 0.3])],
      nodes: [
        { opType: 'MatMul', name: 'fc', inputs: ['x', 'fc.weight'], outputs: ['m'] },
        { opType: 'LeakyRelu', name: 'act', inputs: ['m'], outputs: ['z'], attributes: { alpha: 0.25 } },
        { opType: 'Sigmoid', name: 'end', inputs: ['z'], outputs: ['y'] },
      ],
    });
    assert.deepEqual(compare(floatModel(), leaky).nodes, [
      { name: 'act', status: 'changed', before: 'Relu', after: 'LeakyRelu', changes: ['alpha – → 0.25'] },
      { name: 'end', status: 'added', after: 'Sigmoid', changes: [] },
    ]);
  });

  it('takes accuracy, latency and output errors from the report that fits, and from none that does not', () => {
    const place = join(folder, 'job');
    mkdirSync(join(place, 'compressed'), { recursive: true });
    const [a, b] = [join(place, 'net.onnx'), join(place, 'compressed/net.onnx')];
    saveModel(floatModel(), a);
    saveModel(quantizedModel(), b);
    const [original, compressed] = [openModel(a), openModel(b)];
    const report = sampleReport();
    report.model = { file: 'net.onnx', sha256: modelHash(original) };
    report.size.fileBytes = compressed.fileBytes;
    report.latency = { floatMs: 2, compressedMs: 1, runs: 30 };
    report.layers[0]!.name = 'fc';
    report.layers[0]!.outputSqnr = 33;
    const reportPath = join(place, 'net.lathe.report.json');
    const put = (): void => writeFileSync(reportPath, JSON.stringify(report));
    const both = (): ModelComparison => compareModelFiles({ path: a, model: original }, { path: b, model: compressed });
    put();
    const found = both();
    const accuracy = report.accuracy!;
    assert.deepEqual(found.before.measured, {
      report: reportPath,
      role: 'float',
      accuracy: { metric: accuracy.metric, samples: accuracy.samples, value: accuracy.float },
      latencyMs: 2,
    });
    assert.equal(found.after.measured?.accuracy?.value, accuracy.deployed);
    assert.equal(found.after.measured?.latencyMs, 1);
    assert.equal(found.layers[0]!.outputSqnr, 33);
    assert.deepEqual(found.staleReports, []);
    const text = renderDiffMarkdown({
      before: 'a',
      after: 'b',
      ...diffModels({ path: a, model: original }, { path: b, model: compressed }),
    });
    assert.match(text, /\| Latency \| 2\.00 ms \| 1\.00 ms \| −1\.00 ms \|/);
    assert.match(
      text,
      /\| `fc` \| float → 8 \| float → 8 \| float32 → int8 \| 16 B → 9 B \| 0\.0 % → 25\.0 % \| 7\.99 % \| 0\.3 \| 33\.0 dB \|/,
    );

    report.size.fileBytes += 1;
    put();
    const stale = both();
    assert.equal(stale.after.measured, undefined);
    assert.equal(stale.layers[0]!.outputSqnr, undefined);
    assert.deepEqual(stale.staleReports, [reportPath]);
  });

  it('unpacks the blocks of MatMulNBits as ONNX Runtime does', async () => {
    const [n, k, size] = [2, 24, 16];
    const blocks = Math.ceil(k / size);
    const packed = Array.from({ length: n * blocks * (size / 2) }, (_, i) => (i * 37 + 11) & 255);
    const model = buildModel({
      opset: { '': 17, 'com.microsoft': 1 },
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [k, k] }],
      outputs: [{ name: 'y', type: DataType.FLOAT, shape: [k, n] }],
      initializers: [
        bytes('packed', DataType.UINT8, [n, blocks, size / 2], packed),
        float('scales', [n * blocks], [0.5, 0.25, 1, 2]),
        bytes('zeros', DataType.UINT8, [n * Math.ceil(blocks / 2)], [0x73, 0x95]),
      ],
      nodes: [
        {
          domain: 'com.microsoft',
          opType: 'MatMulNBits',
          name: 'fc',
          inputs: ['x', 'packed', 'scales', 'zeros'],
          outputs: ['y'],
          attributes: { N: n, K: k, bits: 4, block_size: size },
        },
      ],
    });
    const weights = layerWeights(findLayers(model)[0]!);
    assert.ok(typeof weights !== 'string');
    assert.deepEqual([weights.rows, weights.columns], [n, k]);
    // The product with the identity is the weight, transposed.
    const identity = Float32Array.from({ length: k * k }, (_, i) => (i % (k + 1) === 0 ? 1 : 0));
    const runner = await createRunner(createOnnxRuntime(), model, { mode: 'simulate' });
    const outputs = await runner.run(new Map([['x', { type: DataType.FLOAT, dims: [k, k], data: identity }]]), ['y']);
    await runner.release();
    const y = outputs.get('y')!.data;
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < k; column++) {
        assert.equal(weights.data[row * k + column], y[column * n + row], `${row}, ${column}`);
      }
    }
  });
});
