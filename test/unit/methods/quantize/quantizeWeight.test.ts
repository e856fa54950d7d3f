import assert from 'node:assert/strict';
import { findLayers, type Layer } from '../../../../src/analysis';
import { dequantizeWeight, gramAccumulator, quantizeWeight, type WeightQuantizer } from '../../../../src/methods';
import { buildModel, DataType, Tensor } from '../../../../src/onnx';
import { LAYER_CASES, weightValues } from './layerCases';
import { laplaceDraws, referenceFake, referenceGrid, referenceWeight, type ReferenceGrid } from './referenceQuantizer';

function matMul(values: ArrayLike<number>, dims: readonly number[]): Layer {
  const model = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', dims[0]!] }],
    outputs: ['y'],
    initializers: [Tensor.fromFloat32('w', dims, Float32Array.from(values))],
    nodes: [{ opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['y'] }],
  });
  return findLayers(model)[0]!;
}

function near(actual: number, expected: number, relative = 1e-6): void {
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual} instead of ${expected}`);
}

const perTensor = { granularity: 'per-tensor', symmetric: true, range: 'mse' } as const;

describe('quantizeWeight', () => {
  it('clips 64 Laplace draws where the squared error is least', () => {
    const draws = laplaceDraws(7, 64);
    near(draws[0]!, -0.7390619553);
    near(draws[59]!, -5.4993566352 * Math.sign(-draws[59]!));
    const layer = matMul(draws, [16, 4]);
    const meanError = (bits: number, range: 'mse' | 'min-max') => {
      const fake = dequantizeWeight(quantizeWeight(layer, { ...perTensor, bits, range }));
      return fake.reduce((sum, x, i) => sum + (x - Math.fround(draws[i]!)) ** 2, 0) / 64;
    };
    const max = 5.4993566352;
    for (const [bits, percent, error] of [
      [4, 90, 0.04516964388],
      [3, 86, 0.16530572273],
      [2, 36, 0.63156808698],
    ] as const) {
      const weight = quantizeWeight(layer, { ...perTensor, bits });
      near(weight.scales[0]!, (max * percent) / 100 / (2 ** (bits - 1) - 1));
      near(meanError(bits, 'mse'), error);
    }
    near(quantizeWeight(layer, { ...perTensor, bits: 4 }).scales[0]!, 0.70706013881);
    near(meanError(4, 'min-max'), 0.04852497018);
    near(meanError(3, 'min-max'), 0.20581892478);
    near(meanError(2, 'min-max'), 1.19495296393);
    near(quantizeWeight(layer, { ...perTensor, bits: 8 }).scales[0]!, max / 127);
    near(
      quantizeWeight(layer, { ...perTensor, bits: 4 }).sqnr,
      10 * Math.log10(146.133362471 / 64 / 0.04516964388),
      1e-5,
    );
  });

  for (const layerCase of LAYER_CASES) {
    it(`matches a plain quantiser on ${layerCase.name}`, () => {
      const values = weightValues(layerCase.dims, 4);
      const layer = findLayers(layerCase.build(17, values, new Float32Array(layerCase.biasLength)))[0]!;
      for (const bits of [2, 3, 5, 8]) {
        for (const symmetric of [true, false]) {
          const weight = quantizeWeight(layer, { bits, granularity: 'per-channel', symmetric, range: 'min-max' });
          const expected = referenceWeight(values, layerCase.dims, layerCase.axis, bits, symmetric);
          assert.deepEqual(
            Array.from(weight.scales),
            expected.grids.map((grid) => grid.scale),
          );
          assert.deepEqual(
            Array.from(weight.zeroPoints),
            expected.grids.map((grid) => grid.zeroPoint),
          );
          // Order differs behind a Transpose; the values are the same ones.
          assert.deepEqual(dequantizeWeight(weight).slice().sort(), expected.values.slice().sort());
          assert.equal(weight.note === undefined, layerCase.axis !== undefined);
          assert.ok(weight.codes.every((code) => code >= weight.qmin && code <= weight.qmax));
        }
      }
    });
  }

  it('gives channels of zeros scale 1 and codes of zero', () => {
    const layer = matMul([0, 1, 0, -2, 0, 3], [3, 2]);
    for (const range of ['min-max', 'mse', 'output-mse'] as const) {
      const weight = quantizeWeight(layer, { bits: 4, granularity: 'per-channel', symmetric: true, range });
      assert.equal(weight.scales[0], 1);
      assert.deepEqual([weight.codes[0], weight.codes[2], weight.codes[4]], [0, 0, 0]);
    }
  });

  describe('ranges from the weights alone', () => {
    const draws = laplaceDraws(11, 96);
    const layer = matMul(draws, [24, 4]);
    const column = (c: number): Float32Array => Float32Array.from({ length: 24 }, (_, i) => draws[i * 4 + c]!);
    const gridsOf = (options: Omit<WeightQuantizer, 'granularity' | 'bits'>, bits = 4) => {
      const weight = quantizeWeight(layer, { granularity: 'per-channel', bits, ...options });
      return Array.from(weight.scales, (scale, c) => ({ scale, zeroPoint: weight.zeroPoints[c]! }));
    };
    const referenceError = (values: Float32Array, grid: ReferenceGrid, p: number): number =>
      referenceFake(values, grid).reduce((sum, x, i) => sum + Math.abs(x - values[i]!) ** p, 0);

    it('`percentile` keeps the share of the values, between neighbours linearly', () => {
      for (const [c, { scale }] of gridsOf({ symmetric: true, range: 'percentile', percentile: 90 }).entries()) {
        const sorted = Array.from(column(c), Math.abs).sort((a, b) => a - b);
        // 0.9 · 23 = 20.7
        near(scale, (0.3 * sorted[20]! + 0.7 * sorted[21]!) / 7);
      }
      for (const [c, grid] of gridsOf({ symmetric: false, range: 'percentile', percentile: 90 }).entries()) {
        const sorted = Array.from(column(c)).sort((a, b) => a - b);
        const lo = 0.7 * sorted[2]! + 0.3 * sorted[3]!;
        near(grid.scale, (0.3 * sorted[20]! + 0.7 * sorted[21]! - lo) / 15);
        assert.equal(grid.zeroPoint, Math.round(-lo / grid.scale));
      }
    });

    it('`lp` has the least error to its power of all hundred thresholds', () => {
      for (const power of [1, 2.4, 4]) {
        for (const symmetric of [true, false]) {
          for (const [c, { scale, zeroPoint }] of gridsOf({ symmetric, range: 'lp', power }, 3).entries()) {
            const values = column(c);
            const [qmin, qmax] = symmetric ? [-3, 3] : [0, 7];
            let best = Infinity;
            for (let percent = 1; percent <= 100; percent++) {
              const shrunk = Array.from(values, (x) => (x * percent) / 100);
              best = Math.min(best, referenceError(values, referenceGrid(shrunk, 3, symmetric), power));
            }
            near(referenceError(values, { scale, zeroPoint, qmin, qmax }, power), best, 1e-5);
          }
        }
      }
    });

    it('`analytic` clips at the better of the thresholds of Laplace and normal weights', () => {
      // Best thresholds at 4 bits: 5.02864 mean absolute deviations, 2.55914 standard deviations.
      for (const [c, { scale }] of gridsOf({ symmetric: true, range: 'analytic' }).entries()) {
        const values = column(c);
        const max = Math.max(...values.map(Math.abs));
        const deviation = values.reduce((sum, x) => sum + Math.abs(x), 0) / 24;
        const spread = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / 24);
        const [laplace, normal] = [5.02864 * deviation, 2.55914 * spread].map((threshold) => {
          const grid = { scale: Math.min(max, threshold) / 7, zeroPoint: 0, qmin: -7, qmax: 7 };
          return { scale: grid.scale, error: referenceError(values, grid, 2) };
        });
        near(scale, laplace!.error <= normal!.error ? laplace!.scale : normal!.scale, 1e-5);
      }
    });

    it('gives zeros scale 1 and keeps a range where the percentile is zero', () => {
      for (const range of ['percentile', 'lp', 'analytic'] as const) {
        for (const symmetric of [true, false]) {
          const zeros = quantizeWeight(matMul(new Array(40).fill(0), [20, 2]), {
            bits: 4,
            granularity: 'per-channel',
            symmetric,
            range,
          });
          assert.deepEqual(Array.from(zeros.scales), [1, 1]);
          const lone = new Array(40).fill(0);
          lone[0] = -3;
          const weight = quantizeWeight(matMul(lone, [20, 2]), {
            bits: 4,
            granularity: 'per-tensor',
            symmetric,
            range,
            percentile: 60,
          });
          assert.ok(weight.scales[0]! > 0 && weight.scales[0]! <= Math.fround(3 / 7), String(weight.scales[0]));
        }
      }
    });

    it('is the same for blocks as for channels of that length', () => {
      for (const range of ['percentile', 'lp', 'analytic'] as const) {
        const options = { bits: 3, symmetric: true, range, percentile: 90 } as const;
        const tall = matMul(draws, [96, 1]);
        const blocks = quantizeWeight(tall, { ...options, granularity: 'per-channel', blockSize: 32 });
        for (let b = 0; b < 3; b++) {
          const alone = quantizeWeight(matMul(draws.slice(32 * b, 32 * b + 32), [32, 1]), {
            ...options,
            granularity: 'per-channel',
          });
          assert.equal(blocks.scales[b], alone.scales[0]);
        }
      }
    });
  });

  it('names the layer whose weights are not numbers, and refuses other widths', () => {
    assert.throws(() => quantizeWeight(matMul([1, NaN, 2, Infinity], [2, 2]), { ...perTensor, bits: 4 }), {
      code: 'quantize/non-finite-weight',
      message: /"layer" hold 2 NaN/,
    });
    for (const bits of [1, 9, 3.5, NaN]) {
      assert.throws(() => quantizeWeight(matMul([1, 2], [2, 1]), { ...perTensor, bits }), {
        code: 'quantize/bits',
        category: 'usage',
      });
    }
  });

  it('loses nothing on weights that are codes already', () => {
    const weight = quantizeWeight(matMul([-7, 3, 7, 0], [2, 2]), { ...perTensor, bits: 4, range: 'min-max' });
    assert.equal(weight.sqnr, Infinity);
    assert.deepEqual(Array.from(dequantizeWeight(weight)), [-7, 3, 7, 0]);
  });

  describe('with the Gram matrix of its inputs', () => {
    const k = 12;
    const n = 5;
    const rows = 200;
    const values = weightValues([k, n], 8);
    const layer = matMul(values, [k, n]);
    // Correlated inputs of very different power.
    const inputs = weightValues([rows, k], 9).map((x, i) => x * (1 + (i % k)) + 0.5 * Math.sin(Math.floor(i / k)));
    const accumulator = gramAccumulator(layer)!;
    accumulator.add(inputs.subarray(0, 120 * k), [120, k]);
    accumulator.add(inputs.subarray(120 * k), [80, k]);
    const gram = accumulator.finish()!;

    it('accumulates X Xᵀ / N', () => {
      for (let i = 0; i < k; i++) {
        for (let j = i; j < k; j++) {
          let sum = 0;
          for (let r = 0; r < rows; r++) {
            sum += inputs[r * k + i]! * inputs[r * k + j]!;
          }
          near(gram.matrices[0]![i * k + j]!, sum / rows, 1e-9);
        }
      }
    });

    for (const [bits, symmetric, granularity] of [
      [4, true, 'per-channel'],
      [3, false, 'per-channel'],
      [3, true, 'per-tensor'],
    ] as const) {
      it(`finds the threshold with the least output error: ${bits} bits, ${granularity}, ${symmetric ? '' : 'a'}symmetric`, () => {
        const options: WeightQuantizer = { bits, granularity, symmetric, range: 'output-mse' };
        const weight = quantizeWeight(layer, { ...options, gram });
        assert.equal(weight.range, 'output-mse');
        const outputError = (fake: Float32Array, column: number) => {
          let sum = 0;
          for (let r = 0; r < rows; r++) {
            let y = 0;
            for (let i = 0; i < k; i++) {
              y += inputs[r * k + i]! * (fake[i * n + column]! - values[i * n + column]!);
            }
            sum += y * y;
          }
          return sum;
        };
        const found = dequantizeWeight(weight);
        const sets = granularity === 'per-channel' ? [0, 1, 2, 3, 4].map((c) => [c]) : [[0, 1, 2, 3, 4]];
        for (const columns of sets) {
          const own = columns.flatMap((c) => Array.from({ length: k }, (_, i) => values[i * n + c]!));
          let best = Infinity;
          for (let percent = 50; percent <= 100; percent++) {
            const lo = (Math.min(0, ...own) * percent) / 100;
            const hi = (Math.max(0, ...own) * percent) / 100;
            const qmax = symmetric ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
            const scale = Math.fround(symmetric ? Math.max(-lo, hi) / qmax : (hi - lo) / qmax);
            const zeroPoint = symmetric ? 0 : Math.round(-lo / scale);
            const fake = referenceFake(values, { scale, zeroPoint, qmin: symmetric ? -qmax : 0, qmax });
            best = Math.min(
              best,
              columns.reduce((sum, c) => sum + outputError(fake, c), 0),
            );
          }
          near(
            columns.reduce((sum, c) => sum + outputError(found, c), 0),
            best,
            1e-5,
          );
        }
      });
    }

    it('says so when there is no Gram matrix, and refuses that of another layer', () => {
      const options = { bits: 4, granularity: 'per-channel', symmetric: true, range: 'output-mse' } as const;
      assert.equal(quantizeWeight(layer, options).range, 'mse');
      assert.throws(() => quantizeWeight(matMul([1, 2, 3, 4], [2, 2]), { ...options, gram }), {
        code: 'quantize/gram',
      });
    });
  });
});
