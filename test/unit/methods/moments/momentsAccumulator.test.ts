import assert from 'node:assert/strict';
import { findLayers, rowGroupOf, weightAsMatrix, type Layer } from '../../../../src/analysis';
import { LatheError } from '../../../../src/base/errors';
import { momentsAccumulator, positionsPerSample, type InputMoments } from '../../../../src/methods';
import { buildModel, DataType, Tensor } from '../../../../src/onnx';
import { LAYER_CASES, weightValues, type LayerCase } from '../quantize/layerCases';
import { floatData, normalValues, runModel } from '../quantize/runModel';

const ALL = 1_000_000;

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function layerOf(layerCase: LayerCase, weight = weightValues(layerCase.dims, 1)): Layer {
  return findLayers(layerCase.build(17, weight, new Float32Array(layerCase.biasLength)))[0]!;
}

async function outputOf(layerCase: LayerCase, weight: Float32Array, input: Float32Array): Promise<Float32Array> {
  const model = layerCase.build(17, weight, new Float32Array(layerCase.biasLength));
  const outputs = await runModel(model, new Map([['x', floatData(layerCase.input, input)]]), 'plain');
  return outputs.get('y')!.data as Float32Array;
}

/** a M bᵀ over the rows of two weights, each row with its group's matrix. */
function form(a: Layer, b: Layer, matrixOf: (group: number) => Float64Array): number {
  const left = weightAsMatrix(a);
  const right = weightAsMatrix(b);
  let sum = 0;
  for (let row = 0; row < left.rows; row++) {
    const matrix = matrixOf(rowGroupOf(left, row));
    for (let i = 0; i < left.columns; i++) {
      for (let j = 0; j < left.columns; j++) {
        sum += left.data[row * left.columns + i]! * matrix[i * left.columns + j]! * right.data[row * left.columns + j]!;
      }
    }
  }
  return sum;
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}

/** A Gemm on rows of three, so that columns are the rows themselves. */
function gemm(): Layer {
  const model = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', 3] }],
    outputs: ['y'],
    initializers: [Tensor.fromFloat32('w', [2, 3], normalValues(6, 1))],
    nodes: [{ opType: 'Gemm', inputs: ['x', 'w'], outputs: ['y'], attributes: { transB: 1 } }],
  });
  return findLayers(model)[0]!;
}

/** Mean of x_i · y_j over the given rows of two [rows, size] matrices, without any of the code under test. */
function meanProducts(x: Float32Array, y: Float32Array, rows: readonly number[], size: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      out.push(rows.reduce((sum, row) => sum + x[row * size + i]! * y[row * size + j]!, 0) / rows.length);
    }
  }
  return out;
}

function assertNear(actual: ArrayLike<number>, expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) < 1e-9 * (1 + Math.abs(value)), `${i}: ${actual[i]} instead of ${value}`);
  });
}

