import assert from 'node:assert/strict';
import { findLayers } from '../../../../src/analysis';
import { insertQdq, quantizeWeight, type QdqOptions, type QdqResult } from '../../../../src/methods';
import { buildModel, DataType, Tensor, type Model } from '../../../../src/onnx';
import { biasValues, LAYER_CASES, weightValues, type LayerCase } from './layerCases';
import {
  referenceFake,
  referenceGrid,
  referenceWeight,
  roundTiesToEven,
  type ReferenceGrid,
} from './referenceQuantizer';
import { assertClose, floatData, normalValues, runModel } from './runModel';

interface Widths {
  readonly weights: number | undefined;
  readonly activations: number | undefined;
  readonly symmetric: boolean;
  readonly granularity?: 'per-channel' | 'per-tensor';
}

interface Prepared {
  readonly model: Model;
  readonly result: QdqResult;
  readonly expected: Model;
  readonly feeds: ReadonlyMap<string, ReturnType<typeof floatData>>;
  readonly expectedFeeds: ReadonlyMap<string, ReturnType<typeof floatData>>;
}

/** The quantised model, and the float model with the numbers it should stand for. */
function prepare(layerCase: LayerCase, opset: number, widths: Widths, options: QdqOptions = {}): Prepared {
  const weight = weightValues(layerCase.dims, 21);
  const bias = biasValues(layerCase.biasLength, 22);
  const model = layerCase.build(opset, weight, bias);
  const layer = findLayers(model)[0]!;
  const count = layerCase.input.reduce((a, b) => a * b, 1);
  const isIndex = layerCase.inputType === DataType.INT64;
  const x = normalValues(count, 23);
  const perTensor = widths.granularity === 'per-tensor';
  let grid: ReferenceGrid | undefined;
  if (widths.activations !== undefined && !isIndex) {
    grid = widths.symmetric
      ? { ...referenceGrid([...x], widths.activations, true), qmin: -(2 ** (widths.activations - 1)) }
      : referenceGrid([...x], widths.activations, false);
    // Clip a little, so that saturation is seen.
    grid = { ...grid, scale: Math.fround(grid.scale * 0.8) };
  }
  const result = insertQdq(
    model,
    [layer],
    {
      layers: new Map([
        [
          layer.name,
          {
            weight:
              widths.weights === undefined
                ? undefined
                : quantizeWeight(layer, {
                    bits: widths.weights,
                    granularity: widths.granularity ?? 'per-channel',
                    symmetric: widths.symmetric,
                    range: 'min-max',
                  }),
            activation: grid === undefined ? undefined : { ...grid, bits: widths.activations! },
          },
        ],
      ]),
    },
    options,
  );

  const axis = perTensor ? undefined : layerCase.axis;
  const fakeWeight =
    widths.weights === undefined
      ? undefined
      : referenceWeight(weight, layerCase.dims, axis, widths.weights, widths.symmetric);
  const fakeBias = bias.slice();
  if (fakeWeight !== undefined && grid !== undefined && layerCase.biasInt32) {
    bias.forEach((b, i) => {
      const { scale } = fakeWeight.grids[axis === undefined ? 0 : i]!;
      const s = Math.fround(grid.scale * scale);
      fakeBias[i] = roundTiesToEven(b / s) * s;
    });
  }
  const indices = { type: DataType.INT64, dims: layerCase.input, data: BigInt64Array.from([0n, 6n, 3n, 3n, 1n, 5n]) };
  return {
    model,
    result,
    expected: layerCase.build(opset, fakeWeight?.values ?? weight, fakeBias),
    feeds: new Map([['x', isIndex ? indices : floatData(layerCase.input, x)]]),
    expectedFeeds: new Map([
      ['x', isIndex ? indices : floatData(layerCase.input, grid === undefined ? x : referenceFake(x, grid))],
    ]),
  };
}

async function check(
  prepared: Prepared,
  modes: readonly ('plain' | 'simulate')[] = ['plain', 'simulate'],
): Promise<void> {
  const expected = (await runModel(prepared.expected, prepared.expectedFeeds, 'plain')).get('y')!;
  for (const mode of modes) {
    assertClose((await runModel(prepared.model, prepared.feeds, mode)).get('y'), expected, 2e-6);
  }
}

