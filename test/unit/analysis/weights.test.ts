import assert from 'node:assert/strict';
import {
  codesToWeight,
  evaluateChain,
  findLayers,
  matrixToWeight,
  measureWeight,
  NM_PATTERNS,
  nmEligibility,
  readWeight,
  rowGroupOf,
  storedOrder,
  weightAsMatrix,
  type Layer,
} from '../../../src/analysis';
import { seededRandom } from '../../../src/base/random';
import { buildModel, DataType, openModel, serializeModel, Tensor, type ModelSpec } from '../../../src/onnx';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';
import { floatsOf, input, int64s, node } from './builders';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const runtime = createOnnxRuntime();

function layerOf(spec: Omit<ModelSpec, 'opset'>): Layer {
  return findLayers(buildModel({ opset: 21, irVersion: 10, ...spec }))[0]!;
}

function linear(opType: string, weight: Tensor, shape: readonly number[], attributes = {}, left = false): Layer {
  return layerOf({
    inputs: [input('x', shape)],
    outputs: ['y'],
    initializers: [weight],
    nodes: [node(opType, left ? [weight.name, 'x'] : ['x', weight.name], ['y'], attributes)],
  });
}

describe('readWeight', () => {
  it('gives what ONNX Runtime computes for every chain', async () => {
    const scales = Tensor.fromFloat32('scale', [4], Float32Array.of(0.5, 0.25, 2, 1.5));
    const zeros = Tensor.fromIntegers('zero', DataType.INT8, [4], [1, -2, 0, 100]);
    const codes = Tensor.fromIntegers(
      'q',
      DataType.INT8,
      [4, 6],
      Array.from({ length: 24 }, (_, i) => i * 9 - 100),
    );
    const blocked = Tensor.fromIntegers(
      'q4',
      DataType.INT4,
      [4, 6],
      Array.from({ length: 24 }, (_, i) => (i % 16) - 8),
    );
    const chains: Readonly<Record<string, Omit<ModelSpec, 'opset' | 'outputs' | 'inputs'>>> = {
      movements: {
        initializers: [floatsOf('s', [2, 1, 3, 4]), int64s('one', [1]), int64s('shape', [6, 0])],
        nodes: [
          node('Squeeze', ['s', 'one'], ['a']),
          node('Transpose', ['a'], ['b'], { perm: [1, 0, 2] }),
          node('Reshape', ['b', 'shape2'], ['w']),
        ],
      },
      'per axis': {
        initializers: [codes, scales, zeros],
        nodes: [
          node('DequantizeLinear', ['q', 'scale', 'zero'], ['d'], { axis: 0 }),
          node('Transpose', ['d'], ['w'], { perm: [1, 0] }),
        ],
      },
      blocked: {
        initializers: [blocked, floatsOf('scale2', [4, 3])],
        nodes: [
          node('DequantizeLinear', ['q4', 'scale2'], ['d'], { axis: 1, block_size: 2 }),
          node('Transpose', ['d'], ['w'], { perm: [1, 0] }),
        ],
      },
      'quantised and back': {
        initializers: [
          floatsOf('f', [6, 4]),
          Tensor.fromFloat32('one', [], Float32Array.of(0.3)),
          Tensor.fromIntegers('z', DataType.UINT4, [], [7]),
        ],
        nodes: [node('QuantizeLinear', ['f', 'one', 'z'], ['c']), node('DequantizeLinear', ['c', 'one', 'z'], ['w'])],
      },
    };
    for (const [name, chain] of Object.entries(chains)) {
      const model = buildModel({
        opset: 21,
        irVersion: 10,
        inputs: [input('x', ['N', 6])],
        outputs: ['y', 'w'],
        ...chain,
        initializers: [...chain.initializers!, ...(name === 'movements' ? [int64s('shape2', [6, 4])] : [])],
        nodes: [...chain.nodes, node('MatMul', ['x', 'w'], ['y'])],
      });
      const runner = await runtime.create(serializeModel(model), { mode: 'plain' });
      const x = { type: DataType.FLOAT, dims: [1, 6], data: new Float32Array(6) };
      const results = await runner.run(new Map([['x', x]]));
      await runner.release();
      const layer = findLayers(model)[0]!;
      assert.deepEqual(layer.weight.shape, [6, 4], name);
      assert.deepEqual(Array.from(readWeight(layer)), Array.from(results.get('w')!.data as Float32Array), name);
    }
  });

  it('is undone by storedOrder', () => {
    const random = seededRandom(3);
    const tensor = Tensor.fromFloat32('s', [2, 3, 4, 5], Float32Array.from({ length: 120 }, random));
    const layer = layerOf({
      inputs: [input('x', [1, 15])],
      outputs: ['y'],
      initializers: [tensor, int64s('flat', [15, 8])],
      nodes: [
        node('Transpose', ['s'], ['t'], { perm: [3, 1, 0, 2] }),
        node('Reshape', ['t', 'flat'], ['w']),
        node('MatMul', ['x', 'w'], ['y']),
      ],
    });
    const { steps } = layer.weight;
    const moved = evaluateChain(tensor, steps);
    assert.notDeepEqual(moved, tensor.toFloat32());
    assert.deepEqual(storedOrder(moved, tensor.dims, steps), tensor.toFloat32());
  });

  it('refuses packed formats', () => {
    const layer = layerOf({
      opset: { '': 17, 'com.microsoft': 1 },
      inputs: [input('a', ['N', 32])],
      outputs: ['n'],
      initializers: [Tensor.fromIntegers('p', DataType.UINT8, [8, 1, 16], new Uint8Array(128)), floatsOf('s', [8])],
      nodes: [{ ...node('MatMulNBits', ['a', 'p', 's'], ['n'], { K: 32, N: 8 }), domain: 'com.microsoft' }],
    } as unknown as ModelSpec);
    assert.throws(() => readWeight(layer), { code: 'analysis/no-weight-values' });
  });
});

