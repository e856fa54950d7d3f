import assert from 'node:assert/strict';
import { seededNormal } from '../../../src/base/random';
import {
  asymmetricGrid,
  dequantizeInto,
  fakeQuantizeInto,
  quantizeChannelsInto,
  quantizeInto,
  symmetricGrid,
  type QuantGrid,
} from '../../../src/kernels';
import { buildModel, DataType, integerRange, serializeModel, Tensor } from '../../../src/onnx';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const runtime = createOnnxRuntime();

/** Runs QuantizeLinear and DequantizeLinear in ONNX Runtime; codes come back where the type can be fetched. */
async function onnx(
  x: Float32Array,
  type: DataType,
  scale: number,
  zeroPoint: number,
): Promise<{ codes: number[] | undefined; values: Float32Array }> {
  const fetchable = type === DataType.INT8 || type === DataType.UINT8;
  const model = buildModel({
    opset: type === DataType.INT2 || type === DataType.UINT2 ? 25 : 21,
    irVersion: type === DataType.INT2 || type === DataType.UINT2 ? 13 : 10,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: [x.length] }],
    outputs: [{ name: 'y', type: DataType.FLOAT }, ...(fetchable ? ['q'] : [])],
    initializers: [
      Tensor.fromFloat32('s', [], Float32Array.of(scale)),
      Tensor.fromIntegers('z', type, [], [zeroPoint]),
    ],
    nodes: [
      { opType: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'] },
      { opType: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['y'] },
    ],
  });
  const runner = await runtime.create(serializeModel(model), { mode: 'plain' });
  try {
    const results = await runner.run(new Map([['x', { type: DataType.FLOAT, dims: [x.length], data: x }]]));
    return {
      codes: fetchable ? Array.from(results.get('q')!.data as Int8Array) : undefined,
      values: results.get('y')!.data as Float32Array,
    };
  } finally {
    await runner.release();
  }
}

/** Random values, exact ties of the grid, and their float32 neighbours. */
function trickyValues(grid: QuantGrid, seed: number, length: number): Float32Array {
  const normal = seededNormal(seed);
  const x = new Float32Array(length);
  const bits = new Int32Array(x.buffer);
  for (let i = 0; i < length; i++) {
    if (i % 3 === 0) {
      x[i] = normal() * grid.scale * (grid.qmax - grid.qmin);
    } else {
      const code = grid.qmin + ((i * 7) % (grid.qmax - grid.qmin + 4)) - 2;
      x[i] = (code - grid.zeroPoint + 0.5) * grid.scale;
      bits[i]! += (i % 5) - 2;
    }
  }
  const specials = [0, -0, Infinity, -Infinity, 1e-45, -1e-45, 1e-39, 3.4e38, -3.4e38];
  x.set(specials.slice(0, Math.min(length, specials.length)));
  return x;
}

describe('quantisation equals ONNX Runtime bit for bit', () => {
  const types: readonly [keyof typeof DataType, number][] = [
    ['INT8', 8],
    ['UINT8', 8],
    ['INT4', 4],
    ['UINT4', 4],
    ['INT16', 16],
    ['UINT16', 16],
    ['INT2', 2],
    ['UINT2', 2],
  ];
  for (const [name, bits] of types) {
    it(name, async () => {
      const type = DataType[name];
      const [qmin, qmax] = integerRange(type)!;
      for (const [i, range] of [3.7, 0.1, 1000, 2e-30].entries()) {
        const grid =
          qmin < 0
            ? i % 2 === 0
              ? symmetricGrid(-range, range, bits, false)
              : asymmetricGrid(-range, range / 3, bits, true)
            : asymmetricGrid(-range / 2, range, bits);
        // Odd lengths reach the scalar tails of vector kernels.
        for (const length of [1, 7, 16, 33, 1001]) {
          const x = trickyValues(grid, 10 * i + length, length);
          if (bits === 2) {
            // ONNX Runtime 1.30 converts to int before it saturates 2-bit types, so what leaves int32 wraps around there.
            x.forEach((v, at) => (x[at] = Math.abs(v / grid.scale) < 2 ** 30 ? v : 0));
          }
          const expected = await onnx(x, type, grid.scale, grid.zeroPoint);
          const codes = new Int32Array(length);
          const values = new Float32Array(length);
          const back = new Float32Array(length);
          quantizeInto(x, 0, length, codes, 0, grid.scale, grid.zeroPoint, qmin, qmax);
          fakeQuantizeInto(x, 0, length, values, 0, grid.scale, grid.zeroPoint, qmin, qmax);
          dequantizeInto(codes, 0, length, back, 0, grid.scale, grid.zeroPoint);
          if (expected.codes !== undefined) {
            assert.deepEqual(Array.from(codes), expected.codes);
          }
          const theirs = new Int32Array(Float32Array.from(expected.values).buffer);
          assert.deepEqual(new Int32Array(values.buffer), theirs);
          assert.deepEqual(new Int32Array(back.buffer), theirs);
        }
      }
    });
  }

  it('NaN becomes the lowest code, in vectors and in tails', async () => {
    const x = new Float32Array(37).fill(NaN);
    for (const name of ['INT8', 'UINT8'] as const) {
      const [qmin, qmax] = integerRange(DataType[name])!;
      const { codes } = await onnx(x, DataType[name], 0.5, 3);
      const ours = new Int32Array(37);
      quantizeInto(x, 0, 37, ours, 0, 0.5, 3, qmin, qmax);
      assert.deepEqual(Array.from(ours), codes);
    }
  });

  it('per channel along the middle axis', async () => {
    const dims = [3, 4, 5];
    const normal = seededNormal(3);
    const x = Float32Array.from({ length: 60 }, () => normal());
    const scales = Float32Array.of(0.01, 0.02, 0.5, 0.003);
    const zeros = Int32Array.of(0, -5, 7, 100);
    const model = buildModel({
      opset: 13,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: dims }],
      outputs: ['q'],
      initializers: [Tensor.fromFloat32('s', [4], scales), Tensor.fromIntegers('z', DataType.INT8, [4], zeros)],
      nodes: [{ opType: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'], attributes: { axis: 1 } }],
    });
    const runner = await runtime.create(serializeModel(model), { mode: 'plain' });
    const results = await runner.run(new Map([['x', { type: DataType.FLOAT, dims, data: x }]]));
    await runner.release();
    const codes = new Int32Array(60);
    quantizeChannelsInto(x, 3, 4, 5, codes, scales, zeros, -128, 127);
    assert.deepEqual(Array.from(codes), Array.from(results.get('q')!.data as Int8Array));
  });
});
