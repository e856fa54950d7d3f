import assert from 'node:assert/strict';
import { findLayers, weightAsMatrix } from '../../../../src/analysis';
import { asymmetricGrid, fakeQuantizeInto } from '../../../../src/kernels';
import {
  adaquantOnColumns,
  chooseActivationGrid,
  dequantizeWeight,
  quantizeWeight,
  type SampledColumns,
} from '../../../../src/methods';
import { adaquantGraph } from '../../../../src/methods/optimize/adaquantGraph';
import { buildModel, DataType, serializeModel, Tensor } from '../../../../src/onnx';
import { biasValues, weightValues } from '../quantize/layerCases';
import { factory, floatData } from '../quantize/runModel';

/** A grouped convolution: 2 groups of 3 rows, 8 inputs each. */
const GROUPS = 2;
const ROWS = 6;
const N = 8;
const bias = biasValues(ROWS, 3);
const layer = findLayers(
  buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n', 4, 9, 9] }],
    outputs: ['y'],
    initializers: [
      Tensor.fromFloat32('w', [ROWS, 2, 2, 2], weightValues([ROWS, 2, 2, 2], 1)),
      Tensor.fromFloat32('b', [ROWS], bias),
    ],
    nodes: [{ opType: 'Conv', name: 'layer', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { group: GROUPS } }],
  }),
)[0]!;
const matrix = weightAsMatrix(layer).data;
const count = 80;
const positive: SampledColumns = {
  size: N,
  count,
  groups: [4, 5].map((seed) => weightValues([N, count], seed).map((x) => 3 * Math.abs(x))),
};
const signed: SampledColumns = {
  size: N,
  count,
  groups: [6, 7].map((seed) => weightValues([N, count], seed).map((x) => (x < 0 ? 0.3 * x : 2 * x))),
};

function outputError(
  weights: Float32Array,
  shifts: ArrayLike<number>,
  columns: SampledColumns,
  fake: (x: Float32Array) => Float32Array,
  centred: boolean,
): number {
  let error = 0;
  for (let row = 0; row < ROWS; row++) {
    const x = columns.groups[Math.floor(row / (ROWS / GROUPS))]!;
    const xq = fake(x);
    let sum = 0;
    let square = 0;
    for (let k = 0; k < count; k++) {
      let e = shifts[row]!;
      for (let i = 0; i < N; i++) {
        e += weights[row * N + i]! * xq[i * count + k]! - matrix[row * N + i]! * x[i * count + k]!;
      }
      sum += e;
      square += e * e;
    }
    error += square / count - (centred ? (sum / count) ** 2 : 0);
  }
  return error;
}

