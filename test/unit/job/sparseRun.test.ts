import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findLayers, readWeight } from '../../../src/analysis';
import type { Layer } from '../../../src/analysis';
import { checkJob, runJob } from '../../../src/job/jobs';
import { maskModel } from '../../../src/job/sparsity/maskModel';
import { openModel } from '../../../src/onnx';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

/** Largest number of non-zeros in any group of a Conv weight, counted cell by cell along one channel axis. */
function worstGroup(layer: Layer, axis: 0 | 1, group: number): number {
  const values = readWeight(layer);
  const [out, input, ...kernel] = layer.weight.shape as [number, number, ...number[]];
  const positions = kernel.reduce((a, b) => a * b, 1);
  const at = (o: number, i: number, k: number): number => values[(o * input + i) * positions + k]!;
  const [lines, length] = axis === 1 ? [out, input] : [input, out];
  let worst = 0;
  for (let k = 0; k < positions; k++) {
    for (let line = 0; line < lines; line++) {
      for (let start = 0; start < length; start += group) {
        let count = 0;
        for (let j = start; j < Math.min(start + group, length); j++) {
          count += (axis === 1 ? at(line, j, k) : at(j, line, k)) === 0 ? 0 : 1;
        }
        worst = Math.max(worst, count);
      }
    }
  }
  return worst;
}

describe('runs that make weights sparse', function () {
  this.timeout(240_000);
  let workspace: SampleWorkspace;
  const write = (change: (recipe: Record<string, unknown>) => void): void => {
    const recipe = JSON.parse(readFileSync(workspace.recipePath, 'utf8')) as Record<string, unknown>;
    change(recipe);
    writeFileSync(workspace.recipePath, JSON.stringify(recipe));
  };
  beforeEach(() => {
    workspace = new SampleWorkspace(smallJob);
  });
  afterEach(() => workspace.dispose());

  it('keep the pattern through quantisation, and fitted weights beat bare masks', async () => {
    write((recipe) => {
      recipe.sparsity = { pattern: '2:4', mode: 'parallel' };
    });
    const result = await runJob(workspace.recipePath);
    const sparse = result.layers.filter((layer) => layer.sparsity !== undefined);
    assert.equal(sparse.length, 20);
    const layers = new Map(findLayers(openModel(result.outputs.model)).map((layer) => [layer.name, layer]));
    for (const { name, sparsity } of sparse) {
      assert.equal(worstGroup(layers.get(name)!, 1, 4), 2, name);
      assert.ok(sparsity!.error! <= sparsity!.maskError!, name);
      assert.ok(sparsity!.zeros >= 0.5, name);
    }
    assert.ok(sparse.reduce((sum, { sparsity }) => sum + sparsity!.error! / sparsity!.maskError!, 0) / 20 < 0.5);
    assert.equal((await checkJob(workspace.recipePath)).problems.length, 0);
    const lock = readFileSync(result.outputs.lock, 'utf8');
    assert.equal(lock.match(/"pattern": "2:4"/g)?.length, 20);
    // The same again from what was kept: the same bytes.
    const before = readFileSync(result.outputs.model);
    const again = await runJob(workspace.recipePath);
    assert.ok(again.resumedSteps > 0);
    assert.ok(readFileSync(result.outputs.model).equals(before));
    assert.equal(readFileSync(result.outputs.lock, 'utf8'), lock);
    // Another model in its place is noticed.
    maskModel(workspace.path('resnet20.onnx'), result.outputs.model, {
      pattern: { keep: 3, group: 4 },
      transposable: false,
      method: 'exact',
      score: 'magnitude',
      fold: true,
      layers: [],
      overwrite: true,
    });
    const { problems } = await checkJob(workspace.recipePath);
    assert.match(problems.map(({ message }) => message).join('\n'), /does not hold 2:4/);
  });

  it('prune float networks in sequence, transposably, on permuted channels, and restore statistics', async () => {
    write((recipe) => {
      recipe.quantization = null;
      delete recipe.allocation;
      recipe.sparsity = { pattern: '4:8', transposable: true, permute: true };
      recipe.tuning = { batchNorm: true };
    });
    const result = await runJob(workspace.recipePath);
    const layers = new Map(findLayers(openModel(result.outputs.model)).map((layer) => [layer.name, layer]));
    for (const { name, sparsity } of result.layers) {
      if (sparsity !== undefined) {
        assert.ok(worstGroup(layers.get(name)!, 1, 8) <= 4, name);
        assert.ok(worstGroup(layers.get(name)!, 0, 8) <= 4, name);
      }
    }
    assert.deepEqual(
      result.steps.map(({ name }) => name),
      ['pruned', 'statistics tuned'],
    );
    const { float, simulated } = result.accuracy!;
    assert.ok(float - simulated < 0.05, `${float} → ${simulated}`);
  });

  it('let the allocation choose between dense and patterns under one budget', async () => {
    write((recipe) => {
      recipe.sparsity = { pattern: ['dense', '2:4'], mode: 'parallel' };
      recipe.allocation = { budget: { size: 0.085 } };
    });
    const { layers, allocate } = await runJob(workspace.recipePath);
    const sparse = layers.filter(({ pattern }) => pattern !== undefined);
    assert.ok(sparse.length > 0 && sparse.length < 20, String(sparse.length));
    assert.ok(allocate.size <= 0.085);
    // Half of the values, each with two bits for its position.
    for (const { parameters, weightBits, sizeBits } of sparse) {
      assert.equal(sizeBits, Math.min(parameters * weightBits, (parameters * (weightBits + 2)) / 2));
    }
  });
});

describe('maskModel', () => {
  it('never writes over the model or, unasked, over another file', () => {
    const workspace = new SampleWorkspace(smallJob);
    try {
      const options = {
        pattern: { keep: 2, group: 4 },
        transposable: false,
        method: 'exact',
        score: 'magnitude',
        fold: false,
        layers: [],
        overwrite: false,
      } as const;
      const model = workspace.path('resnet20.onnx');
      const out = workspace.path('masked.onnx');
      assert.throws(() => maskModel(model, model, options), { code: 'export/over-input' });
      const result = maskModel(model, out, options);
      assert.ok(existsSync(out) && Math.abs(result.zeros - 0.5) < 0.01);
      assert.throws(() => maskModel(model, out, options), /exist|there/);
      assert.throws(() => maskModel(model, workspace.path('b.onnx'), { ...options, layers: ['fc?'] }), {
        code: 'job/no-maskable-layers',
      });
    } finally {
      workspace.dispose();
    }
  });
});
