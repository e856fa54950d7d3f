import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { checkRecipeAgainstModel, checkRecipeFiles, type RecipeLayer } from '../../../../src/job/recipe/checkRecipe';
import { matchesGlob, overrideFor } from '../../../../src/job/recipe/layerOverrides';
import { parseRecipe } from '../../../../src/job/recipe/parseRecipe';

const yes = { possible: true } as const;
const layers: RecipeLayer[] = [
  { name: '/conv1/Conv', shortName: 'conv1', quantizeWeights: yes, quantizeActivations: yes },
  { name: '/layer1/conv/Conv', shortName: 'layer1.conv', quantizeWeights: yes, quantizeActivations: yes },
  {
    name: '/lstm/LSTM',
    shortName: 'lstm',
    quantizeWeights: { possible: false, reason: 'recurrent layers have no QDQ form' },
    quantizeActivations: { possible: false, reason: 'recurrent layers have no QDQ form' },
  },
];

function check(overrides: object): { code: string; severity: string; message: string; text: string }[] {
  const text = JSON.stringify({ model: 'a.onnx', layers: overrides });
  const { recipe, positions } = parseRecipe(text, '/m/r.lathe.json');
  assert.ok(recipe);
  return checkRecipeAgainstModel(recipe, layers, positions).map(({ code, severity, message, offset, length }) => ({
    code,
    severity,
    message,
    text: text.slice(offset, offset + length),
  }));
}

describe('checkRecipeAgainstModel', () => {
  it('accepts names, short names and globs that match', () => {
    assert.deepEqual(
      check({ '/conv1/Conv': { weights: 8 }, 'layer1.*': { weights: 4 }, '/*': { activations: 8 } }),
      [],
    );
  });

  it('names the nearest layer for one that is not there', () => {
    const [problem] = check({ '/conv2/Conv': { weights: 8 } });
    assert.equal(problem?.code, 'recipe/unknown-layer');
    assert.equal(problem.text, '"/conv2/Conv"');
    assert.match(problem.message, /nearest is "\/conv1\/Conv"/);
  });

  it('says when a glob matches nothing', () => {
    assert.match(check({ 'blocks.*': { weights: 8 } })[0]!.message, /No layer of the model matches "blocks\.\*"/);
  });

  it('gives the reason for a width on a layer that cannot have one', () => {
    const [problem] = check({ '/lstm/LSTM': { weights: 4 } });
    assert.equal(problem?.severity, 'error');
    assert.equal(problem.text, '4');
    assert.match(problem.message, /recurrent layers have no QDQ form/);
  });

  it('lets a glob span layers of all kinds, and excludes be said of any', () => {
    assert.deepEqual(check({ '*': { weights: 4 }, lstm: { weights: null } }), []);
  });
});

describe('checkRecipeFiles', () => {
  it('points at the field of each missing file', () => {
    const text = '{"model":"gone.onnx","data":{"calibration":{"source":"gone.npz"}}}';
    const { recipe, positions } = parseRecipe(text, '/no/such/folder/r.lathe.json');
    assert.deepEqual(
      checkRecipeFiles(recipe!, positions).map((d) => text.slice(d.offset, d.offset + d.length)),
      ['"gone.onnx"', '"gone.npz"'],
    );
  });
});

describe('layer patterns', () => {
  it('match like a regular expression with .* and . would', () => {
    const names = ['', 'a', 'ab', 'a/b', 'aab', 'abb', 'ba', 'a*b', 'a.b'];
    const patterns = ['', '*', '?', 'a*', '*b', 'a*b', 'a?b', '**', '*a*', '?b', 'a.b', '*?', 'a**b'];
    for (const pattern of patterns) {
      const oracle = new RegExp(
        `^${pattern
          .replace(/[.+^${}()|[\]\\]/g, '\\$&')
          .replace(/\*/g, '[^]*')
          .replace(/\?/g, '[^]')}$`,
      );
      for (const name of names) {
        assert.equal(matchesGlob(pattern, name), oracle.test(name), `${pattern} against ${name}`);
      }
    }
  });

  it('take no exponential time', () => {
    assert.equal(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(5000)), false);
  });

  it('override field by field, the last match winning', () => {
    const { recipe } = parseRecipe(
      '{"model":"a.onnx","layers":{"*":{"weights":4,"activations":8},"/conv1/*":{"weights":null},"none":{"weights":2}}}',
      '/m/r.lathe.json',
    );
    assert.deepEqual(overrideFor(recipe!, layers[0]!), {
      pattern: '/conv1/*',
      weights: null,
      activations: 8,
      sparsity: undefined,
    });
    assert.deepEqual(overrideFor(recipe!, layers[1]!), {
      pattern: '*',
      weights: 4,
      activations: 8,
      sparsity: undefined,
    });
  });
});
