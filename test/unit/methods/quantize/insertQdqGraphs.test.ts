import assert from 'node:assert/strict';
import { findLayers, type Layer } from '../../../../src/analysis';
import {
  dequantizeWeight,
  insertQdq,
  quantizeWeight,
  type LayerPolicy,
  type QdqOptions,
  type QdqResult,
  type WeightQuantizer,
} from '../../../../src/methods';
import {
  buildModel,
  DataType,
  parseModel,
  serializeModel,
  Tensor,
  verifyModel,
  type Model,
  type NodeSpec,
} from '../../../../src/onnx';
import { biasValues, weightValues } from './layerCases';
import { referenceFake, roundTiesToEven } from './referenceQuantizer';
import { assertClose, floatData, normalValues, runModel } from './runModel';

interface Given {
  readonly opset?: number;
  readonly irVersion?: number;
  readonly shape?: readonly number[];
  readonly outputs?: readonly string[];
  readonly initializers: readonly Tensor[];
  readonly nodes: readonly NodeSpec[];
}

function build(given: Given): Model {
  return buildModel({
    opset: given.opset ?? 21,
    irVersion: given.irVersion ?? 10,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: given.shape ?? [2, 6] }],
    outputs: given.outputs ?? ['y'],
    initializers: given.initializers,
    nodes: given.nodes,
  });
}

function weight(name: string, dims: readonly number[], seed = 1): Tensor {
  return Tensor.fromFloat32(name, dims, weightValues(dims, seed));
}

function bias(name: string, values: readonly number[]): Tensor {
  return Tensor.fromFloat32(name, [values.length], Float32Array.from(values));
}

const W4: WeightQuantizer = { bits: 4, granularity: 'per-channel', symmetric: true, range: 'min-max' };
const A8 = { scale: 0.05, zeroPoint: 100, qmin: 0, qmax: 255, bits: 8 };
const A4 = { scale: 0.4, zeroPoint: 0, qmin: 0, qmax: 15, bits: 4 };

function apply(model: Model, policyOf: (layer: Layer) => LayerPolicy | undefined, options: QdqOptions = {}): QdqResult {
  const layers = findLayers(model);
  const policy = new Map<string, LayerPolicy>();
  for (const layer of layers) {
    const own = policyOf(layer);
    if (own !== undefined) {
      policy.set(layer.name, own);
    }
  }
  const result = insertQdq(model, layers, { layers: policy }, options);
  assert.deepEqual(verifyModel(model), []);
  return result;
}

const bothSides = (layer: Layer): LayerPolicy => ({ weight: quantizeWeight(layer, W4), activation: A8 });

async function output(model: Model, x: Float32Array, name = 'y', dims: readonly number[] = [2, 6]) {
  const feeds = new Map([['x', floatData(dims, x)]]);
  const plain = (await runModel(model, feeds, 'plain')).get(name)!;
  assertClose((await runModel(model, feeds, 'simulate')).get(name), plain, 2e-6);
  return plain;
}

function count(model: Model, opType: string): number {
  return model.graph.nodes.filter((node) => node.opType === opType).length;
}