describe('chooseActivationGrid', () => {
  const weights = dequantizeWeight(
    quantizeWeight(layer, { bits: 4, granularity: 'per-channel', symmetric: true, range: 'mse' }),
  );
  for (const [name, columns] of [
    ['unsigned', positive],
    ['signed', signed],
  ] as const) {
    it(`finds the least output error of all thresholds, and says it: ${name} input`, () => {
      const all = columns.groups.flatMap((x) => [...x]);
      const range = { lo: Math.min(0, ...all), hi: Math.max(...all) };
      const options = { bits: 4, range, target: matrix };
      const choice = chooseActivationGrid(layer, weights, columns, options);
      const errorAt = (low: number, high: number): number => {
        const grid = asymmetricGrid(low * range.lo, high * range.hi, 4);
        return outputError(
          weights,
          new Float64Array(ROWS),
          columns,
          (x) => {
            const out = new Float32Array(x.length);
            fakeQuantizeInto(x, 0, x.length, out, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
            return out;
          },
          true,
        );
      };
      const ratio = choice.error / choice.before;
      let best = Infinity;
      for (let k = 50; k <= 120; k++) {
        best = Math.min(best, errorAt(k / 100, k / 100));
      }
      // The scan is coarse first: a little may be missed; with two ends more may be found.
      assert.ok(ratio <= 1.02 * (best / errorAt(1, 1)), `${ratio} against ${best / errorAt(1, 1)}`);
      assert.ok(ratio < 0.95);
      assert.equal(choice.grid.qmin, 0);
      assert.equal(choice.grid.qmax, 15);
      assert.ok(name === 'signed' || choice.grid.zeroPoint === 0);
    });
  }

  it('refuses columns of another layer', () => {
    const other = { ...positive, groups: positive.groups.slice(1) };
    assert.throws(() => chooseActivationGrid(layer, weights, other, { bits: 4, range: { lo: 0, hi: 1 } }), {
      code: 'optimize/columns',
    });
  });
});

describe('adaquantOnColumns', () => {
  for (const reluAware of [false, true]) {
    it(`has the gradients of its loss${reluAware ? ' behind a Relu' : ''}`, async () => {
      const runner = await factory.create(serializeModel(adaquantGraph(reluAware)), { threads: 1 });
      try {
        const x = Float32Array.from(positive.groups.flatMap((g) => [...g]));
        const target = weightValues([GROUPS, 3, count], 8);
        const weight = matrix.slice();
        const run = async (w: Float32Array, b: Float32Array) =>
          await runner.run(
            new Map([
              ['x', floatData([GROUPS, N, count], x)],
              ['target', floatData([GROUPS, 3, count], target)],
              ['weight', floatData([GROUPS, 3, N], w)],
              ['bias', floatData([GROUPS, 3, 1], b)],
              ['scale', floatData([], Float32Array.of(0.11))],
              ['low', floatData([], Float32Array.of(0))],
              ['high', floatData([], Float32Array.of(15))],
            ]),
          );
        const out = await run(weight, bias);
        const loss = async (w: Float32Array, b: Float32Array): Promise<number> =>
          ((await run(w, b)).get('loss')!.data as Float32Array)[0]!;
        const step = 1e-2;
        const change = async (of: 'weight' | 'bias', i: number, by: number): Promise<number> => {
          const values = (of === 'weight' ? weight : bias).slice();
          values[i]! += by;
          return of === 'weight' ? await loss(values, bias) : await loss(weight, values);
        };
        for (const [of, i] of [
          ['weight', 3],
          ['weight', 30],
          ['bias', 1],
          ['bias', 5],
        ] as const) {
          const gradient = (out.get(`${of}Gradient`)!.data as Float32Array)[i]!;
          const numeric = ((await change(of, i, step)) - (await change(of, i, -step))) / (2 * step);
          assert.ok(Math.abs(gradient - numeric) < 0.02 * Math.abs(numeric) + 1e-3, `${of} ${gradient} ${numeric}`);
        }
        // The range: by the rule, from the gradient at the quantised input.
        const inside = (out.get('inside')!.data as Float32Array)[0]!;
        const upstream = new Float64Array(ROWS * count);
        for (let row = 0; row < ROWS; row++) {
          for (let k = 0; k < count; k++) {
            let y = bias[row]!;
            for (let i = 0; i < N; i++) {
              const q = positive.groups[Math.floor(row / 3)]![i * count + k]! / Math.fround(0.11);
              y += weight[row * N + i]! * Math.fround(0.11) * Math.min(15, Math.round(q));
            }
            const t = target[row * count + k]!;
            const e = reluAware ? (y > 0 ? y - Math.max(0, t) : 0) : y - t;
            upstream[row * count + k] = (2 * e) / upstream.length;
          }
        }
        let expected = 0;
        for (let g = 0; g < GROUPS; g++) {
          for (let i = 0; i < N; i++) {
            for (let k = 0; k < count; k++) {
              let dx = 0;
              for (let row = 3 * g; row < 3 * g + 3; row++) {
                dx += weight[row * N + i]! * upstream[row * count + k]!;
              }
              const q = positive.groups[g]![i * count + k]! / Math.fround(0.11);
              expected += dx * (q > 15 ? 15 : Math.round(q) - q);
            }
          }
        }
        assert.ok(Math.abs(inside - expected) < 1e-3 * Math.abs(expected) + 1e-4, `${inside} ${expected}`);
      } finally {
        await runner.release();
      }
    });
  }

  it('lowers the loss it says, and repeats itself', async () => {
    const hi = Math.max(...positive.groups.flatMap((x) => [...x]));
    const data = { input: positive, positionsPerSample: 8 };
    const options = {
      bits: 3,
      activation: { bits: 4, lo: 0, hi },
      batch: 5,
      iterations: 150,
      lookEvery: 25,
      threads: 1,
    };
    const result = await adaquantOnColumns(layer, data, factory, options);
    assert.ok(result.loss.after < 0.8 * result.loss.before, `${result.loss.after} of ${result.loss.before}`);
    const { activation: grid } = result;
    const shifts = result.bias.map((b, i) => b - bias[i]!);
    const direct = outputError(
      dequantizeWeight(result.weight),
      shifts,
      positive,
      (x) => {
        const out = new Float32Array(x.length);
        fakeQuantizeInto(x, 0, x.length, out, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
        return out;
      },
      false,
    );
    assert.ok(Math.abs(direct / ROWS - result.loss.after) < 1e-3 * result.loss.after);
    assert.ok(grid.scale * 15 < hi, 'the range is learned');
    assert.deepEqual((await adaquantOnColumns(layer, data, factory, options)).weight, result.weight);
    await assert.rejects(adaquantOnColumns(layer, { ...data, positionsPerSample: 7 }, factory, options), {
      code: 'optimize/columns',
    });
  });
});
