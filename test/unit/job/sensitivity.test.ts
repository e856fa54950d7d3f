import assert from 'node:assert/strict';
import type { Layer, TensorData } from '../../../src/analysis';
import { analyze } from '../../../src/job/analyze';
import { createRunner } from '../../../src/runtime/createRunner';
import { NetworkLoss } from '../../../src/job/networkLoss';
import { prepareJob } from '../../../src/job/prepare';
import { measureRanges } from '../../../src/job/ranges';
import { openData } from '../../../src/job/analyze';
import { scanSensitivity } from '../../../src/job/sensitivity';
import type { SensitivityTarget, WidthPair } from '../../../src/job/sensitivity';
import { StageTracker } from '../../../src/job/stageTracker';
import { LayerCandidates } from '../../../src/job/layerCandidates';
import { dequantizeWeight, quantizeWeight } from '../../../src/methods';
import { DataType, Tensor } from '../../../src/onnx';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

const SAMPLES = 48;
const quietSteps = { setTotal: () => undefined, advance: () => undefined, resume: () => undefined };

describe('scanSensitivity', () => {
  let workspace: SampleWorkspace;
  before(() => {
    workspace = new SampleWorkspace(smallJob);
  });
  after(() => workspace.dispose());

  async function setUp(names: readonly string[]) {
    const job = await prepareJob(workspace.recipePath, new StageTracker(['open', 'fold'], {}));
    const { calibration } = await openData(job, undefined);
    const layers = job.layers.filter((layer) => names.includes(layer.shortName));
    assert.equal(layers.length, names.length, job.layers.map((layer) => layer.shortName).join(' '));
    const ranges = await measureRanges({
      model: job.model,
      shapes: job.shapes,
      wanted: layers.map((layer) => ({ layer, bits: [4, 8], gram: false })),
      dataset: calibration,
      samples: SAMPLES,
      quantization: job.recipe.quantization,
      factory: job.factory,
      cache: job.cache,
      cacheScope: { test: 'ranges' },
      steps: quietSteps,
      signal: undefined,
    });
    const targets = layers.map((layer): SensitivityTarget => ({
      layer,
      pairs: [
        { weightBits: 2, activationBits: 32 },
        { weightBits: 3, activationBits: 8 },
        { weightBits: 8, activationBits: 4 },
      ],
      grids: ranges.get(layer.name)!.grids,
    }));
    const layerCandidates = new LayerCandidates({
      weights: job.recipe.quantization.weights,
      activations: job.recipe.quantization.activations,
      optimizer: { method: 'rtn', mode: 'parallel', iterations: 1 },
      factory: job.factory,
      cache: job.cache,
      scope: { test: 'candidates' },
    });
    const options = {
      model: job.model,
      shapes: job.shapes,
      targets,
      dataset: calibration,
      samples: SAMPLES,
      loss: new NetworkLoss('kl', false),
      candidateOf: (layer: Layer, pair: WidthPair) => layerCandidates.parametersOf(layer, pair),
      fittedInput: (activationBits: number) => layerCandidates.fittedInput(activationBits),
      factory: job.factory,
      cache: job.cache,
      steps: quietSteps,
      signal: undefined,
    };
    return { job, calibration, targets, ranges, options };
  }

  /** The whole network from its input, the layer's weight replaced and its input sent through ONNX's own Q and DQ. */
  async function lossTheLongWay(
    setup: Awaited<ReturnType<typeof setUp>>,
    target: SensitivityTarget,
    weightBits: number,
    activationBits: number,
  ): Promise<number> {
    const { job, calibration } = setup;
    const model = job.model.clone();
    const node = model.graph.nodes.find((candidate) => candidate.key === target.layer.node.key)!;
    const weight = dequantizeWeight(
      quantizeWeight(target.layer, { ...job.recipe.quantization.weights, bits: weightBits }),
    );
    const name = model.graph.freshName('weight');
    node.setInput(
      target.layer.weight.inputIndex,
      model.graph.addInitializer(Tensor.fromFloat32(name, target.layer.weight.shape, weight)),
    );
    const grid = target.grids.get(activationBits);
    if (grid !== undefined) {
      const { graph } = model;
      const scale = graph.addInitializer(Tensor.fromFloat32('test_scale', [], Float32Array.of(grid.scale)));
      const zero = graph.addInitializer(Tensor.fromIntegers('test_zero', DataType.UINT8, [], [grid.zeroPoint]));
      const limits = [grid.qmin, grid.qmax].map((code, i) =>
        graph.addInitializer(
          Tensor.fromFloat32(`test_limit${i}`, [], Float32Array.of((code - grid.zeroPoint) * grid.scale)),
        ),
      );
      const input = node.inputs[target.layer.dataInputIndex]!;
      const add = (opType: string, inputs: Parameters<typeof graph.addNode>[0]['inputs'], output: string) =>
        graph.addNode({ opType, inputs, outputs: [output] }, { before: node }).outputs[0]!;
      const clipped = add('Clip', [input, limits[0], limits[1]], 'test_clipped');
      const codes = add('QuantizeLinear', [clipped, scale, zero], 'test_codes');
      node.setInput(target.layer.dataInputIndex, add('DequantizeLinear', [codes, scale, zero], 'test_dequantized'));
    }
    const float = await createRunner(job.factory, job.model, { mode: 'plain' });
    const changed = await createRunner(job.factory, model, { mode: 'plain' });
    const feeds = calibration.batch(0, SAMPLES);
    const p = rows(await float.run(feeds));
    const q = rows(await changed.run(feeds));
    await float.release();
    await changed.release();
    let sum = 0;
    p.forEach((row, i) => {
      row.forEach((x, c) => (sum += x * Math.log(x / q[i]![c]!)));
    });
    return sum / p.length;
  }

  it('equals running the whole network with that one layer quantised', async () => {
    const setup = await setUp(['conv1', 'layers.4.conv1', 'fc']);
    const { candidates } = await scanSensitivity({ ...setup.options, memoryLimit: 1e9, cacheScope: { test: 'whole' } });
    for (const target of setup.targets) {
      for (const { weightBits, activationBits, loss } of candidates.get(target.layer.name)!) {
        const expected = await lossTheLongWay(setup, target, weightBits, activationBits);
        const where = `${target.layer.shortName} at ${weightBits}/${activationBits}: ${loss} against ${expected}`;
        assert.ok(expected > 0 && Math.abs(loss - expected) <= 1e-6 + 2e-3 * expected, where);
      }
    }
  });

  it('gives the same in several turns under a small memory limit, and keeps to it', async () => {
    const { options } = await setUp(['layers.0.conv2', 'layers.7.conv1']);
    const whole = await scanSensitivity({ ...options, memoryLimit: 1e9, cacheScope: { test: 'one turn' } });
    // One turn holds the two cuts of 48 samples; a limit just below that makes several out of smaller batches.
    const limit = 16 * 16 * 28 * 28 * 4 * 4;
    const turns = await scanSensitivity({ ...options, memoryLimit: limit, cacheScope: { test: 'turns' } });
    assert.ok(turns.samplesPerTurn < SAMPLES && turns.peakBytes <= limit, JSON.stringify(turns));
    for (const [layer, candidates] of whole.candidates) {
      candidates.forEach((candidate, i) => {
        const other = turns.candidates.get(layer)![i]!;
        assert.ok(Math.abs(candidate.loss - other.loss) < 1e-6 + 1e-4 * candidate.loss);
      });
    }
  });

  it('goes on from the cache after a cancelled scan, with the same figures', async () => {
    const { options } = await setUp(['conv1', 'layers.4.conv1', 'fc']);
    const straight = await scanSensitivity({ ...options, memoryLimit: 1e9, cacheScope: { test: 'straight' } });
    const controller = new AbortController();
    await assert.rejects(
      scanSensitivity({
        ...options,
        memoryLimit: 1e9,
        cacheScope: { test: 'resumed' },
        signal: controller.signal,
        steps: { ...quietSteps, advance: () => controller.abort() },
      }),
    );
    let resumed = 0;
    const second = await scanSensitivity({
      ...options,
      memoryLimit: 1e9,
      cacheScope: { test: 'resumed' },
      steps: { ...quietSteps, resume: (_, steps = 1) => (resumed += steps) },
    });
    assert.equal(resumed, 3);
    assert.deepEqual(second.candidates, straight.candidates);
  });

  it('does the same through analyze, which stores what it measured', async () => {
    const stages = ['open', 'fold', 'baseline', 'prune', 'ranges', 'optimize', 'sensitivity'] as const;
    const first = new StageTracker(stages, {});
    const analysis = await analyze(await prepareJob(workspace.recipePath, first), first);
    const second = new StageTracker(stages, {});
    const again = await analyze(await prepareJob(workspace.recipePath, second), second);
    assert.deepEqual(again.candidates, analysis.candidates);
    assert.equal(first.resumedSteps, 0);
    const layers = analysis.result.layers.length;
    // Every candidate, every range and the baseline come out of the cache.
    const candidates = analysis.result.layers.reduce((sum, layer) => sum + layer.candidates.length, 0);
    assert.equal(second.resumedSteps, candidates + layers + 1);
  });
});

function rows(outputs: ReadonlyMap<string, TensorData>): number[][] {
  const [{ data, dims }] = [...outputs.values()] as [TensorData];
  const classes = dims[1]!;
  return Array.from({ length: dims[0]! }, (_, i) => {
    const row = Array.from(data.slice(i * classes, (i + 1) * classes) as Float32Array);
    const max = Math.max(...row);
    const exponents = row.map((x) => Math.exp(x - max));
    const sum = exponents.reduce((a, b) => a + b);
    return exponents.map((x) => x / sum);
  });
}