describe('insertQdq where the opset cannot be raised', () => {
  const softmax = (opset: number): Model =>
    build({
      opset,
      irVersion: 6,
      initializers: [weight('w', [6, 5])],
      nodes: [
        { opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['m'] },
        { opType: 'Unsqueeze', inputs: ['m'], outputs: ['u'], attributes: { axes: [0] }, name: 'lift' },
        { opType: 'Relu', inputs: ['u'], outputs: ['y'] },
      ],
    });

  for (const bits of [3, 8]) {
    it(`writes ${bits}-bit weights with the runtime's own operators and says why`, async () => {
      const model = softmax(12);
      const original = softmax(12);
      const result = apply(model, (layer) => ({ weight: quantizeWeight(layer, { ...W4, bits }), activation: A8 }));
      const layer = result.layers[0]!;
      assert.equal(layer.weightContainer, bits === 3 ? DataType.INT4 : DataType.INT8);
      assert.match(layer.notes.join(), /Unsqueeze: axes moved.*node "lift"/);
      assert.deepEqual(result.opset, { before: 12, after: 12 });
      assert.equal(model.opset('com.microsoft'), 1);
      assert.equal(model.irVersion, bits === 3 ? 10 : 6);
      const x = normalValues(12, 3);
      const l = findLayers(original)[0]!;
      original.graph.replaceInitializer(
        'w',
        Tensor.fromFloat32('w', [6, 5], dequantizeWeight(quantizeWeight(l, { ...W4, bits }))),
      );
      assertClose(await output(model, x), await output(original, referenceFake(x, A8)), 2e-6);
    });
  }

  it('keeps to 8-bit tensors of the standard domain when told to', async () => {
    const model = softmax(12);
    const result = apply(
      model,
      (layer) => ({ weight: quantizeWeight(layer, { ...W4, granularity: 'per-tensor' }), activation: A8 }),
      { fallback: 'int8' },
    );
    assert.equal(result.layers[0]!.weightContainer, DataType.INT8);
    assert.match(result.layers[0]!.notes.join(), /8-bit tensors.*opset 21/);
    assert.equal(model.opset('com.microsoft'), 0);
    await output(model, normalValues(12, 3));
  });

  it('refuses per-channel scales the standard domain has no place for', () => {
    const model = softmax(12);
    const before = serializeModel(softmax(12));
    const result = apply(model, (layer) => ({ weight: quantizeWeight(layer, W4), activation: undefined }), {
      fallback: 'int8',
    });
    assert.equal(result.layers[0]!.weightBits, undefined);
    assert.match(result.refused[0]!.reason, /weights stay float: per-channel scales need opset 13/);
    assert.deepEqual(result.refused[0]!.nodes, ['layer']);
    assert.deepEqual(serializeModel(model), before);
  });

  it('raises as far as it can: to 13 for per-channel scales where 21 is out of reach', () => {
    const model = build({
      opset: 11,
      irVersion: 6,
      initializers: [weight('w', [6, 5])],
      nodes: [
        { opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['m'] },
        { opType: 'ReduceMean', inputs: ['m'], outputs: ['y'], attributes: { axes: [1] }, name: 'mean' },
      ],
    });
    const result = apply(model, (layer) => ({ weight: quantizeWeight(layer, W4), activation: undefined }), {
      fallback: 'int8',
    });
    assert.deepEqual(result.opset, { before: 11, after: 13 });
    assert.deepEqual(result.irVersion, { before: 6, after: 7 });
    assert.equal(result.layers[0]!.weightContainer, DataType.INT8);
    assert.match(result.layers[0]!.notes.join(), /axes moved.*"mean"/);
  });
});

describe('insertQdq with 8-bit containers', () => {
  const layer = (): Model =>
    build({
      initializers: [weight('w', [6, 5])],
      nodes: [{ opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['y'] }],
    });

  for (const bits of [2, 3, 4]) {
    it(`stores ${bits}-bit codes so, with the same output and without a word`, async () => {
      const [packed, wide] = [layer(), layer()];
      const policy = (own: Layer): LayerPolicy => ({ weight: quantizeWeight(own, { ...W4, bits }), activation: A8 });
      assert.equal(apply(packed, policy).layers[0]!.weightContainer, DataType.INT4);
      const result = apply(wide, policy, { containers: 'int8' });
      assert.equal(result.layers[0]!.weightContainer, DataType.INT8);
      assert.equal(result.layers[0]!.weightBits, bits);
      assert.deepEqual(result.layers[0]!.notes, []);
      const x = normalValues(12, 3);
      assert.deepEqual((await output(wide, x)).data, (await output(packed, x)).data);
    });
  }
});

