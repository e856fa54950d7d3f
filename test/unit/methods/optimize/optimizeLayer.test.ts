import assert from 'node:assert/strict';
import { findLayers, matrixLayout, weightAsMatrix, type Layer } from '../../../../src/analysis';
import { seededNormal, seededRandom } from '../../../../src/base/random';
import {
  dequantizeWeight,
  momentsAccumulator,
  optimizeLayer,
  type LayerMoments,
  type OptimizeInput,
} from '../../../../src/methods';
import { buildModel, DataType, Tensor } from '../../../../src/onnx';
import { biasValues, LAYER_CASES, weightValues } from '../quantize/layerCases';
import { runModel } from '../quantize/runModel';
import { momentsOf } from './tinyMoments';

const base = { bits: 4, granularity: 'per-channel', symmetric: true } as const;

function near(actual: number, expected: number, relative: number): void {
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual} instead of ${expected}`);
}

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

/** Correlated columns, n rows of N. */
function columnsOf(n: number, count: number, seed: number): number[][] {
  const normal = seededNormal(seed);
  const common = Array.from({ length: 3 }, () => Array.from({ length: count }, normal));
  return Array.from({ length: n }, (_, i) => {
    const [a, b, c] = [normal(), normal(), normal()];
    return Array.from({ length: count }, (_, k) =>
      Math.max(0, 0.3 + a * common[0]![k]! + b * common[1]![k]! + c * common[2]![k]! + 0.5 * normal() + 0.01 * i),
    );
  });
}

function momentsFrom(
  layer: Layer,
  x: Float32Array,
  dims: readonly number[],
  compressed?: Float32Array,
): LayerMoments | undefined {
  const accumulator = momentsAccumulator(layer, { positionsPerSample: 1e6, heldOutEvery: 0 });
  return accumulator?.add(x, dims, compressed) === true ? accumulator.finish() : undefined;
}

describe('optimizeLayer', () => {
  for (const layerCase of LAYER_CASES) {
    const { dims, biasLength, inputType } = layerCase;
    if (inputType === DataType.INT64) {
      continue;
    }
    for (const mode of ['parallel', 'sequential'] as const) {
      it(`says the error that ONNX Runtime finds: ${layerCase.name}, ${mode}`, async () => {
        const values = weightValues(dims, 4);
        const bias = biasValues(biasLength, 5);
        const model = layerCase.build(17, values, bias);
        const layer = findLayers(model)[0]!;
        // Many samples along the first axis, where the layer takes them.
        const input = [...layerCase.input];
        const x = weightValues(input, 6).map((v) => Math.abs(v));
        const normal = seededNormal(7);
        const compressed = mode === 'parallel' ? x : x.map((v) => v + 0.02 * normal());
        const moments = momentsFrom(layer, x, input, mode === 'parallel' ? undefined : compressed);
        const refitBias = biasLength > 0;
        for (const method of ['rtn', 'gptq', 'gram', 'adaquant'] as const) {
          const result = optimizeLayer(layer, { ...base, method, moments, refitBias, iterations: 20 });
          assert.ok(result.weight.codes.every((code) => code >= -7 && code <= 7));
          assert.equal(result.bias?.length, refitBias && moments !== undefined ? biasLength : undefined);
          if (moments === undefined) {
            assert.equal(result.method, 'rtn');
            assert.equal(result.errors.fit, undefined);
            assert.ok(method === 'rtn' || /nothing is known/.test(result.note ?? ''));
            continue;
          }
          if (layer.weight.chain.length > 0) {
            continue;
          }
          const y = await runModel(model, new Map([['x', { type: DataType.FLOAT, dims: input, data: x }]]), 'plain');
          const rebuilt = layerCase.build(17, dequantizeWeight(result.weight), result.bias ?? bias);
          const z = await runModel(
            rebuilt,
            new Map([['x', { type: DataType.FLOAT, dims: input, data: compressed }]]),
            'plain',
          );
          const expected = y.get('y')!.data as Float32Array;
          const actual = z.get('y')!.data as Float32Array;
          let error = 0;
          let power = 0;
          expected.forEach((v, i) => {
            error += (v - actual[i]!) ** 2;
            power += v * v;
          });
          near(result.errors.fit!.result, error / power, 1e-3);
        }
      });
    }
  }

  describe('on 24 inputs and 6 outputs', () => {
    const n = 24;
    const rows = 6;
    const values = weightValues([n, rows], 8);
    const layer = matMul(values, [n, rows]);
    const fit = [momentsOf(columnsOf(n, 400, 1))];
    const heldOut = [momentsOf(columnsOf(n, 400, 1).map((row) => row.slice(0, 120)))];
    const errorOf = (input: Partial<OptimizeInput>): number => {
      const result = optimizeLayer(layer, { ...base, moments: { fit, heldOut: undefined }, ...input });
      return result.errors.fit!.result;
    };

    for (const [symmetric, granularity] of [
      [true, 'per-channel'],
      [false, 'per-channel'],
      [true, 'per-tensor'],
    ] as const) {
      for (const bits of [2, 4, 8]) {
        it(`each method is better than the one before: ${bits} bits, ${granularity}, ${symmetric ? '' : 'a'}symmetric`, () => {
          const at = (method: 'rtn' | 'gptq' | 'gram' | 'adaquant'): number =>
            errorOf({ bits, symmetric, granularity, method });
          const before = optimizeLayer(layer, {
            bits,
            symmetric,
            granularity,
            moments: { fit, heldOut },
          });
          assert.ok(at('rtn') <= before.errors.fit!.rtn * (1 + 1e-9));
          assert.ok(at('gptq') < at('rtn'));
          assert.ok(at('gram') < at('gptq') * (1 + 1e-9));
          assert.ok(at('gram') < at('adaquant') * (1 + 1e-9));
          assert.ok(before.errors.heldOut!.result < before.errors.heldOut!.rtn);
          assert.equal(before.weight.scales.length, granularity === 'per-channel' ? rows : 1);
        });
      }
    }

    it('keeps pruned entries at exactly zero and fits the others around them', () => {
      const random = seededRandom(9);
      const mask = Uint8Array.from({ length: n * rows }, () => (random() < 0.5 ? 0 : 1));
      for (const symmetric of [true, false]) {
        for (const method of ['rtn', 'gptq', 'gram', 'adaquant'] as const) {
          const result = optimizeLayer(layer, {
            ...base,
            symmetric,
            method,
            mask,
            moments: { fit, heldOut },
            iterations: 50,
          });
          const { weight } = result;
          // Codes are [n, rows], the mask is one output channel per row.
          mask.forEach((kept, i) => {
            const [r, j] = [Math.floor(i / n), i % n];
            assert.ok(kept === 1 || weight.codes[j * rows + r] === weight.zeroPoints[r]);
          });
        }
      }
      const pruned = weightAsMatrix(layer).data.map((w, i) => (mask[i] === 0 ? 0 : w));
      const target = weightAsMatrix(layer).data;
      const alone = errorOf({ weight: pruned, mask, bits: 8 });
      assert.ok(alone < 1e-3, 'the pruned layer itself can be met');
      const towards = errorOf({ weight: pruned, target, mask, bits: 8 });
      const untouched = optimizeLayer(layer, {
        ...base,
        bits: 8,
        weight: pruned,
        target,
        mask,
        method: 'rtn',
        refitBias: false,
        moments: { fit, heldOut: undefined },
      });
      assert.ok(towards < 0.7 * untouched.errors.fit!.result, 'other weights make up for the pruned ones');
    });

    it('falls back on rounding where held-out columns say that the fit is worse', () => {
      // The fit has seen one direction only; what it does elsewhere is up to chance.
      const few = columnsOf(n, 3, 11);
      const wide = columnsOf(n, 300, 12);
      const result = optimizeLayer(layer, { ...base, moments: { fit: [momentsOf(few)], heldOut: [momentsOf(wide)] } });
      assert.ok(result.errors.heldOut!.result <= result.errors.heldOut!.rtn * (1 + 1e-9) || result.bias !== undefined);
      const damped = optimizeLayer(layer, {
        ...base,
        damp: 0.001,
        moments: { fit: [momentsOf(few)], heldOut: undefined },
      });
      const blind = optimizeLayer(layer, {
        ...base,
        damp: 0.001,
        moments: { fit: [momentsOf(few)], heldOut: [momentsOf(wide)] },
      });
      assert.ok(damped.errors.fit!.result < blind.errors.fit!.result * (1 + 1e-9));
    });

    it('gives the same answer twice, and leaves what it was given alone', () => {
      const weight = weightAsMatrix(layer).data;
      const copy = weight.slice();
      const gram = fit[0]!.gram.slice();
      const first = optimizeLayer(layer, { ...base, weight, moments: { fit, heldOut } });
      assert.deepEqual(optimizeLayer(layer, { ...base, weight, moments: { fit, heldOut } }), first);
      assert.deepEqual(weight, copy);
      assert.deepEqual(fit[0]!.gram, gram);
    });

    it('gets by with dead inputs, dead rows and constant columns', () => {
      const columns = columnsOf(n, 50, 2);
      columns[3] = columns[3]!.map(() => 0);
      columns[5] = columns[5]!.map(() => 0.7);
      const some = values.map((w, i) => (i % rows === 2 ? 0 : w));
      for (const method of ['rtn', 'gptq', 'gram', 'adaquant'] as const) {
        const result = optimizeLayer(matMul(some, [n, rows]), {
          ...base,
          method,
          iterations: 20,
          moments: { fit: [momentsOf(columns)], heldOut: undefined },
        });
        assert.equal(result.weight.scales[2], 1);
        assert.ok(result.weight.scales.every((s) => s > 0 && Number.isFinite(s)));
        assert.ok(result.bias!.every((b) => Number.isFinite(b)));
        assert.ok(result.errors.fit!.result < result.errors.fit!.rtn);
      }
      const dead = columns.map((row) => row.map(() => 0));
      const nothing = optimizeLayer(layer, { ...base, moments: { fit: [momentsOf(dead)], heldOut: undefined } });
      assert.equal(nothing.errors.fit!.result, 0);
    });

    it('refuses what does not fit', () => {
      const moments = { fit, heldOut: undefined };
      const throws = (input: Partial<OptimizeInput>, code: string): void => {
        assert.throws(() => optimizeLayer(layer, { ...base, moments, ...input }), { code });
      };
      throws({ bits: 9 }, 'quantize/bits');
      throws({ weight: new Float32Array(3) }, 'optimize/values');
      throws({ weight: new Float32Array(n * rows).fill(NaN) }, 'quantize/non-finite-weight');
      throws({ target: new Float32Array(n * rows).fill(NaN) }, 'optimize/values');
      throws({ mask: new Uint8Array(3) }, 'optimize/values');
      throws({ bias: new Float32Array(3) }, 'optimize/values');
      throws({ moments: { fit: [...fit, ...fit], heldOut: undefined } }, 'optimize/moments');
      throws({ moments: { fit: [momentsOf(columnsOf(3, 9, 1))], heldOut: undefined } }, 'optimize/moments');
      const broken = { ...fit[0]!, gram: fit[0]!.gram.map(() => NaN) };
      throws({ moments: { fit: [broken], heldOut: undefined } }, 'optimize/moments');
    });
  });

  it('rounds embeddings by their own error', () => {
    const layerCase = LAYER_CASES.find(({ name }) => name === 'Gather')!;
    const layer = findLayers(layerCase.build(17, weightValues(layerCase.dims, 4), new Float32Array(0)))[0]!;
    const result = optimizeLayer(layer, { ...base, moments: undefined });
    assert.equal(result.method, 'rtn');
    assert.equal(result.weight.range, 'mse');
    assert.equal(result.weight.scales.length, matrixLayout(layer).scales);
    assert.ok(result.weight.sqnr > 10);
  });
});
