import assert from 'node:assert/strict';
import { findLayers, inferShapes } from '../../../src/analysis';
import type { TensorData } from '../../../src/analysis';
import { lineSearch, searchInputGrids } from '../../../src/job/inputGridSearch';
import type { Dataset } from '../../../src/job/data/dataset';
import { NetworkLoss, addLoss, EMPTY_LOSS, meanLoss } from '../../../src/job/networkLoss';
import { gridRange } from '../../../src/kernels';
import {
  activationGrid,
  dequantizeWeight,
  insertQdq,
  quantizeWeight,
  roundedBias,
  setLayerWeight,
  type GridWithRange,
  type QuantizedWeight,
} from '../../../src/methods';
import { buildModel, DataType, type Model } from '../../../src/onnx';
import { createRunner } from '../../../src/runtime/createRunner';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';
import { FLOAT, wave, waveTensor } from '../../support/modelWorkspace';

type Grid = GridWithRange & { readonly bits: number };

const SAMPLES = 48;
const BITS = 3;

/** A signed input, and inputs behind a Relu and a Tanh; the layer in the middle has a bias and a narrow weight. */
function network(): Model {
  return buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: FLOAT, shape: ['n', 8] }],
    outputs: [{ name: 'y', type: FLOAT, shape: ['n', 5] }],
    initializers: [
      waveTensor('w1', [8, 16]),
      waveTensor('w2', [16, 12]),
      waveTensor('bias', [12]),
      waveTensor('w3', [12, 5]),
    ],
    nodes: [
      { opType: 'MatMul', name: 'one', inputs: ['x', 'w1'], outputs: ['a'] },
      { opType: 'Relu', name: 'relu', inputs: ['a'], outputs: ['b'] },
      { opType: 'Gemm', name: 'two', inputs: ['b', 'w2', 'bias'], outputs: ['c'] },
      { opType: 'Tanh', name: 'tanh', inputs: ['c'], outputs: ['d'] },
      { opType: 'MatMul', name: 'three', inputs: ['d', 'w3'], outputs: ['y'] },
    ],
  });
}

/** Heavy tails: the cube of a wave. */
const inputs = wave(SAMPLES * 8).map((x) => 3 * x ** 3);
const dataset: Dataset = {
  samples: SAMPLES,
  fixedBatch: undefined,
  hasLabels: false,
  hash: '',
  batch: (start, count) =>
    new Map<string, TensorData>([
      ['x', { type: DataType.FLOAT, dims: [count, 8], data: inputs.slice(start * 8, (start + count) * 8) }],
    ]),
  labels: () => undefined,
  close: () => undefined,
};

const factory = createOnnxRuntime();
const loss = new NetworkLoss('kl', false);

function narrowWeight(model: Model): QuantizedWeight {
  const layer = findLayers(model).find(({ name }) => name === 'two')!;
  return quantizeWeight(layer, { bits: 5, granularity: 'per-channel', symmetric: true, range: 'mse' });
}

/** Loss of the network as it would be exported, run by ONNX Runtime on QuantizeLinear and DequantizeLinear. */
async function lossOf(grids: ReadonlyMap<string, Grid>): Promise<number> {
  const model = network();
  insertQdq(model, findLayers(model), {
    layers: new Map(
      [...grids].map(([name, activation]) => [
        name,
        { weight: name === 'two' ? narrowWeight(model) : undefined, activation },
      ]),
    ),
  });
  const runners = [await createRunner(factory, network()), await createRunner(factory, model)];
  try {
    const feeds = dataset.batch(0, SAMPLES);
    return meanLoss(
      addLoss(EMPTY_LOSS, loss.measureBatch(await runners[0]!.run(feeds), await runners[1]!.run(feeds), undefined)),
    );
  } finally {
    for (const runner of runners) {
      await runner.release();
    }
  }
}

function gridOf(lo: number, hi: number, symmetric: boolean): Grid {
  const grid = activationGrid(lo, hi, BITS, symmetric);
  return { ...grid, ...gridRange(grid), bits: BITS };
}

