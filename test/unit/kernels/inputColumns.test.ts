import assert from 'node:assert/strict';
import { seededNormal } from '../../../src/base/random';
import {
  convColumnsInto,
  convTransposeColumnsInto,
  evenPositions,
  matrixColumnsInto,
  type ConvGeometry,
} from '../../../src/kernels';
import { buildModel, DataType, serializeModel, Tensor } from '../../../src/onnx';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const runtime = createOnnxRuntime();

type Triple = [number, number, number];

interface Case {
  readonly opType: 'Conv' | 'ConvTranspose';
  /** Spatial rank 1…3 is the length of these. */
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly outputPadding?: readonly number[];
  readonly channels: number;
  readonly outChannels: number;
  readonly groups?: number;
}

const cases: Readonly<Record<string, Case>> = {
  'Conv 1-D': { opType: 'Conv', size: [9], kernel: [3], strides: [2], pads: [1, 0], channels: 2, outChannels: 3 },
  'Conv 2-D with everything': {
    opType: 'Conv',
    size: [9, 8],
    kernel: [3, 2],
    strides: [2, 1],
    dilations: [1, 3],
    pads: [2, 1, 0, 3],
    channels: 4,
    outChannels: 6,
    groups: 2,
  },
  'Conv 3-D': {
    opType: 'Conv',
    size: [4, 5, 6],
    kernel: [2, 3, 1],
    pads: [0, 1, 0, 1, 0, 0],
    channels: 2,
    outChannels: 2,
  },
  'depthwise Conv': {
    opType: 'Conv',
    size: [5, 5],
    kernel: [3, 3],
    pads: [1, 1, 1, 1],
    channels: 3,
    outChannels: 6,
    groups: 3,
  },
  'ConvTranspose 1-D': {
    opType: 'ConvTranspose',
    size: [6],
    kernel: [3],
    strides: [2],
    pads: [1, 0],
    channels: 2,
    outChannels: 3,
  },
  'ConvTranspose 2-D with everything': {
    opType: 'ConvTranspose',
    size: [4, 5],
    kernel: [3, 2],
    strides: [2, 3],
    dilations: [2, 1],
    pads: [1, 0, 2, 1],
    outputPadding: [1, 2],
    channels: 4,
    outChannels: 6,
    groups: 2,
  },
  'ConvTranspose 3-D': {
    opType: 'ConvTranspose',
    size: [2, 3, 3],
    kernel: [2, 2, 3],
    strides: [1, 2, 2],
    channels: 2,
    outChannels: 2,
  },
};