describe('weightAsMatrix', () => {
  const value = (weight: Tensor, index: readonly number[]): number =>
    weight.toFloat32()[index.reduce((at, i, axis) => at * weight.dims[axis]! + i, 0)]!;

  it('has one output channel a row, inputs and kernel positions in order', () => {
    const conv = floatsOf('w', [6, 2, 3, 2]);
    const matrix = weightAsMatrix(linear('Conv', conv, [1, 4, 5, 5], { group: 2 }));
    assert.deepEqual([matrix.rows, matrix.columns, matrix.rowGroups, matrix.scales], [6, 12, 2, 6]);
    assert.equal(matrix.data[4 * 12 + 1 * 6 + 2 * 2 + 1], value(conv, [4, 1, 2, 1]));
    assert.deepEqual(
      [0, 2, 3, 5].map((row) => rowGroupOf(matrix, row)),
      [0, 0, 1, 1],
    );

    const turned = floatsOf('w', [4, 3, 2, 2]);
    const transposed = weightAsMatrix(linear('ConvTranspose', turned, [1, 4, 5, 5], { group: 2 }));
    assert.deepEqual([transposed.rows, transposed.columns, transposed.scales], [6, 8, 3]);
    // Row 4 is channel 1 of group 1, whose inputs are 2 and 3.
    assert.equal(transposed.data[4 * 8 + 1 * 4 + 1 * 2 + 0], value(turned, [3, 1, 1, 0]));

    const right = floatsOf('w', [5, 3]);
    const matMul = weightAsMatrix(linear('MatMul', right, [2, 5]));
    assert.deepEqual([matMul.rows, matMul.columns], [3, 5]);
    assert.equal(matMul.data[2 * 5 + 4], value(right, [4, 2]));

    const stacked = floatsOf('w', [2, 5, 3]);
    const many = weightAsMatrix(linear('MatMul', stacked, [2, 4, 5]));
    assert.deepEqual([many.rows, many.columns, many.rowGroups, many.scales], [6, 5, 2, 3]);
    assert.equal(many.data[(3 + 2) * 5 + 4], value(stacked, [1, 4, 2]));

    const left = floatsOf('w', [3, 5]);
    assert.deepEqual(weightAsMatrix(linear('MatMul', left, [5, 2], {}, true)).data, left.toFloat32());
    assert.equal(weightAsMatrix(linear('Gemm', floatsOf('w', [3, 5]), [2, 5], { transB: 1 })).swapped, false);
  });

  it('goes back to the order of the weight, for values and codes', () => {
    for (const layer of [
      linear('Conv', floatsOf('w', [6, 2, 3, 2]), [1, 4, 5, 5], { group: 2 }),
      linear('ConvTranspose', floatsOf('w', [4, 3, 2, 2]), [1, 4, 5, 5], { group: 2 }),
      linear('MatMul', floatsOf('w', [2, 5, 3]), [2, 4, 5]),
      linear('Gemm', floatsOf('w', [5, 3]), [2, 5]),
    ]) {
      const matrix = weightAsMatrix(layer);
      assert.deepEqual(matrixToWeight(matrix, matrix.data), readWeight(layer));
      const codes = Int32Array.from(matrix.data, (v) => Math.round(v * 1000));
      assert.deepEqual(
        codesToWeight(matrix, codes),
        Int32Array.from(readWeight(layer), (v) => Math.round(v * 1000)),
      );
    }
  });
});