describe('insertQdq on shared weights', () => {
  /** An embedding whose table is the output projection too, through a Transpose. */
  const tied = (): Model =>
    buildModel({
      opset: 21,
      irVersion: 10,
      inputs: [{ name: 'i', type: DataType.INT64, shape: [3] }],
      outputs: ['y'],
      initializers: [weight('w', [7, 5])],
      nodes: [
        { opType: 'Gather', name: 'embed', inputs: ['w', 'i'], outputs: ['e'] },
        { opType: 'Transpose', inputs: ['w'], outputs: ['wt'], attributes: { perm: [1, 0] } },
        { opType: 'MatMul', name: 'head', inputs: ['e', 'wt'], outputs: ['y'] },
      ],
    });

  it('stores one tensor that both layers read', async () => {
    const model = tied();
    const result = apply(model, (layer) => ({ weight: quantizeWeight(layer, W4), activation: undefined }));
    assert.deepEqual(
      result.layers.map((l) => [l.weightBits, l.weightTensor?.name]),
      [
        [4, 'w_quantized'],
        [4, 'w_quantized'],
      ],
    );
    assert.equal(count(model, 'DequantizeLinear'), 1);
    assert.equal(model.graph.initializers.has('w'), false);
    assert.equal(result.storage.nominal, 35 * 4);
    assert.equal(result.storage.float, 35 * 32);
    assert.equal(result.storage.elements, 35);
    assert.equal(result.nominalRatio, 4 / 32);
    assert.match(result.layers[1]!.notes.join(), /shares the codes of layer "embed"/);

    const expected = tied();
    const codes = quantizeWeight(findLayers(expected)[0]!, W4);
    expected.graph.replaceInitializer('w', Tensor.fromFloat32('w', [7, 5], dequantizeWeight(codes)));
    const feeds = new Map([['i', { type: DataType.INT64, dims: [3], data: BigInt64Array.from([1n, 6n, 0n]) }]]);
    for (const mode of ['plain', 'simulate'] as const) {
      assertClose(
        (await runModel(model, feeds, mode)).get('y'),
        (await runModel(expected, feeds, 'plain')).get('y')!,
        2e-6,
      );
    }
  });

  it('writes a quantised copy where another reader stays float', () => {
    const model = tied();
    const result = apply(model, (layer) =>
      layer.kind === 'MatMul' ? { weight: quantizeWeight(layer, W4), activation: undefined } : undefined,
    );
    assert.equal(model.graph.initializers.has('w'), true);
    assert.equal(count(model, 'Transpose'), 0);
    assert.match(result.layers[1]!.notes.join(), /written apart/);
  });

  it('refuses two widths for one tensor', () => {
    assert.throws(
      () =>
        apply(tied(), (layer) => ({
          weight: quantizeWeight(layer, { ...W4, bits: layer.kind === 'Gather' ? 4 : 3 }),
          activation: undefined,
        })),
      { code: 'quantize/policy', message: /shares its weight with layer "embed"/ },
    );
  });

  it('gives tied convolutions biases of their own', async () => {
    const make = (w: Tensor): Model =>
      build({
        shape: [1, 4, 5, 5],
        initializers: [w, bias('b1', [1, 2, 3, 4]), bias('b2', [-4, -3, -2, -1])],
        nodes: [
          { opType: 'Conv', name: 'a', inputs: ['x', 'w', 'b1'], outputs: ['m'] },
          { opType: 'Conv', name: 'b', inputs: ['m', 'w', 'b2'], outputs: ['y'] },
        ],
      });
    const w = weight('w', [4, 4, 2, 2]);
    const model = make(w);
    const result = apply(model, bothSides);
    assert.deepEqual(
      result.layers.map((l) => l.biasInt32),
      [true, true],
    );
    const fake = make(
      Tensor.fromFloat32('w', [4, 4, 2, 2], dequantizeWeight(quantizeWeight(findLayers(make(w))[0]!, W4))),
    );
    const x = normalValues(100, 6);
    const quantized = await output(model, x, 'y', [1, 4, 5, 5]);
    // The second input is fake-quantised by hand between two single-layer runs.
    const first = fake.clone();
    first.graph.setOutputs([first.graph.value('m')!]);
    const m = (await output(first, referenceFake(x, A8), 'm', [1, 4, 5, 5])).data as Float32Array;
    const second = build({
      shape: [1, 4, 4, 4],
      initializers: [fake.graph.initializers.get('w')!, bias('b2', [-4, -3, -2, -1])],
      nodes: [{ opType: 'Conv', name: 'b', inputs: ['x', 'w', 'b2'], outputs: ['y'] }],
    });
    assertClose(quantized, await output(second, referenceFake(m, A8), 'y', [1, 4, 4, 4]), 0.02);
  });
});