/** Extremes of the three inputs. */
async function extremes(symmetric: boolean): Promise<Map<string, Grid>> {
  const model = network();
  for (const name of ['b', 'd']) {
    model.graph.addOutput(model.graph.value(name)!);
  }
  const runner = await createRunner(factory, model);
  const values = await runner.run(dataset.batch(0, SAMPLES));
  await runner.release();
  const range = (data: ArrayLike<number>): Grid =>
    gridOf(Math.min(0, ...Array.from(data)), Math.max(0, ...Array.from(data)), symmetric);
  return new Map([
    ['one', range(inputs)],
    ['two', range(values.get('b')!.data as Float32Array)],
    ['three', range(values.get('d')!.data as Float32Array)],
  ]);
}

async function search(grids: ReadonlyMap<string, Grid>, symmetric: boolean, searched = new Set(grids.keys())) {
  const model = network();
  const weight = narrowWeight(model);
  setLayerWeight(
    findLayers(model).find(({ name }) => name === 'two')!,
    dequantizeWeight(weight),
  );
  const layers = findLayers(model);
  const two = layers.find(({ name }) => name === 'two')!;
  return searchInputGrids({
    model,
    layers,
    shapes: await inferShapes(model, factory),
    grids,
    searched,
    symmetric,
    biasAt: (name, scale) => {
      assert.equal(name, 'two');
      return roundedBias(two, two.bias!.tensor.toFloat32(), scale, weight);
    },
    reference: network(),
    loss,
    dataset,
    samples: SAMPLES,
    memoryLimit: 1e9,
    factory,
    advance: () => undefined,
    log: (line) => assert.fail(line),
    signal: undefined,
  });
}

describe('searchInputGrids', () => {
  for (const symmetric of [false, true]) {
    it(`predicts the loss of the exported network and lowers it, ${symmetric ? '' : 'a'}symmetric`, async () => {
      const grids = await extremes(symmetric);
      const result = await search(grids, symmetric);
      const [before, after] = [await lossOf(grids), await lossOf(new Map([...grids, ...result.grids]))];
      assert.ok(Math.abs(result.loss.before / before - 1) < 1e-4, `${result.loss.before} for ${before}`);
      assert.ok(Math.abs(result.loss.after / after - 1) < 1e-4, `${result.loss.after} for ${after}`);
      assert.ok(after < 0.7 * before, `${before} to ${after}`);
      assert.equal(result.samples, SAMPLES);
    });
  }

  it('comes near the best of all pairs of thresholds of two inputs', async () => {
    const grids = await extremes(true);
    const searched = new Set(['one', 'three']);
    const result = await search(grids, true, searched);
    assert.ok([...result.grids.keys()].every((name) => searched.has(name)));
    let best = Infinity;
    const shrunk = (name: string, part: number): Grid => {
      const { lo, hi } = grids.get(name)!;
      return gridOf(lo * part, hi * part, true);
    };
    for (let i = 20; i <= 100; i += 8) {
      for (let j = 20; j <= 100; j += 8) {
        const tried = new Map([
          ...grids,
          ['one', shrunk('one', i / 100)],
          ['three', shrunk('three', j / 100)],
        ] as const);
        best = Math.min(best, await lossOf(tried));
      }
    }
    assert.ok(result.loss.after < 1.1 * best, `${result.loss.after}, best of all ${best}`);
  });
});

describe('lineSearch', () => {
  it('finds the vertex of a parabola on either side, and never answers with more than it began with', async () => {
    for (const vertex of [-0.31, -0.02, 0, 0.04, 0.22]) {
      const f = (t: number): Promise<number> => Promise.resolve(1 + (t - vertex) ** 2);
      const found = await lineSearch(f, 0.1, await f(0));
      assert.ok(Math.abs(found.at - vertex) <= 0.0101, `${found.at} for ${vertex}`);
      assert.equal(found.loss, await f(found.at));
    }
    const hill = await lineSearch((t) => Promise.resolve(2 - t * t + 10 * t * t), 0.1, 2);
    assert.deepEqual(hill, { at: 0, loss: 2 });
    const noise = await lineSearch((t) => Promise.resolve(3 + Math.abs(Math.sin(1e4 * t))), 0.1, 3);
    assert.deepEqual(noise, { at: 0, loss: 3 });
  });
});
