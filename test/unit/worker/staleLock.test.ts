import { strict as assert } from 'node:assert';
import { rmSync, writeFileSync } from 'node:fs';
import { formatLock } from '../../../src/job/lock/formatLock';
import type { StaleReason } from '../../../src/job/lock/lockIsCurrent';
import { parseRecipe } from '../../../src/job/recipe/parseRecipe';
import { lockOutlook, staleInRecipe } from '../../../src/worker/staleLock';
import { sampleLock } from '../../support/sampleReport';
import { SampleWorkspace } from '../../support/sampleWorkspace';

const recipe = `{
  "model": "net.onnx",
  "data": { "calibration": { "source": "c.npz" }, "preprocess": { "scale": 2 } },
  "quantization": { "weights": { "bits": [4, 8] } },
  "allocation": { "budget": { "size": 0.13 } },
  "layers": {},
  "seed": 3
}
`;

describe('stale locks', () => {
  const signal = new AbortController().signal;
  let sample: SampleWorkspace;
  before(() => {
    sample = new SampleWorkspace();
  });
  after(() => sample.dispose());

  const placeOf = (field: StaleReason['field'], what: StaleReason['what'] = 'recipe'): string => {
    const [found] = staleInRecipe(
      [{ what, field, message: 'Why.' }],
      parseRecipe(recipe, '/m/net.lathe.json').positions,
    );
    assert.equal(found!.message, 'The lock is stale: run Allocate or Optimize. Why.');
    return recipe.slice(found!.offset, found!.offset + found!.length);
  };

  it('are shown in the recipe at what made them stale', () => {
    assert.equal(placeOf('objective'), '{ "size": 0.13 }');
    assert.equal(placeOf('quantization'), '"quantization"');
    assert.equal(placeOf('allocation'), '"allocation"');
    assert.equal(placeOf('layers'), '"layers"');
    assert.equal(placeOf('preprocess'), '"preprocess"');
    assert.equal(placeOf('seed'), '3');
    assert.equal(placeOf('calibration', 'data'), '"c.npz"');
    assert.equal(placeOf('model', 'model'), '"net.onnx"');
    // What the recipe does not say is said at the model.
    assert.equal(placeOf('sparsity'), '"net.onnx"');
    assert.equal(placeOf('lathe', 'version'), '"net.onnx"');
  });

  it('are shown in the lock at what it was made from', async () => {
    const text = formatLock({
      ...sampleLock(),
      lathe: '0.0.1',
      objective: { minimize: 'loss', budget: { size: 0.5 } },
    });
    const path = sample.path('resnet20.lathe.lock.json');
    writeFileSync(path, text);
    const found = await lockOutlook(path, text, signal);
    assert.ok(found.every(({ code, severity }) => code === 'lock/stale' && severity === 'warning'));
    const places = found.map(({ offset, length }) => text.slice(offset, offset + length));
    assert.deepEqual(
      new Set(places),
      new Set([
        `"${'a'.repeat(64)}"`,
        `"${'f'.repeat(64)}"`,
        '"objective"',
        `"${sampleLock().recipe.quantization}"`,
        `"${sampleLock().recipe.layers}"`,
        `"${sampleLock().recipe.preprocess}"`,
        '"0.0.1"',
      ]),
    );
  });

  it('say what is damaged, and nothing without a recipe', async () => {
    const path = sample.path('resnet20.lathe.lock.json');
    const [damaged] = await lockOutlook(path, '{ "format": 1', signal);
    assert.deepEqual([damaged!.code, damaged!.severity], ['lock/damaged', 'error']);
    assert.deepEqual(await lockOutlook(sample.path('alone.lathe.lock.json'), formatLock(sampleLock()), signal), []);
    rmSync(sample.path('resnet20.onnx'));
    assert.deepEqual(await lockOutlook(path, formatLock(sampleLock()), signal), []);
  });
});