describe('momentsAccumulator', () => {
  for (const layerCase of LAYER_CASES) {
    if (layerCase.name.includes('stacked') || layerCase.name === 'Gather') {
      it(`has no form for ${layerCase.name}`, () => {
        assert.equal(momentsAccumulator(layerOf(layerCase)), undefined);
      });
      continue;
    }

    it(`predicts outputs of ${layerCase.name} in both networks and the product of the two`, async () => {
      // Float outputs y = w x, compressed ones ŷ = ŵ x̂, as ONNX Runtime computes them.
      const w = weightValues(layerCase.dims, 1);
      const v = weightValues(layerCase.dims, 2);
      const x = normalValues(product(layerCase.input), 3);
      const xHat = normalValues(product(layerCase.input), 4).map((value, i) => 0.7 * x[i]! + 0.3 * value);
      const float = layerOf(layerCase, w);
      const compressed = layerOf(layerCase, v);
      const accumulator = momentsAccumulator(float, { positionsPerSample: ALL })!;
      assert.ok(accumulator.add(x, layerCase.input, xHat));
      const { fit, heldOut } = accumulator.finish()!;
      assert.equal(heldOut, undefined, 'with so few samples none are held out');

      const y = await outputOf(layerCase, w, x);
      const yHat = await outputOf(layerCase, v, xHat);
      const factor = float.kind === 'Gemm' ? float.node.float('alpha', 1) ** 2 : 1;
      const count = fit[0]!.count;
      const check = (predicted: number, measured: number, what: string): void => {
        const scale = Math.sqrt(dot(y, y) * dot(yHat, yHat));
        const error = Math.abs(predicted * count * factor - measured);
        assert.ok(error < 1e-5 * scale, `${what}: ${predicted * count * factor} against ${measured}`);
      };
      check(
        form(float, float, (group) => fit[group]!.power),
        dot(y, y),
        'power',
      );
      check(
        form(float, compressed, (group) => fit[group]!.cross),
        dot(y, yHat),
        'cross',
      );
      check(
        form(compressed, compressed, (group) => fit[group]!.gram),
        dot(yHat, yHat),
        'gram',
      );

      const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
      const predict = (layer: Layer, mean: (group: number) => Float64Array): number => {
        const matrix = weightAsMatrix(layer);
        return matrix.data.reduce((total, weight, at) => {
          const row = Math.floor(at / matrix.columns);
          return total + weight * mean(rowGroupOf(matrix, row))[at % matrix.columns]!;
        }, 0);
      };
      const rootFactor = Math.sqrt(factor);
      const largest = y.reduce((total, value) => total + Math.abs(value), 0);
      assert.ok(Math.abs(predict(float, (g) => fit[g]!.targetMean) * count * rootFactor - sum(y)) < 1e-5 * largest);
      assert.ok(Math.abs(predict(compressed, (g) => fit[g]!.mean) * count * rootFactor - sum(yHat)) < 1e-4 * largest);
    });
  }

  it('holds out every fifth of twenty samples', () => {
    const rows = 23;
    const x = normalValues(rows * 3, 5);
    const xHat = normalValues(rows * 3, 6);
    const accumulator = momentsAccumulator(gemm())!;
    accumulator.add(x.slice(0, 21), [7, 3], xHat.slice(0, 21));
    accumulator.add(x.slice(21), [16, 3], xHat.slice(21));
    const { fit, heldOut } = accumulator.finish()!;
    const all = Array.from({ length: rows }, (_, i) => i);
    const check = ([moments]: readonly InputMoments[], chosen: readonly number[]): void => {
      assert.equal(moments!.count, chosen.length);
      assertNear(moments!.power, meanProducts(x, x, chosen, 3));
      assertNear(moments!.cross, meanProducts(x, xHat, chosen, 3));
      assertNear(moments!.gram, meanProducts(xHat, xHat, chosen, 3));
      assertNear(
        moments!.mean,
        [0, 1, 2].map((i) => chosen.reduce((sum, row) => sum + xHat[row * 3 + i]!, 0) / chosen.length),
      );
    };
    check(
      fit,
      all.filter((row) => row % 5 !== 4),
    );
    check(
      heldOut!,
      all.filter((row) => row % 5 === 4),
    );
  });

  it('puts those held out back when there are fewer than twenty', () => {
    const x = normalValues(19 * 3, 7);
    const accumulator = momentsAccumulator(gemm())!;
    accumulator.add(x, [19, 3]);
    const { fit, heldOut } = accumulator.finish()!;
    assert.equal(heldOut, undefined);
    assert.equal(fit[0]!.count, 19);
    assertNear(
      fit[0]!.gram,
      meanProducts(
        x,
        x,
        Array.from({ length: 19 }, (_, i) => i),
        3,
      ),
    );
  });

  it('builds one matrix where both networks have the same input', () => {
    const accumulator = momentsAccumulator(gemm())!;
    accumulator.add(normalValues(60, 8), [20, 3]);
    const { fit, heldOut } = accumulator.finish()!;
    for (const moments of [fit[0]!, heldOut![0]!]) {
      assert.equal(moments.cross, moments.gram);
      assert.equal(moments.power, moments.gram);
      assert.equal(moments.targetMean, moments.mean);
    }
  });

  it('gives the same bits however the samples are cut into batches', () => {
    const layerCase = LAYER_CASES[1]!;
    const volume = product(layerCase.input);
    const x = normalValues(40 * volume, 9);
    const moments = [1, 7, 40].map((batch) => {
      const accumulator = momentsAccumulator(layerOf(layerCase), { positionsPerSample: 17 })!;
      for (let first = 0; first < 40; first += batch) {
        const count = Math.min(batch, 40 - first);
        accumulator.add(x.subarray(first * volume, (first + count) * volume), [count, ...layerCase.input.slice(1)]);
      }
      return accumulator.finish()!;
    });
    assert.equal(moments[0]!.fit[0]!.count, 32 * 17);
    assert.equal(moments[0]!.heldOut![0]!.count, 8 * 17);
    assert.deepEqual(moments[1], moments[0]);
    assert.deepEqual(moments[2], moments[0]);
  });

  it('keeps tokens of one sample together when told how many samples there are', () => {
    const x = normalValues(20 * 4 * 3, 10);
    const accumulator = momentsAccumulator(gemm(), { positionsPerSample: 4 })!;
    accumulator.add(x, [80, 3], undefined, 20);
    const { heldOut } = accumulator.finish()!;
    const chosen = Array.from({ length: 80 }, (_, i) => i).filter((row) => Math.floor(row / 4) % 5 === 4);
    assertNear(heldOut![0]!.gram, meanProducts(x, x, chosen, 3));
    const fewer = momentsAccumulator(gemm(), { positionsPerSample: 1 })!;
    fewer.add(x, [80, 3], undefined, 20);
    assert.equal(fewer.finish()!.fit[0]!.count, 16);
  });

  it('names the layer whose input is not finite', () => {
    for (const compressed of [false, true]) {
      const accumulator = momentsAccumulator(gemm())!;
      const broken = normalValues(6, 11).fill(NaN, 4, 5);
      const sound = normalValues(6, 12);
      accumulator.add(compressed ? sound : broken, [2, 3], compressed ? broken : sound);
      assert.throws(
        () => accumulator.finish(),
        (error) => LatheError.is(error, 'moments/not-finite') && error.details['compressed'] === compressed,
      );
    }
  });

  it('adds nothing when a shape does not fit', () => {
    const accumulator = momentsAccumulator(gemm())!;
    assert.equal(accumulator.add(normalValues(8, 13), [2, 4]), false);
    assert.equal(accumulator.finish(), undefined);
  });
});

describe('positionsPerSample', () => {
  it('aims at thirty columns a weight, at ten for large layers, at some thousand for small ones', () => {
    assert.equal(positionsPerSample(576, 512), Math.ceil((30 * 576) / 512));
    assert.equal(positionsPerSample(4608, 512), Math.ceil((10 * 4608) / 512));
    assert.equal(positionsPerSample(9, 512), 16);
    assert.equal(positionsPerSample(576, 1_000_000), 1);
  });
});