describe('insertQdq', () => {
  for (const layerCase of LAYER_CASES) {
    describe(layerCase.name, () => {
      for (const symmetric of [true, false]) {
        const kind = symmetric ? 'symmetric' : 'asymmetric';
        it(`computes what fake quantisation computes: ${kind}, 2 to 8 bits on both sides`, async () => {
          for (let bits = 2; bits <= 8; bits++) {
            const prepared = prepare(layerCase, 21, { weights: bits, activations: 10 - bits, symmetric });
            const layer = prepared.result.layers[0]!;
            assert.equal(layer.weightBits, bits);
            assert.equal(layer.activationBits, layerCase.inputType === DataType.INT64 ? undefined : 10 - bits);
            assert.equal(layer.biasInt32, layerCase.biasInt32);
            const small = symmetric ? DataType.INT4 : DataType.UINT4;
            const byte = symmetric ? DataType.INT8 : DataType.UINT8;
            assert.equal(layer.weightContainer, bits <= 4 ? small : byte);
            assert.deepEqual(prepared.result.refused, []);
            await check(prepared);
          }
        });

        it(`quantises weights alone and inputs alone: ${kind}`, async () => {
          await check(prepare(layerCase, 21, { weights: 3, activations: undefined, symmetric }));
          if (layerCase.inputType !== DataType.INT64) {
            await check(prepare(layerCase, 21, { weights: undefined, activations: 6, symmetric }));
          }
        });

        it(`uses one scale for the whole weight where asked: ${kind}`, async () => {
          await check(prepare(layerCase, 21, { weights: 4, activations: 8, symmetric, granularity: 'per-tensor' }));
        });
      }

      it('leaves no trace of the float weight', () => {
        const { model } = prepare(layerCase, 21, { weights: 4, activations: 8, symmetric: true });
        assert.equal(model.graph.initializers.has('w'), false);
        assert.ok(!model.graph.nodes.some((node) => node.opType === 'Transpose' || node.opType === 'Reshape'));
      });
    });
  }
});

const CONV = LAYER_CASES.find((c) => c.name === 'Conv 2-D with bias')!;
const MATMUL = LAYER_CASES.find((c) => c.name === 'MatMul')!;
const GEMM = LAYER_CASES.find((c) => c.name === 'Gemm transB')!;
const GATHER = LAYER_CASES.find((c) => c.name === 'Gather')!;

describe('insertQdq at every opset', () => {
  for (let opset = 7; opset <= 25; opset++) {
    it(`opset ${opset}: raised no further than the types need`, async () => {
      for (const [weights, granularity] of [
        [8, 'per-tensor'],
        [8, 'per-channel'],
        [4, 'per-channel'],
        [2, 'per-tensor'],
      ] as const) {
        for (const layerCase of [CONV, MATMUL]) {
          const prepared = prepare(layerCase, opset, { weights, activations: 8, symmetric: true, granularity });
          const needed = weights <= 4 ? 21 : granularity === 'per-channel' ? 13 : 10;
          assert.deepEqual(prepared.result.opset, { before: opset, after: Math.max(opset, needed) });
          assert.equal(prepared.model.opset(), Math.max(opset, needed));
          assert.ok(prepared.model.irVersion >= (weights <= 4 ? 10 : 5) || opset >= 10);
          assert.equal(prepared.model.opset('com.microsoft'), 0);
          await check(prepared, ['simulate']);
        }
      }
    });
  }

  it('uses 2-bit tensors at opset 25 only where the runtime computes them correctly', async () => {
    for (const [layerCase, expected] of [
      [GEMM, DataType.INT2],
      [GATHER, DataType.INT2],
      [CONV, DataType.INT4],
      [MATMUL, DataType.INT4],
    ] as const) {
      const prepared = prepare(layerCase, 25, { weights: 2, activations: undefined, symmetric: true });
      assert.equal(prepared.result.layers[0]!.weightContainer, expected, layerCase.name);
      assert.equal(prepared.result.layers[0]!.notes.length, expected === DataType.INT2 ? 0 : 1);
      await check(prepared);
      const deployed = (await runModel(prepared.model, prepared.feeds, 'deploy')).get('y')!;
      const plain = (await runModel(prepared.model, prepared.feeds, 'plain')).get('y')!;
      assertClose(deployed, plain, 0.02);
    }
  });

  it('raises to opset 25 for 2-bit tensors only when told to', async () => {
    for (const symmetric of [true, false]) {
      const prepared = prepare(CONV, 13, { weights: 2, activations: 8, symmetric }, { allowInt2: true });
      assert.equal(prepared.result.layers[0]!.weightContainer, symmetric ? DataType.INT2 : DataType.UINT2);
      assert.deepEqual(prepared.result.opset, { before: 13, after: 25 });
      assert.deepEqual(prepared.result.irVersion, { before: 8, after: 13 });
      await check(prepared);
    }
    const kept = prepare(GEMM, 24, { weights: 2, activations: undefined, symmetric: true });
    assert.equal(kept.result.opset.after, 24);
    assert.match(kept.result.layers[0]!.notes.join(), /4-bit.*opset 25/);
  });
});

