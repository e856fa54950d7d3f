import assert from 'node:assert/strict';
import { walkSequential } from '../../../src/job/layerMomentsSequential';
import { dataInputName } from '../../../src/job/layerMomentsSource';
import type { LayerChange } from '../../../src/job/layerMomentsChanges';
import { SCANNED_COLUMNS, sequentialColumns, SequentialFit } from '../../../src/job/sequentialFit';
import type { RecipeQuantization } from '../../../src/job/recipe/recipe';
import { asymmetricGrid, gridRange } from '../../../src/kernels';
import { dequantizeWeight, optimizeLayer, type GridWithRange } from '../../../src/methods';
import { predictedError } from './layerMomentsError';
import { attentionNetwork, factory, residualNetwork } from './layerMomentsNetworks';

const quantization: RecipeQuantization = {
  enabled: true,
  weights: {
    bits: [4],
    granularity: 'per-channel',
    symmetric: true,
    range: 'output-mse',
    percentile: 99.9,
    power: 2.4,
    blockSize: undefined,
  },
  activations: {
    bits: [3],
    range: 'mse',
    symmetric: false,
    granularity: 'per-tensor',
    percentile: 99.99,
    power: 2.4,
    betweenLayers: undefined,
  },
  pairing: 'free',
  smoothQuant: undefined,
  sensitivity: { measure: 'kl', samples: 8, memoryLimit: 1e8 },
  firstAndLast: undefined,
  optimizer: { method: 'gram', mode: 'sequential', iterations: 20 },
};

const BITS = { weightBits: 4, activationBits: 3, pruned: undefined };

describe('layers fitted in sequence with the grids of their inputs', function () {
  this.timeout(60_000);

  for (const [name, network] of [
    ['a residual network', residualNetwork],
    ['an attention block', attentionNetwork],
  ] as const) {
    it(`have less output error than on grids that are too wide, and share grids: ${name}`, async () => {
      const parts = await network();
      // Half as wide again as normal inputs of this size ever are.
      const wide = asymmetricGrid(-6, 6, 3);
      const start: GridWithRange = { ...wide, ...gridRange(wide) };
      const fit = new SequentialFit(quantization, factory);
      const grids = new Map<string, GridWithRange>();
      const gains: number[] = [];
      await walkSequential(
        {
          ...parts,
          inputGrids: new Map(parts.layers.map((layer) => [layer.name, start])),
          samples: parts.dataset.samples,
          memoryLimit: 1e8,
          heldOutEvery: 0,
          sampledColumns: SCANNED_COLUMNS,
          factory,
          signal: undefined,
        },
        async (group) => {
          const changes = new Map<string, LayerChange>();
          for (const visited of group) {
            const { layer, moments } = visited;
            const plain = optimizeLayer(layer, {
              bits: 4,
              granularity: 'per-channel',
              symmetric: true,
              moments: moments!,
            });
            const { found, grid } = await fit.fit(visited, moments!, { ...BITS, grid: start });
            const change = (result: typeof found): LayerChange => ({
              weight: dequantizeWeight(result.weight),
              ...(result.bias === undefined ? {} : { bias: result.bias }),
            });
            const before = predictedError(layer, moments!, change(plain));
            const after = predictedError(layer, (await visited.momentsWith(grid))!, change(found));
            gains.push(after / before);
            const value = dataInputName(layer)!;
            assert.deepEqual(grids.get(value) ?? grid, grid, `${layer.name} reads ${value} through a grid of its own`);
            grids.set(value, grid!);
            changes.set(layer.name, { ...change(found), input: grid! });
          }
          return changes;
        },
      );
      assert.ok(
        gains.every((gain) => gain <= 1.0001),
        gains.join(', '),
      );
      assert.ok(Math.min(...gains) < 0.7, gains.join(', '));
    });
  }

  it('learn one grid for all layers that read a value, with AdaQuant', async () => {
    const parts = await attentionNetwork();
    const wide = asymmetricGrid(-6, 6, 3);
    const start: GridWithRange = { ...wide, ...gridRange(wide) };
    const adaquant: RecipeQuantization = {
      ...quantization,
      optimizer: { method: 'adaquant', mode: 'sequential', iterations: 200 },
    };
    const fit = new SequentialFit(adaquant, factory);
    const grids = new Map<string, GridWithRange>();
    let shared = 0;
    await walkSequential(
      {
        ...parts,
        inputGrids: new Map(parts.layers.map((layer) => [layer.name, start])),
        samples: parts.dataset.samples,
        memoryLimit: 1e8,
        heldOutEvery: 0,
        sampledColumns: sequentialColumns(adaquant, 1e8),
        factory,
        signal: undefined,
      },
      async (group) => {
        const changes = new Map<string, LayerChange>();
        for (const visited of group) {
          const { layer, moments } = visited;
          const { found, grid } = await fit.fit(visited, moments!, { ...BITS, grid: start });
          const value = dataInputName(layer)!;
          const known = grids.get(value);
          if (known !== undefined) {
            assert.deepEqual(grid, known, `${layer.name} reads ${value} through a grid of its own`);
            shared++;
          }
          assert.ok(grid!.scale < start.scale, `${layer.name}: ${grid!.scale} of ${start.scale}`);
          grids.set(value, grid!);
          changes.set(layer.name, {
            weight: dequantizeWeight(found.weight),
            ...(found.bias === undefined ? {} : { bias: found.bias }),
            input: grid!,
          });
        }
        return changes;
      },
    );
    assert.ok(shared > 0);
  });
});
