import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { LatheError } from '../../../src/base/errors';
import { AllocationSession } from '../../../src/job/allocationSession';
import { allocateJob, analyzeJob, checkJob, runJob } from '../../../src/job/jobs';
import { SampleWorkspace, smallJob } from '../../support/sampleWorkspace';

describe('allocation over a measured model', function () {
  this.timeout(120_000);
  let workspace: SampleWorkspace;
  before(async () => {
    workspace = new SampleWorkspace(smallJob);
    await analyzeJob(workspace.recipePath);
  });
  after(() => workspace.dispose());

  it('gives the best of all policies, counted through', async () => {
    const session = AllocationSession.open(workspace.recipePath);
    const model = session.model();
    const free = model.units.filter((unit) => unit.choices.length > 1);
    const fixed = model.units.filter((unit) => unit.choices.length === 1).map((unit) => unit.choices[0]!);
    // All policies over 20 free layers of two widths each; one entry per policy, so 2^20 of them.
    const budget = 0.115 * model.totals.floatBits;
    let best = Infinity;
    const base = fixed.reduce((sum, choice) => sum + choice.sizeBits, 0);
    const baseLoss = fixed.reduce((sum, choice) => sum + choice.loss, 0);
    const walk = (index: number, size: number, loss: number): void => {
      if (size > budget || loss >= best) {
        return;
      }
      if (index === free.length) {
        best = loss;
        return;
      }
      for (const choice of free[index]!.choices) {
        walk(index + 1, size + choice.sizeBits, loss + choice.loss);
      }
    };
    walk(0, base, baseLoss);
    const result = await allocateJob(workspace.recipePath, { size: 0.115 });
    assert.ok(result.solution.proven);
    assert.ok(Math.abs(result.solution.loss - best) <= 1e-12 + 1e-9 * best, `${result.solution.loss} against ${best}`);
    assert.ok(result.size <= 0.115);
    assert.equal(
      result.layers.reduce((sum, layer) => sum + layer.parameters * layer.weightBits, 0),
      result.solution.sizeBits,
    );
  });

  it('keeps first and last at 8 bits and says so', async () => {
    const { layers } = await allocateJob(workspace.recipePath);
    const edges = [layers[0]!, layers.at(-1)!];
    assert.deepEqual(
      edges.map(({ weightBits, activationBits, reason }) => [weightBits, activationBits, reason]),
      Array(2).fill([8, 8, 'first or last layer: 8 bits']),
    );
  });

  it('explains a budget that cannot be met by its smallest feasible size', async () => {
    const error = await allocateJob(workspace.recipePath, { size: 0.05 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(LatheError.is(error, 'allocate/infeasible'), String(error));
    const { smallest } = error.details as { smallest: { sizeBits: number } };
    const model = AllocationSession.open(workspace.recipePath).model();
    const expected = model.units.reduce(
      (sum, unit) => sum + Math.min(...unit.choices.map((choice) => choice.sizeBits)),
      0,
    );
    assert.equal(smallest.sizeBits, expected);
    const fraction = Number(/the smallest budget is "size": (\d+\.\d+)/.exec(error.message)?.[1]);
    const exact = expected / model.totals.floatBits;
    assert.ok(fraction >= exact && fraction < exact + 2e-4, error.message);
    assert.ok((await allocateJob(workspace.recipePath, { size: expected / model.totals.floatBits })).size < 0.12);
  });

  it('says what keeping a layer float costs a budget that cannot be met', async () => {
    const session = AllocationSession.open(workspace.recipePath);
    const layer = session.model().layers.find(({ parameters }) => parameters === 36_864)!;
    const budget = { size: 0.13, bops: undefined, loss: undefined };
    const error = await session.preview(budget, [{ layer: layer.name, weightBits: 32 }], 'exact').then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(LatheError.is(error, 'allocate/infeasible'), String(error));
    const [size] = error.details.budgets as { what: string; pins: { unit: string; pin: string; saves: number }[] }[];
    const least = Math.min(...session.recipe.quantization.weights.bits);
    assert.deepEqual(size!.pins[0], { unit: layer.name, pin: 'excluded', saves: 36_864 * (32 - least) });
  });

  it('minimises size under a loss bound', async () => {
    const atSize = await allocateJob(workspace.recipePath, { size: 0.115 });
    const atLoss = await allocateJob(workspace.recipePath, { loss: atSize.solution.loss });
    assert.ok(atLoss.solution.sizeBits <= atSize.solution.sizeBits);
    assert.ok(atLoss.solution.loss <= atSize.solution.loss + 1e-12);
  });

  it('previews at once on the hull, never better than the exact answer, and keeps pins', async () => {
    const session = AllocationSession.open(workspace.recipePath);
    const budget = { size: 0.115, bops: undefined, loss: undefined };
    const hull = await session.preview(budget, [], 'hull');
    const exact = await session.preview(budget, [], 'exact');
    assert.ok(hull.size <= 0.115 && exact.size <= 0.115);
    assert.ok(exact.loss <= hull.loss && exact.proven);
    const layer = exact.layers[5]!;
    const other = layer.weightBits === 3 ? 4 : 3;
    const pinned = await session.preview(budget, [{ layer: layer.name, weightBits: other }], 'exact');
    const after = pinned.layers[5]!;
    assert.deepEqual([after.weightBits, after.pinned, after.reason], [other, true, 'pinned by hand']);
    assert.ok(pinned.loss >= exact.loss);
  });

  it('writes the same lock from allocate as from run, and check sees what makes it stale', async () => {
    await allocateJob(workspace.recipePath);
    const lockPath = workspace.path('resnet20.lathe.lock.json');
    const allocated = readFileSync(lockPath, 'utf8');
    await runJob(workspace.recipePath);
    assert.equal(readFileSync(lockPath, 'utf8'), allocated);
    assert.deepEqual(await checkJob(workspace.recipePath), {
      recipePath: workspace.recipePath,
      current: true,
      problems: [],
    });

    const recipe = readFileSync(workspace.recipePath, 'utf8');
    writeFileSync(workspace.recipePath, recipe.replace('"size": 0.12', '"size": 0.118'));
    const stale = await checkJob(workspace.recipePath);
    assert.equal(stale.current, false);
    assert.match(stale.problems.map(({ message }) => message).join('\n'), /budget size 0\.12 → 0\.118/);
    writeFileSync(workspace.recipePath, recipe);
  });
});
