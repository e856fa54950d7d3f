import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { initialRecipe } from '../../../../src/job/recipe/initialRecipe';
import { parseRecipe } from '../../../../src/job/recipe/parseRecipe';

describe('initialRecipe', () => {
  it('is plain JSON that parses without a complaint', () => {
    const variants = [
      {},
      { data: { path: '/models/data/c.npz', input: 'x', labels: 'y', isBytes: true } },
      { data: { path: '/elsewhere/images', hasLabels: true, isBytes: true } },
      { data: { path: '/models/c.npz', input: 'input' }, schema: '/models/schemas/lathe.recipe.schema.json' },
    ];
    for (const variant of variants) {
      const text = initialRecipe('/models/net.onnx', { folder: '/models', inputs: ['input'], ...variant });
      assert.ok(JSON.parse(text));
      assert.deepEqual(parseRecipe(text, '/models/net.lathe.json').diagnostics, []);
    }
  });

  it('maps the input, names the labels and scales bytes', () => {
    const { recipe } = parseRecipe(
      initialRecipe('/models/net.onnx', {
        folder: '/models',
        inputs: ['input'],
        data: { path: '/models/data/c.npz', input: 'x', labels: 'y', isBytes: true },
      }),
      '/models/net.lathe.json',
    );
    assert.equal(recipe?.data.evaluation?.source, 'data/c.npz');
    assert.equal(recipe.data.evaluation.inputs.get('input'), 'x');
    assert.equal(recipe.data.evaluation.labels, 'y');
    assert.equal(recipe.data.preprocess.scale, 1 / 255);
  });
});