describe('insertQdq on biases', () => {
  const conv = (values: readonly number[], w: Float32Array): Model =>
    build({
      shape: [1, 2, 3, 3],
      initializers: [Tensor.fromFloat32('w', [3, 2, 2, 2], w), bias('b', values)],
      nodes: [{ opType: 'Conv', name: 'layer', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
    });

  it('stores int32 codes at s_x · s_w', () => {
    const values = [0.7, -1.3, 250];
    const model = conv(values, weightValues([3, 2, 2, 2], 5));
    const quantized = quantizeWeight(findLayers(model)[0]!, W4);
    apply(model, bothSides);
    const codes = model.graph.initializers.get('b_quantized')!;
    const scales = model.graph.initializers.get('b_scale')!.toFloat32();
    assert.equal(codes.dataType, DataType.INT32);
    values.forEach((b, i) => {
      const scale = Math.fround(0.05) * quantized.scales[i]!;
      assert.equal(scales[i], Math.fround(scale));
      assert.equal(codes.toInt32()[i], roundTiesToEven(Math.fround(b) / Math.fround(scale)));
    });
  });

  it('raises the scale of a channel whose bias int32 cannot hold', async () => {
    const w = weightValues([3, 2, 2, 2], 5);
    for (let i = 8; i < 16; i++) {
      w[i]! *= 1e-12;
    }
    const values = [0.5, 3, -0.25];
    const model = conv(values, w);
    const result = apply(model, bothSides);
    assert.equal(result.layers[0]!.biasInt32, true);
    assert.match(result.layers[0]!.notes.join(), /scale of 1 channel was raised/);
    const largest = Math.max(...model.graph.initializers.get('b_quantized')!.toInt32().map(Math.abs));
    assert.ok(largest <= 2 ** 30 && largest > 2 ** 29);
    const x = normalValues(18, 4);
    const y = (await output(model, x, 'y', [1, 2, 3, 3])).data as Float32Array;
    for (let i = 4; i < 8; i++) {
      assert.ok(Math.abs(y[i]! - 3) < 1e-5);
    }
  });

  it('keeps the bias float where one scale serves all channels', () => {
    const w = weightValues([3, 2, 2, 2], 5).map((v) => v * 1e-12);
    const result = apply(conv([0.5, 3, -0.25], w), (layer) => ({
      weight: quantizeWeight(layer, { ...W4, granularity: 'per-tensor' }),
      activation: A8,
    }));
    assert.equal(result.layers[0]!.biasInt32, false);
    assert.match(result.layers[0]!.notes.join(), /bias stays float: int32 cannot hold/);
  });

  it('gives a channel of zeros a scale that suits its bias', async () => {
    const w = weightValues([3, 2, 2, 2], 5);
    w.fill(0, 8, 16);
    const model = conv([0.5, 0.0123, -0.25], w);
    apply(model, bothSides);
    const y = (await output(model, normalValues(18, 4), 'y', [1, 2, 3, 3])).data as Float32Array;
    // With scale 1 the bias would have been rounded to a multiple of 0.05.
    for (let i = 4; i < 8; i++) {
      assert.ok(Math.abs(y[i]! - 0.0123) < 1e-7);
    }
  });
});

describe('insertQdq on inputs', () => {
  const w = weight('w', [6, 6]);
  const w2 = weight('w2', [6, 6], 2);
  const onlyInput = (grid: typeof A4) => (): LayerPolicy => ({ weight: undefined, activation: grid });
  const x = normalValues(12, 9);
  const relu = x.map((v) => Math.max(0, v));

  async function expectInput(model: Model, fake: Float32Array, name = 'y', tensor = w): Promise<void> {
    const plain = build({
      initializers: [tensor],
      nodes: [{ opType: 'MatMul', inputs: ['x', tensor.name], outputs: ['y'] }],
    });
    assertClose(await output(model, x, name), await output(plain, fake), 2e-6);
  }

  it('shares one pair between layers that read a value on the same grid', () => {
    const nodes: NodeSpec[] = [
      { opType: 'MatMul', name: 'a', inputs: ['x', 'w'], outputs: ['p'] },
      { opType: 'MatMul', name: 'b', inputs: ['x', 'w2'], outputs: ['q'] },
      { opType: 'Add', inputs: ['p', 'q'], outputs: ['y'] },
    ];
    const same = build({ initializers: [w, w2], nodes });
    apply(same, onlyInput(A4));
    assert.deepEqual([count(same, 'QuantizeLinear'), count(same, 'Clip')], [1, 1]);
    const apart = build({ initializers: [w, w2], nodes });
    apply(apart, (layer) => ({ weight: undefined, activation: layer.name === 'a' ? A4 : A8 }));
    assert.deepEqual([count(apart, 'QuantizeLinear'), count(apart, 'Clip')], [2, 1]);
  });

  it('turns a Relu in front into a Clip', async () => {
    const model = build({
      initializers: [w, w2],
      nodes: [
        { opType: 'Relu', inputs: ['x'], outputs: ['r'] },
        { opType: 'MatMul', name: 'a', inputs: ['r', 'w'], outputs: ['y'] },
        { opType: 'MatMul', name: 'b', inputs: ['r', 'w2'], outputs: ['z'] },
      ],
      outputs: ['y', 'z'],
    });
    apply(model, onlyInput(A4));
    assert.deepEqual([count(model, 'Relu'), count(model, 'Clip'), count(model, 'QuantizeLinear')], [0, 1, 1]);
    await expectInput(model, referenceFake(relu, A4));
    await expectInput(model, referenceFake(relu, A4), 'z', w2);
  });

  it('leaves a Relu alone that something else reads, or that is an output', async () => {
    for (const extra of [true, false]) {
      const model = build({
        initializers: [w],
        nodes: [
          { opType: 'Relu', inputs: ['x'], outputs: ['r'] },
          { opType: 'MatMul', name: 'a', inputs: ['r', 'w'], outputs: ['y'] },
          ...(extra ? [{ opType: 'Neg', inputs: ['r'], outputs: ['n'] }] : []),
        ],
        outputs: ['y', extra ? 'n' : 'r'],
      });
      apply(model, onlyInput(A4));
      assert.deepEqual([count(model, 'Relu'), count(model, 'Clip')], [1, 1]);
      await expectInput(model, referenceFake(relu, A4));
    }
  });

  it('tightens a Clip in front, and adds none where its bounds fit already', async () => {
    for (const [high, clips] of [
      [100, 1],
      [0.4 * 15, 1],
      [2, 1],
    ] as const) {
      const model = build({
        initializers: [
          w,
          Tensor.fromFloat32('lo', [], Float32Array.of(0)),
          Tensor.fromFloat32('hi', [], Float32Array.of(high)),
        ],
        nodes: [
          { opType: 'Clip', inputs: ['x', 'lo', 'hi'], outputs: ['r'] },
          { opType: 'MatMul', name: 'a', inputs: ['r', 'w'], outputs: ['y'] },
        ],
      });
      apply(model, onlyInput(A4));
      assert.equal(count(model, 'Clip'), clips);
      await expectInput(
        model,
        referenceFake(
          x.map((v) => Math.min(high, Math.max(0, v))),
          A4,
        ),
      );
    }
  });

  it('clips with attributes before opset 11', async () => {
    const model = build({
      opset: 10,
      irVersion: 5,
      initializers: [w],
      nodes: [{ opType: 'MatMul', name: 'a', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    apply(model, onlyInput({ ...A4, zeroPoint: 6 }));
    assert.deepEqual(model.opset(), 10);
    await expectInput(model, referenceFake(x, { ...A4, zeroPoint: 6 }));
  });

  it('refuses grids that are not grids', () => {
    const model = () =>
      build({ initializers: [w], nodes: [{ opType: 'MatMul', name: 'a', inputs: ['x', 'w'], outputs: ['y'] }] });
    for (const grid of [
      { ...A8, scale: 0 },
      { ...A8, scale: NaN },
      { ...A8, qmax: 256 },
      { ...A8, zeroPoint: -1 },
      { ...A8, qmin: -1 },
    ]) {
      assert.throws(() => apply(model(), onlyInput(grid)), { code: 'quantize/policy' });
    }
    const layers = findLayers(model());
    const unknown = new Map([['elsewhere', { weight: undefined, activation: A8 }]]);
    assert.throws(() => insertQdq(model(), layers, { layers: unknown }), { code: 'quantize/policy' });
  });
});

describe('insertQdq on the rest of a model', () => {
  const chain = (irVersion: number, opset: number): Model => {
    const w = weight('w', [6, 6]);
    return buildModel({
      opset,
      irVersion,
      inputs: [
        { name: 'x', type: DataType.FLOAT, shape: [2, 6] },
        { name: 'w', type: DataType.FLOAT, shape: [6, 6] },
      ],
      outputs: ['y'],
      initializers: [w, bias('b', [...biasValues(6, 3)])],
      nodes: [
        { opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['m'] },
        { opType: 'Add', inputs: ['m', 'b'], outputs: ['y'] },
      ],
    });
  };

  it('leaves weights alone that the caller may replace', () => {
    const model = chain(8, 17);
    const result = apply(model, (layer) => ({ weight: quantizeWeight(layer, W4), activation: undefined }));
    assert.match(result.refused[0]!.reason, /may replace it/);
    assert.equal(model.isModified && model.opset() !== 17, false);
  });

  it('takes initializers off the list of inputs on the way past IR version 3, where they meant nothing', async () => {
    const model = buildModel({
      opset: 8,
      irVersion: 3,
      inputs: [
        { name: 'x', type: DataType.FLOAT, shape: [2, 6] },
        { name: 'w', type: DataType.FLOAT, shape: [6, 6] },
        { name: 'b', type: DataType.FLOAT, shape: [6] },
      ],
      outputs: ['y'],
      initializers: [weight('w', [6, 6]), bias('b', [...biasValues(6, 3)])],
      nodes: [
        { opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['m'] },
        { opType: 'Add', inputs: ['m', 'b'], outputs: ['y'] },
      ],
    });
    const x = normalValues(12, 3);
    const before = await output(model, x);
    const result = apply(model, (layer) => ({
      weight: quantizeWeight(layer, { ...W4, bits: 8 }),
      activation: undefined,
    }));
    assert.deepEqual(result.refused, []);
    assert.deepEqual(result.irVersion, { before: 3, after: 7 });
    assert.deepEqual(
      model.graph.inputs.map((value) => value.name),
      ['x'],
    );
    assertClose(await output(parseModel(serializeModel(model)), x), before, 0.02);
  });

  it('quantises weights held by Constant nodes and removes the nodes', async () => {
    const model = build({
      initializers: [],
      nodes: [
        { opType: 'Constant', inputs: [], outputs: ['w'], attributes: { value: weight('', [6, 6]) } },
        { opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['y'] },
      ],
    });
    const x = normalValues(12, 3);
    const before = await output(model, x);
    const result = apply(model, (layer) => ({
      weight: quantizeWeight(layer, { ...W4, bits: 8 }),
      activation: undefined,
    }));
    assert.equal(result.layers[0]!.weightBits, 8);
    assert.equal(count(model, 'Constant'), 0);
    assertClose(await output(model, x), before, 0.02);
  });

  it('changes nothing when nothing is asked for', () => {
    const model = chain(8, 17);
    const before = serializeModel(chain(8, 17));
    const result = apply(model, () => undefined);
    assert.deepEqual(serializeModel(model), before);
    assert.equal(result.storage.nominal, 36 * 32);
    assert.equal(result.nominalRatio, 1);
    assert.equal(result.storage.stored, result.storage.float);
  });

  it('counts storage as it is in the file', () => {
    const model = build({
      shape: [1, 4, 5, 5],
      initializers: [weight('w', [3, 4, 3, 3]), bias('b', [1, 2, 3]), weight('v', [5, 3, 1, 1])],
      nodes: [
        { opType: 'Conv', name: 'a', inputs: ['x', 'w', 'b'], outputs: ['m'] },
        { opType: 'Conv', name: 'b', inputs: ['m', 'v'], outputs: ['y'] },
      ],
    });
    const result = apply(model, (layer) =>
      layer.name === 'a' ? { weight: quantizeWeight(layer, { ...W4, bits: 3 }), activation: A8 } : undefined,
    );
    assert.equal(result.storage.nominal, 108 * 3 + 15 * 32);
    assert.equal(result.storage.packed, 108 * 3 + 3 * 32 + 3 * 32 + 15 * 32);
    const tensors = ['w_quantized', 'w_scale', 'w_zero_point', 'b_quantized', 'v'];
    const bytes = tensors.reduce((sum, name) => sum + model.graph.initializers.get(name)!.byteLength, 0);
    assert.equal(result.storage.stored, bytes * 8);
    assert.equal(result.nominalRatio, (108 * 3 + 15 * 32) / (123 * 32));
  });

  it('is the same every time', () => {
    const make = () => {
      const model = build({
        shape: [1, 4, 5, 5],
        initializers: [weight('w', [3, 4, 3, 3]), bias('b', [1, 2, 3])],
        nodes: [{ opType: 'Conv', name: 'a', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
      });
      apply(model, bothSides);
      return serializeModel(model);
    };
    assert.deepEqual(make(), make());
  });
});