describe('measureWeight', () => {
  function sparse(name: string, dims: readonly number[], seed = 5): Tensor {
    const random = seededRandom(seed);
    const count = dims.reduce((a, b) => a * b, 1);
    return Tensor.fromFloat32(
      name,
      dims,
      Float32Array.from({ length: count }, () => (random() < 0.6 ? 0 : random() - 0.5)),
    );
  }

  /** Compliance from the rows of the matrix: input channels of one kernel position, straight from the definition. */
  function brute(layer: Layer, keep: number, group: number): number {
    const matrix = weightAsMatrix(layer);
    const taps = layer.kind.startsWith('Conv') ? layer.weight.shape.slice(2).reduce((a, b) => a * b, 1) : 1;
    const inputs = matrix.columns / taps;
    let groups = 0;
    let compliant = 0;
    for (let r = 0; r < matrix.rows; r++) {
      for (let t = 0; t < taps; t++) {
        for (let start = 0; start < inputs; start += group) {
          let nonZeros = 0;
          for (let i = start; i < Math.min(inputs, start + group); i++) {
            nonZeros += matrix.data[r * matrix.columns + i * taps + t] === 0 ? 0 : 1;
          }
          groups++;
          compliant += nonZeros <= keep ? 1 : 0;
        }
      }
    }
    return compliant / groups;
  }

  const layers: Readonly<Record<string, Layer>> = {
    Conv: linear('Conv', sparse('w', [6, 18, 3, 2]), [1, 18, 5, 5]),
    'grouped ConvTranspose': linear('ConvTranspose', sparse('w', [20, 3, 2, 2]), [1, 20, 5, 5], { group: 2 }),
    'Gemm transB 0': linear('Gemm', sparse('w', [37, 9]), [2, 37]),
    'Gemm transB 1': linear('Gemm', sparse('w', [9, 37]), [2, 37], { transB: 1 }),
    'stacked MatMul': linear('MatMul', sparse('w', [3, 21, 5]), [3, 4, 21]),
    'left MatMul': linear('MatMul', sparse('w', [7, 33]), [33, 2], {}, true),
    'large Gemm, read in slabs': linear('Gemm', sparse('w', [1030, 1200]), [2, 1030]),
    'large MatMul of whole rows': linear('Gemm', sparse('w', [1200, 1031]), [2, 1031], { transB: 1 }),
    'behind Transpose': layerOf({
      inputs: [input('x', [2, 30])],
      outputs: ['y'],
      initializers: [sparse('s', [8, 30])],
      nodes: [node('Transpose', ['s'], ['w']), node('MatMul', ['x', 'w'], ['y'])],
    }),
    'behind a Reshape that merges the inputs': layerOf({
      inputs: [input('x', [2, 30])],
      outputs: ['y'],
      initializers: [sparse('s', [5, 6, 8]), int64s('shape', [30, 8])],
      nodes: [node('Reshape', ['s', 'shape'], ['w']), node('MatMul', ['x', 'w'], ['y'])],
    }),
  };
  for (const [name, layer] of Object.entries(layers)) {
    it(`counts groups along the reduction axis: ${name}`, () => {
      const statistics = measureWeight(layer);
      const values = readWeight(layer);
      assert.equal(statistics.elements, values.length);
      assert.equal(statistics.zeroCount, values.filter((v) => v === 0).length);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      assert.ok(Math.abs(statistics.mean - mean) < 1e-9);
      const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
      assert.ok(Math.abs(statistics.std - std) < 1e-9);
      assert.equal(
        statistics.min,
        values.reduce((a, b) => Math.min(a, b)),
      );
      assert.equal(
        statistics.max,
        values.reduce((a, b) => Math.max(a, b)),
      );
      assert.equal(statistics.histogram.length, 64);
      assert.equal(
        statistics.histogram.reduce((a, b) => a + b, 0),
        values.length,
      );
      assert.deepEqual(
        statistics.nm.map(({ keep, group }) => ({ keep, group })),
        NM_PATTERNS,
      );
      for (const { keep, group, compliance } of statistics.nm) {
        assert.equal(compliance, brute(layer, keep, group), `${keep}:${group}`);
      }
      assert.equal(statistics.fault, undefined);
    });
  }

  it('names a weight with NaN or infinities and keeps them out of the range', () => {
    const statistics = measureWeight(
      linear('Gemm', Tensor.fromFloat32('bad', [2, 3], Float32Array.of(NaN, 1, -Infinity, 0, NaN, 2)), [1, 2]),
    );
    assert.equal(statistics.fault, 'the weight "bad" holds 2 NaN and 1 infinite values');
    assert.deepEqual([statistics.min, statistics.max, statistics.nans, statistics.infinities], [0, 2, 2, 1]);
  });

  it('measures int8 weights by the values they stand for', () => {
    const layer = layerOf({
      inputs: [input('x', [1, 2])],
      outputs: ['y'],
      initializers: [
        Tensor.fromIntegers('q', DataType.INT8, [2, 2], [4, 5, 4, -4]),
        Tensor.fromFloat32('s', [], Float32Array.of(0.5)),
        Tensor.fromIntegers('z', DataType.INT8, [], [4]),
      ],
      nodes: [node('DequantizeLinear', ['q', 's', 'z'], ['w']), node('MatMul', ['x', 'w'], ['y'])],
    });
    const statistics = measureWeight(layer);
    assert.deepEqual([statistics.zeros, statistics.min, statistics.max], [0.5, -4, 0.5]);
  });
});