describe('columns of convolutions', () => {
  for (const [name, c] of Object.entries(cases)) {
    it(`${name}: weight rows times columns are ONNX Runtime's outputs`, async () => {
      const normal = seededNormal(name.length);
      const groups = c.groups ?? 1;
      const rank = c.size.length;
      const isConv = c.opType === 'Conv';
      const weightDims = isConv
        ? [c.outChannels, c.channels / groups, ...c.kernel]
        : [c.channels, c.outChannels / groups, ...c.kernel];
      const weight = Float32Array.from({ length: weightDims.reduce((a, b) => a * b) }, () => normal());
      const inDims = [1, c.channels, ...c.size];
      const x = Float32Array.from({ length: inDims.reduce((a, b) => a * b) }, () => normal());
      const ones = c.size.map(() => 1);
      const pads = c.pads ?? c.size.flatMap(() => [0, 0]);
      const model = buildModel({
        opset: 17,
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: inDims }],
        outputs: ['y'],
        initializers: [Tensor.fromFloat32('w', weightDims, weight)],
        nodes: [
          {
            opType: c.opType,
            inputs: ['x', 'w'],
            outputs: ['y'],
            attributes: {
              group: groups,
              strides: c.strides ?? ones,
              dilations: c.dilations ?? ones,
              pads,
              ...(c.outputPadding === undefined ? {} : { output_padding: c.outputPadding }),
            },
          },
        ],
      });
      const runner = await runtime.create(serializeModel(model), { mode: 'plain' });
      const result = (await runner.run(new Map([['x', { type: DataType.FLOAT, dims: inDims, data: x }]]))).get('y')!;
      await runner.release();
      const y = result.data as Float32Array;
      const triple = (values: readonly number[], fill: number): Triple =>
        [...Array<number>(3 - rank).fill(fill), ...values] as Triple;
      const geometry: ConvGeometry = {
        channels: c.channels,
        groups,
        inputSize: triple(c.size, 1),
        kernel: triple(c.kernel, 1),
        strides: triple(c.strides ?? ones, 1),
        dilations: triple(c.dilations ?? ones, 1),
        padsBegin: triple(pads.slice(0, rank), 0),
        outputSize: triple(result.dims.slice(2), 1),
      };
      const positions = result.dims.slice(2).reduce((a, b) => a * b);
      const all = Int32Array.from({ length: positions }, (_, i) => i);
      const taps = c.kernel.reduce((a, b) => a * b);
      const n = (c.channels / groups) * taps;
      const ldo = positions + 1;
      const columns = new Float64Array(2 + n * ldo);
      const padded = Float32Array.from([99, ...x]);
      for (let g = 0; g < groups; g++) {
        (isConv ? convColumnsInto : convTransposeColumnsInto)(padded, 1, geometry, g, all, positions, columns, 2, ldo);
        const perGroup = c.outChannels / groups;
        for (let o = 0; o < perGroup; o++) {
          for (let p = 0; p < positions; p++) {
            let sum = 0;
            for (let k = 0; k < n; k++) {
              const ci = Math.floor(k / taps);
              const at = isConv
                ? (g * perGroup + o) * n + k
                : ((g * (c.channels / groups) + ci) * perGroup + o) * taps + (k % taps);
              sum += weight[at]! * columns[2 + k * ldo + p]!;
            }
            const expected = y[(g * perGroup + o) * positions + p]!;
            assert.ok(Math.abs(sum - expected) < 1e-5 * (1 + Math.abs(expected)), `${sum} is not ${expected}`);
          }
        }
      }
    });
  }

  it('takes single positions as it takes all', () => {
    const geometry: ConvGeometry = {
      channels: 1,
      groups: 1,
      inputSize: [1, 3, 3],
      kernel: [1, 2, 2],
      strides: [1, 1, 1],
      dilations: [1, 1, 1],
      padsBegin: [0, 0, 0],
      outputSize: [1, 2, 2],
    };
    const x = Float32Array.from({ length: 9 }, (_, i) => i);
    const out = new Float64Array(8);
    convColumnsInto(x, 0, geometry, 0, Int32Array.of(3, 0), 2, out, 0, 2);
    assert.deepEqual(Array.from(out), [4, 0, 5, 1, 7, 3, 8, 4]);
  });
});

describe('columns of matrices', () => {
  it('reads rows of a right-hand layer and columns of a left-hand one', () => {
    const x = Float32Array.from({ length: 12 }, (_, i) => i);
    const out = new Float64Array(6);
    matrixColumnsInto(x, 0, 3, 1, 3, Int32Array.of(3, 1), 2, out, 0, 2);
    assert.deepEqual(Array.from(out), [9, 3, 10, 4, 11, 5]);
    matrixColumnsInto(x, 0, 3, 4, 1, Int32Array.of(2, 0), 2, out, 0, 2);
    assert.deepEqual(Array.from(out), [2, 0, 6, 4, 10, 8]);
  });
});

describe('evenPositions', () => {
  it('spreads without repeats, or takes all', () => {
    for (const total of [1, 2, 7, 100, 1000]) {
      for (const count of [1, 3, 7, 64]) {
        const out = new Int32Array(Math.max(count, 1));
        const taken = evenPositions(total, count, out);
        assert.equal(taken, Math.min(count, total));
        const list = Array.from(out.subarray(0, taken));
        assert.ok(list.every((v, i) => v >= 0 && v < total && (i === 0 || v > list[i - 1]!)));
      }
    }
  });
});
