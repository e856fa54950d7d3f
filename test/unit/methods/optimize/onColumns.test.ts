import assert from 'node:assert/strict';
import { findLayers, weightAsMatrix } from '../../../../src/analysis';
import { asymmetricGrid, fakeQuantizeInto, type QuantGrid } from '../../../../src/kernels';
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
  for (const [name, clip] of [
    ['', undefined],
    [' behind a Relu', { low: 0, high: Infinity }],
    [' behind a Clip', { low: -0.5, high: 1 }],
  ] as const) {
    it(`has the gradients of its loss${name}`, async () => {
      const runner = await factory.create(serializeModel(adaquantGraph(clip)), { threads: 1 });
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
            const { low, high } = clip ?? { low: -Infinity, high: Infinity };
            const e = y > low && y < high ? y - Math.min(high, Math.max(low, t)) : 0;
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
    const grid = result.activation!;
    const shifts = result.bias!.map((b, i) => b - bias[i]!);
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

  const hi = Math.max(...positive.groups.flatMap((x) => [...x]));
  const short = { batch: 5, iterations: 150, lookEvery: 25, threads: 1 } as const;
  const through = (grid: QuantGrid | undefined) => (x: Float32Array) => {
    const out = x.slice();
    if (grid !== undefined) {
      fakeQuantizeInto(x, 0, x.length, out, 0, grid.scale, grid.zeroPoint, grid.qmin, grid.qmax);
    }
    return out;
  };
  const data = (input: SampledColumns) => ({ input, positionsPerSample: 4 });
  const range = { lo: -2, hi: Math.max(...signed.groups.flatMap((x) => [...x])) };
  for (const [name, input, options] of [
    ['asymmetric weights', positive, { symmetric: false, activation: { bits: 4, lo: 0, hi } }],
    ['one scale for all weights', positive, { granularity: 'per-tensor', activation: { bits: 4, lo: 0, hi } }],
    ['one asymmetric grid', signed, { granularity: 'per-tensor', symmetric: false, activation: { bits: 4, ...range } }],
    ['a symmetric input', signed, { activation: { bits: 4, ...range, symmetric: true } }],
    ['an input with two ends', signed, { activation: { bits: 4, ...range } }],
    ['a float input', signed, { activation: undefined }],
    ['a bias that stays', positive, { refitBias: false, activation: { bits: 4, lo: 0, hi } }],
    ['samples held out', positive, { heldOutEvery: 5, activation: { bits: 4, lo: 0, hi } }],
  ] as const) {
    it(`lowers the error it says: ${name}`, async () => {
      const result = await adaquantOnColumns(layer, data(input), factory, { bits: 3, ...short, ...options });
      const { weight, activation: grid, errors } = result;
      const held = 'heldOutEvery' in options;
      // Every fifth sample of four columns is held out.
      const all = [...Array(count).keys()];
      const isHeldOut = (k: number): boolean => held && Math.floor(k / 4) % 5 === 4;
      for (const [error, chosen] of [
        [errors.fit, all.filter((k) => !isHeldOut(k))],
        [errors.heldOut, all.filter(isHeldOut)],
      ] as const) {
        if (error === undefined) {
          continue;
        }
        let power = 0;
        let wrong = 0;
        const shifts = result.bias?.map((b, i) => b - bias[i]!) ?? new Float32Array(ROWS);
        const codes = dequantizeWeight(weight);
        for (let row = 0; row < ROWS; row++) {
          const x = input.groups[Math.floor(row / 3)]!;
          const seen = through(grid)(x);
          for (const k of chosen) {
            let y = bias[row]!;
            let e = shifts[row]!;
            for (let i = 0; i < N; i++) {
              const w = matrix[row * N + i]! * x[i * count + k]!;
              y += w;
              e += codes[row * N + i]! * seen[i * count + k]! - w;
            }
            power += y * y;
            wrong += e * e;
          }
        }
        assert.ok(Math.abs(error.result / (wrong / power) - 1) < 1e-3, `${error.result} against ${wrong / power}`);
        assert.ok(error.result < 0.97 * error.rtn, `${error.result} of ${error.rtn}`);
      }
      assert.equal(errors.heldOut !== undefined, held);
      assert.equal(result.bias === undefined, 'refitBias' in options);
      assert.equal(weight.symmetric, !('symmetric' in options));
      assert.equal(weight.scales.length, 'granularity' in options ? 1 : ROWS);
      assert.ok([...weight.codes].every((code) => code >= weight.qmin && code <= weight.qmax));
      assert.equal(grid === undefined, options.activation === undefined);
    });
  }

  it('leaves pruned weights out, whatever they are, and meets the dense output', async () => {
    const mask = Uint8Array.from({ length: ROWS * N }, (_, i) => (i % 2 === Math.floor(i / N) % 2 ? 1 : 0));
    const options = { bits: 4, ...short, activation: { bits: 4, lo: 0, hi }, target: matrix, mask };
    const fitOf = (value: number) =>
      adaquantOnColumns(layer, data(positive), factory, {
        ...options,
        weight: matrix.map((w, i) => (mask[i] === 0 ? value : w)),
      });
    const [zeros, others] = [await fitOf(0), await fitOf(1.7)];
    assert.deepEqual(others.weight.codes, zeros.weight.codes);
    assert.deepEqual(others.weight.scales, zeros.weight.scales);
    assert.deepEqual(others.activation, zeros.activation);
    // A Conv's codes are in matrix order.
    assert.ok(zeros.weight.codes.every((code, i) => mask[i] === 1 || code === 0));
    assert.ok(zeros.loss.after < zeros.loss.before);
  });

  it('counts only what a Clip lets through', async () => {
    const clip = { low: 0, high: 1.5 };
    const options = { bits: 2, ...short, iterations: 400, activation: { bits: 4, lo: 0, hi } };
    const seen = async (known: boolean) => {
      const result = await adaquantOnColumns(layer, data(positive), factory, known ? { ...options, clip } : options);
      const codes = dequantizeWeight(result.weight);
      const bounded = (y: number): number => Math.min(clip.high, Math.max(clip.low, y));
      let error = 0;
      for (let row = 0; row < ROWS; row++) {
        const x = positive.groups[Math.floor(row / 3)]!;
        const xq = through(result.activation)(x);
        for (let k = 0; k < count; k++) {
          let [y, yq] = [bias[row]!, result.bias![row]!];
          for (let i = 0; i < N; i++) {
            y += matrix[row * N + i]! * x[i * count + k]!;
            yq += codes[row * N + i]! * xq[i * count + k]!;
          }
          error += (bounded(yq) - bounded(y)) ** 2;
        }
      }
      return { error: error / ROWS / count, loss: result.loss.after };
    };
    const [aware, unaware] = [await seen(true), await seen(false)];
    assert.ok(Math.abs(aware.error / aware.loss - 1) < 1e-3, `${aware.error} ${aware.loss}`);
    assert.ok(aware.error < 0.95 * unaware.error, `${aware.error} against ${unaware.error}`);
  });

  it('keeps a grid that is not to be learned', async () => {
    const grid = asymmetricGrid(0, 0.7 * hi, 4);
    const activation = { bits: 4, lo: 0, hi, grid };
    const result = await adaquantOnColumns(layer, data(positive), factory, {
      bits: 3,
      ...short,
      activation,
      learnActivation: false,
    });
    assert.deepEqual(result.activation, grid);
  });
});