describe('nmEligibility', () => {
  it('says why a pattern does not fit', () => {
    const reasonOf = (layer: Layer, keep: number, group: number): string => {
      const verdict = nmEligibility(layer, keep, group);
      return verdict.possible ? `yes${verdict.note === undefined ? '' : `: ${verdict.note}`}` : verdict.reason;
    };
    const gemm = linear('Gemm', floatsOf('w', [10, 4]), [1, 10]);
    assert.equal(reasonOf(gemm, 1, 2), 'yes');
    assert.equal(reasonOf(gemm, 2, 4), 'yes: 10 is not a multiple of 4: the last group holds 2 and stays dense');
    assert.equal(reasonOf(gemm, 1, 4), 'yes: 10 is not a multiple of 4: the last group holds 2');
    assert.equal(reasonOf(gemm, 8, 16), 'the reduction axis has 10 elements, fewer than a group of 16');
    assert.match(reasonOf(linear('Conv', floatsOf('w', [8, 3, 3, 3]), [1, 3, 8, 8]), 2, 4), /3 input channels/);
    assert.match(reasonOf(linear('Conv', floatsOf('w', [8, 1, 3, 3]), [1, 8, 8, 8], { group: 8 }), 2, 4), /depthwise/);
    const grouped = linear('ConvTranspose', floatsOf('w', [24, 3, 2, 2]), [1, 24, 5, 5], { group: 3 });
    assert.equal(reasonOf(grouped, 4, 8), 'yes');
    assert.match(reasonOf(grouped, 8, 16), /8 elements/);
  });

  it('leaves the first layer and depthwise layers of MobileNetV2 alone', () => {
    const layers = findLayers(openModel('test/fixtures/models/mobilenetv2.onnx'));
    const eligible = layers.filter((layer) => nmEligibility(layer, 2, 4).possible);
    assert.equal(eligible.length, layers.length - 11);
  });
});