describe('insertQdq as ONNX Runtime deploys it', () => {
  /** Two layers with a Relu between them, so that integer kernels can take over. */
  function twoLayers(kind: 'Conv' | 'depthwise' | 'Gemm' | 'MatMul'): Model {
    const isConv = kind === 'Conv' || kind === 'depthwise';
    const opType = kind === 'depthwise' ? 'Conv' : kind;
    const first = kind === 'depthwise' ? [6, 1, 3, 3] : isConv ? [6, 3, 3, 3] : kind === 'Gemm' ? [6, 16] : [16, 6];
    const second = isConv ? [4, 6, 3, 3] : kind === 'Gemm' ? [4, 6] : [6, 4];
    const operands = (w: string, b: string, x: string) => (kind === 'MatMul' ? [x, w] : [x, w, b]);
    const attributes = isConv ? { pads: [1, 1, 1, 1] } : kind === 'Gemm' ? { transB: 1 } : {};
    return buildModel({
      opset: 21,
      irVersion: 10,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: isConv ? [1, kind === 'depthwise' ? 6 : 3, 8, 8] : [4, 16] }],
      outputs: ['y'],
      initializers: [
        Tensor.fromFloat32('w1', first, weightValues(first, 1)),
        Tensor.fromFloat32('b1', [6], biasValues(6, 2)),
        Tensor.fromFloat32('w2', second, weightValues(second, 3)),
        Tensor.fromFloat32('b2', [4], biasValues(4, 4)),
      ],
      nodes: [
        {
          opType,
          inputs: operands('w1', 'b1', 'x'),
          outputs: ['a'],
          attributes: kind === 'depthwise' ? { ...attributes, group: 6 } : attributes,
        },
        { opType: 'Relu', inputs: ['a'], outputs: ['r'] },
        { opType, inputs: operands('w2', 'b2', 'r'), outputs: ['y'], attributes },
      ],
    });
  }

  for (const kind of ['Conv', 'depthwise', 'Gemm', 'MatMul'] as const) {
    it(`${kind}: integer kernels agree with the simulation for every kind of grid`, async () => {
      for (const symmetric of [true, false]) {
        for (const granularity of ['per-channel', 'per-tensor'] as const) {
          for (const bits of [8, 4]) {
            const model = twoLayers(kind);
            const shape = kind === 'Conv' ? [1, 3, 8, 8] : kind === 'depthwise' ? [1, 6, 8, 8] : [4, 16];
            const x = normalValues(
              shape.reduce((a, b) => a * b, 1),
              5,
            );
            const layers = findLayers(model);
            const grids = [referenceGrid([...x], 8, false), referenceGrid([0, 30], 8, false)];
            insertQdq(model, layers, {
              layers: new Map(
                layers.map((layer, i) => [
                  layer.name,
                  {
                    weight: quantizeWeight(layer, { bits, granularity, symmetric, range: 'min-max' }),
                    activation: { ...grids[i]!, bits: 8 },
                  },
                ]),
              ),
            });
            const feeds = new Map([['x', floatData(shape, x)]]);
            const simulated = (await runModel(model, feeds, 'simulate')).get('y')!;
            assertClose((await runModel(model, feeds, 'deploy')).get('y'), simulated, 0.01);
          }
        }
      }
    });
  }
});
