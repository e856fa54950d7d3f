import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { describe, it } from 'mocha';
import { parseRecipe } from '../../../../src/job/recipe/parseRecipe';
import { textPosition } from '../../../../src/job/recipe/textPosition';

const path = '/models/net.lathe.json';

function problems(text: string): string[] {
  return parseRecipe(text, path).diagnostics.map((d) => {
    const { line, column } = textPosition(text, d.offset);
    return `${line}:${column} ${d.code} ${text.slice(d.offset, d.offset + d.length)}`;
  });
}

function messages(recipe: object): string[] {
  return parseRecipe(JSON.stringify(recipe), path).diagnostics.map((d) => d.message);
}

describe('parseRecipe', () => {
  it('fills in every default and resolves paths against the recipe', () => {
    const { recipe } = parseRecipe('{ "model": "net.onnx" }', path);
    assert.ok(recipe);
    assert.equal(recipe.modelPath, '/models/net.onnx');
    assert.equal(recipe.export.absoluteDirectory, '/models/compressed');
    assert.deepEqual(recipe.quantization.weights, {
      bits: [2, 3, 4, 8],
      granularity: 'per-channel',
      symmetric: true,
      range: 'output-mse',
      percentile: 99.9,
      power: 2.4,
      blockSize: undefined,
    });
    assert.deepEqual(recipe.quantization.activations.bits, [8]);
    assert.equal(recipe.quantization.firstAndLast, 8);
    assert.deepEqual(recipe.allocation.budget, { size: 0.15, bops: undefined, loss: undefined });
    assert.equal(recipe.limits.accuracyDrop, undefined);
    assert.equal(recipe.seed, 1);
  });

  it('fills in the same defaults as the published schema states', () => {
    const { recipe } = parseRecipe('{ "model": "net.onnx" }', path);
    const schema = JSON.parse(
      readFileSync(join(__dirname, '../../../../schemas/lathe.recipe.schema.json'), 'utf8'),
    ) as object;
    const filled: Record<string, unknown> = { model: 'net.onnx' };
    new Ajv({ useDefaults: true, strict: false }).compile(schema)(filled);
    // Ajv fills one level per given object, so sections are given empty.
    const sections: Record<string, unknown> = {
      model: 'net.onnx',
      allocation: {},
      export: {},
    };
    new Ajv({ useDefaults: true, strict: false }).compile(schema)(sections);
    // Nor does it fill inside a union with null, so the section is held to its own part of the schema.
    const { properties } = schema as { properties: Record<string, { anyOf: object[] }> };
    const quantization = { weights: {}, activations: {}, sensitivity: {}, optimizer: {} };
    new Ajv({ useDefaults: true, strict: false }).compile(properties['quantization']!.anyOf[0]!)(quantization);
    const { smoothQuant, weights, activations, ...others } = recipe!.quantization;
    const nulls = {
      smoothQuant: smoothQuant ?? null,
      weights: { ...weights, blockSize: weights.blockSize ?? null },
      activations: { ...activations, betweenLayers: activations.betweenLayers ?? null },
    };
    assert.deepEqual({ enabled: true, ...quantization }, { ...others, ...nulls });
    assert.deepEqual(sections['allocation'], { ...recipe!.allocation, budget: { size: 0.15 } });
    assert.equal(filled['seed'], recipe!.seed);
  });

  it('accepts the full example, with comments and trailing commas', () => {
    const text = `{
      // the network
      "model": "resnet20.onnx",
      "data": {
        "calibration": { "source": "calibration.npz", "inputs": { "input": "x" }, "samples": 512 },
        "evaluation": { "source": "evaluation.npz", "inputs": { "input": "x" }, "labels": "y", "metric": "top1" },
        "preprocess": { "scale": 0.00392156862745098, "mean": [0.2860], "std": [0.3530] },
      },
      "quantization": {
        "weights": { "bits": [8, 2, 4, 3], "granularity": "per-channel", "symmetric": true },
        "activations": { "bits": [4, 8, 32], "range": "mse" },
        "optimizer": { "method": "rtn" }, "firstAndLast": null
      },
      "allocation": { "minimize": "loss", "budget": { "size": 0.13 } },
      "sparsity": null, "tuning": { "bias": false, "batchNorm": false, "inputRanges": false, "distillation": false },
      "layers": { "/conv1/*": { "weights": 8, "activations": [4, 8], "sparsity": null }, "fc": { "weights": null } },
      "limits": { "accuracyDrop": 0.01 }, "seed": 7,
    }`;
    const { recipe, diagnostics } = parseRecipe(text, path);
    assert.deepEqual(diagnostics, []);
    assert.ok(recipe);
    assert.deepEqual(recipe.quantization.weights.bits, [2, 3, 4, 8]);
    assert.equal(recipe.quantization.firstAndLast, undefined);
    assert.equal(recipe.data.calibration?.inputs.get('input'), 'x');
    assert.deepEqual(recipe.layers[1], { pattern: 'fc', weights: null, activations: undefined, sparsity: undefined });
  });

  it('reports all problems at once, each at its place', () => {
    const text = `{
  "modle": "net.onnx",
  "quantization": { "weights": { "bits": [1, 4, 9, 2.5, 4] }, "activations": { "bits": [] } },
  "allocation": { "budget": { "size": 0 } },
  "seed": -1
}`;
    assert.deepEqual(problems(text), [
      '1:1 recipe/missing-field {',
      '2:3 recipe/unknown-field "modle"',
      '3:43 recipe/out-of-range 1',
      '3:49 recipe/out-of-range 9',
      '3:52 recipe/out-of-range 2.5',
      '3:57 recipe/conflict 4',
      '3:88 recipe/out-of-range []',
      '4:39 recipe/out-of-range 0',
      '5:11 recipe/out-of-range -1',
    ]);
  });

  it('names the nearest known field, or all of them when none is near', () => {
    assert.match(messages({ model: 'a.onnx', qantization: {} })[0]!, /Did you mean "quantization"\?/);
    assert.match(messages({ model: 'a.onnx', zzzzzzzzzz: 1 })[0]!, /Known fields: model, data, quantization/);
  });

  it('refuses what this version does not do instead of ignoring it', () => {
    const cases: object[] = [{ data: { calibration: { source: 'images.parquet' } } }];
    for (const extra of cases) {
      const { diagnostics, recipe } = parseRecipe(JSON.stringify({ model: 'a.onnx', ...extra }), path);
      assert.equal(recipe, undefined);
      assert.deepEqual(
        diagnostics.map((d) => d.code),
        ['recipe/not-yet'],
        JSON.stringify(extra),
      );
    }
  });

  it('reads patterns, alone, in lists and in layers', () => {
    const read = (extra: object) => parseRecipe(JSON.stringify({ model: 'a.onnx', ...extra }), path).recipe!;
    const choice = { keep: 2, group: 4, transposable: false };
    assert.deepEqual(read({}).sparsity.patterns, []);
    assert.deepEqual(read({ sparsity: null }).sparsity.patterns, []);
    assert.deepEqual(read({ sparsity: {} }).sparsity.patterns, [choice]);
    assert.deepEqual(read({ sparsity: { pattern: 'auto' } }).sparsity.auto, { group: 8, transposable: false });
    const data = { calibration: { source: 'c.npz' } };
    assert.deepEqual(read({ data, sparsity: { pattern: ['dense', '4:8'], transposable: true } }).sparsity.patterns, [
      undefined,
      { keep: 4, group: 8, transposable: true },
    ]);
    const layers = {
      a: { sparsity: '2:4' },
      b: { sparsity: null },
      c: { sparsity: { pattern: '1:4', transposable: true } },
    };
    assert.deepEqual(
      read({ layers }).layers.map((layer) => layer.sparsity),
      [choice, null, { keep: 1, group: 4, transposable: true }],
    );
  });

  it('sets optimiser and tuning by the pipeline, and lets them be given beside it', () => {
    const read = (extra: object) => parseRecipe(JSON.stringify({ model: 'a.onnx', ...extra }), path).recipe!;
    const { quantization, tuning } = read({});
    assert.deepEqual([quantization.optimizer.method, quantization.optimizer.mode], ['gram', 'sequential']);
    assert.deepEqual(tuning, { bias: false, batchNorm: false, inputRanges: false, distillation: false });
    const light = read({ pipeline: 'light' });
    assert.deepEqual(
      [light.quantization.optimizer.method, light.tuning.batchNorm, light.tuning.bias],
      ['rtn', true, false],
    );
    const advanced = read({ pipeline: 'advanced', tuning: { bias: false } });
    assert.deepEqual(
      [advanced.quantization.optimizer.method, advanced.quantization.optimizer.mode, advanced.tuning],
      ['gram', 'parallel', { bias: false, batchNorm: true, inputRanges: false, distillation: false }],
    );
    assert.equal(read({ quantization: null }).quantization.enabled, false);
  });

  it('finds what no single field can be blamed for', () => {
    const cases: [object, RegExp][] = [
      [{ sparsity: { pattern: '4:2' } }, /4:2 keeps everything/],
      [{ sparsity: { pattern: '2:64' } }, /more than 32/],
      [{ sparsity: { pattern: '2-4' } }, /must be a pattern like "2:4", "auto" or a list, not "2-4"/],
      [{ layers: { a: { sparsity: '3:3' } } }, /layers\.a\.sparsity: 3:3/],
      [{ sparsity: { score: 'wanda' } }, /need calibration data/],
      [{ allocation: { budget: { loss: 0.1 } } }, /set minimize to "size"/],
      [{ allocation: { minimize: 'size' } }, /give allocation.budget.loss/],
      [{ allocation: { minimize: 'size', budget: { size: 0.1, loss: 0.1 } } }, /leave out one/],
      [{ allocation: { budget: {} } }, /budget is empty/],
      [{ allocation: { budget: { size: 1.5 } } }, /at most 1, not 1.5/],
      [{ data: { preprocess: { mean: [1, 2], std: [1, 2, 3] } } }, /mean has 2 values and std 3/],
      [{ data: { preprocess: { std: [0] } } }, /above 0, not 0/],
      [{ export: { directory: '.' } }, /folder of the model itself/],
      [{ quantization: { pairing: 'tied', weights: { bits: [2] } } }, /no width in common/],
      [{ quantization: { sensitivity: { measure: 'top1' } } }, /needs calibration data with labels/],
      [{ data: { evaluation: { source: 'e.npz' } } }, /evaluation.labels is missing/],
    ];
    for (const [extra, expected] of cases) {
      assert.match(messages({ model: 'net.onnx', ...extra }).join('\n'), expected);
    }
  });

  it('allows an export folder outside the recipe', () => {
    assert.deepEqual(messages({ model: 'net.onnx', export: { directory: '../elsewhere' } }), []);
  });

  it('names a field that is given twice', () => {
    assert.deepEqual(problems('{"model":"a.onnx","seed":1,"seed":2}'), ['1:28 recipe/duplicate-field "seed"']);
  });

  it('survives texts that are no recipes', () => {
    for (const text of [
      '',
      '   ',
      '[',
      '{',
      '"x"',
      'null',
      '{"model":',
      '[['.repeat(100000),
      '{"model": 3}',
      '\u0000',
    ]) {
      const { recipe, diagnostics } = parseRecipe(text, path);
      assert.equal(recipe, undefined);
      assert.ok(diagnostics.length > 0, JSON.stringify(text.slice(0, 20)));
    }
  });

  it('agrees with a JSON Schema validator on what is right and wrong', () => {
    const schema = JSON.parse(
      readFileSync(join(__dirname, '../../../../schemas/lathe.recipe.schema.json'), 'utf8'),
    ) as object;
    const validate = new Ajv({ strict: false }).compile(schema);
    const fields: [string[], unknown[]][] = [
      [
        ['quantization', 'weights', 'bits'],
        [[2], [8, 4], [], [1], [9], ['4'], 4, [4, 4], [2.5], null],
      ],
      [
        ['quantization', 'activations', 'bits'],
        [[32], [8, 32], [16], [2], [33], [0]],
      ],
      [
        ['quantization', 'firstAndLast'],
        [8, null, 2, 1, 9, '8', 4.5],
      ],
      [
        ['layers', '*', 'activations'],
        [4, 32, null, [4, 32], 16, [16], 'x', []],
      ],
      [
        ['layers', '*', 'weights'],
        [4, 32, null, [4, 8], [32], true],
      ],
      [['seed'], [0, 4294967295, 4294967296, -1, 0.5, '1']],
      [
        ['limits', 'accuracyDrop'],
        [0, 1, 1.1, -0.1, null, '0'],
      ],
      [['tuning'], [null, {}, { bias: false }, { bais: false }, 3]],
    ];
    for (const [names, values] of fields) {
      for (const value of values) {
        const recipe: Record<string, unknown> = { model: 'a.onnx' };
        let at = recipe;
        names.forEach((name, i) => {
          at[name] = i === names.length - 1 ? value : {};
          at = at[name] as Record<string, unknown>;
        });
        const ours = parseRecipe(JSON.stringify(recipe), path).diagnostics;
        assert.equal(
          ours.length === 0,
          validate(recipe),
          `${names.join('.')} = ${JSON.stringify(value)}: ${ours[0]?.message ?? ''}`,
        );
      }
    }
  });
});
