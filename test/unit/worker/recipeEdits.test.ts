import { strict as assert } from 'node:assert';
import { parse } from 'jsonc-parser';
import type { Budget, Pin } from '../../../src/protocol/webviewProtocol';
import { recipeEdits } from '../../../src/worker/recipeEdits';

const recipe = `{
  // what we compress
  "model": "model.onnx",
  "quantization": { "weights": { "bits": [2, 4, 8] } },
  "allocation": { "minimize": "loss", "budget": { "size": 0.13 } }, // agreed on Monday
  "layers": {
    "/block/*": { "weights": 4 },
    "/head/Gemm": { "weights": 8, "activations": 8 }
  },
  "seed": 1
}
`;

function applied(text: string, pins: readonly Pin[], budget?: Budget): { text: string; changed: number } {
  const { edits, changed } = recipeEdits(text, '/w/model.lathe.json', pins, budget);
  let result = text;
  for (const edit of [...edits].reverse()) {
    result = result.slice(0, edit.offset) + edit.text + result.slice(edit.offset + edit.length);
  }
  return { text: result, changed };
}

const layersOf = (text: string) => (parse(text) as { layers: Record<string, unknown> }).layers;

describe('recipeEdits', () => {
  it('changes nothing without pins or budget', () => {
    assert.deepEqual(recipeEdits(recipe, '/w/model.lathe.json', [], undefined), { edits: [], changed: 0 });
  });

  it('writes a budget and keeps comments and layout', () => {
    const { text, changed } = applied(recipe, [], { size: 0.2 });
    assert.equal(text, recipe.replace('0.13', '0.2'));
    assert.equal(changed, 1);
  });

  it('adds a pin behind every glob, on one line', () => {
    const { text } = applied(recipe, [{ layer: '/block/conv', weightBits: 8 }]);
    assert.deepEqual(Object.keys(layersOf(text)), ['/block/*', '/head/Gemm', '/block/conv']);
    assert.match(text, /"\/block\/conv": \{ "weights": 8 \}/);
    assert.match(text, /\/\/ what we compress/);
    assert.match(text, /\/\/ agreed on Monday/);
  });

  it('changes the side that is pinned and keeps the other', () => {
    const { text } = applied(recipe, [{ layer: '/head/Gemm', weightBits: null }]);
    assert.deepEqual(layersOf(text)['/head/Gemm'], { weights: null, activations: 8 });
  });

  it('leaves a pin alone that says what is written already', () => {
    assert.equal(applied(recipe, [{ layer: '/head/Gemm', weightBits: 8 }]).changed, 0);
  });

  it('takes an entry out when nothing is left to say', () => {
    const { text } = applied(recipe, [{ layer: '/head/Gemm', weightBits: 'free', activationBits: 'free' }]);
    assert.deepEqual(Object.keys(layersOf(text)), ['/block/*']);
  });

  it('frees a layer that a glob pins by allowing all widths', () => {
    const { text } = applied(recipe, [{ layer: '/block/conv', weightBits: 'free' }]);
    assert.deepEqual(layersOf(text)['/block/conv'], { weights: [2, 4, 8] });
  });

  it('makes the section when the recipe has none, with its own indentation', () => {
    const { text } = applied('{\n\t"model": "model.onnx"\n}\n', [{ layer: 'a', activationBits: 4 }]);
    assert.deepEqual(layersOf(text), { a: { activations: 4 } });
    assert.match(text, /\n\t"layers": \{\n\t\t"a"/);
  });

  it('keeps line ends of the file', () => {
    const { text } = applied(recipe.replaceAll('\n', '\r\n'), [{ layer: '/new', weightBits: 4 }], { bops: 0.5 });
    assert.equal(text.replaceAll('\r\n', '').includes('\n'), false);
  });

  it('writes names that need escaping', () => {
    const layer = 'a "quoted"\\name\n';
    assert.deepEqual(layersOf(applied(recipe, [{ layer, weightBits: 2 }]).text)[layer], { weights: 2 });
  });
});
