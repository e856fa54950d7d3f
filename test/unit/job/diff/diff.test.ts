import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { LatheError } from '../../../../src/base/errors';
import { compareFiles, diffFiles } from '../../../../src/job/diff/diffFiles';
import { diffLocks } from '../../../../src/job/diff/diffLocks';
import { diffModels } from '../../../../src/job/diff/diffModels';
import { diffReports } from '../../../../src/job/diff/diffReports';
import { layerRows } from '../../../../src/job/diff/layerRows';
import { isSame, renderDiffMarkdown } from '../../../../src/job/diff/renderDiff';
import { formatLock } from '../../../../src/job/lock/formatLock';
import { buildModel, DataType, Tensor, type Model } from '../../../../src/onnx';
import { sampleLock, sampleReport } from '../../../support/sampleReport';

const files = { before: 'a', after: 'b' };

function model(weights: readonly (readonly [name: string, values: readonly number[]])[], opset = 17): Model {
  return buildModel({
    opset,
    inputs: [{ name: 'x0', type: DataType.FLOAT, shape: ['n', 2] }],
    outputs: [{ name: `x${weights.length}`, type: DataType.FLOAT, shape: ['n', 2] }],
    initializers: weights.map(([name, values]) =>
      Tensor.fromFloat32(`${name}.weight`, [2, 2], Float32Array.from(values)),
    ),
    nodes: weights.map(([name], i) => ({
      opType: 'MatMul',
      name,
      inputs: [`x${i}`, `${name}.weight`],
      outputs: [`x${i + 1}`],
    })),
  });
}

describe('diff', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lathe-diff-'));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const put = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('finds a lock’s changed, added and removed layers, and its figures', () => {
    const now = sampleLock();
    now.layers[1]!.weights.bits = 3;
    now.layers[0]!.name = '/conv0/Conv';
    now.totals.size = 0.1;
    const diff = diffLocks(sampleLock(), now);
    assert.deepEqual(
      diff.layers.map(({ name, status }) => [name, status]),
      [
        ['/conv0/Conv', 'added'],
        ['/layer1/conv/Conv', 'changed'],
        ['/conv1/Conv', 'removed'],
      ],
    );
    assert.deepEqual(diff.layers[1]!.fields, [
      { field: 'W', before: '4', after: '3' },
      { field: 'size', before: '48 B', after: '36 B', change: '−12 B' },
    ]);
    // 3,200 bits of float weights: from 12.99 % to 10 % is 12 bytes.
    assert.deepEqual(diff.figures[0], {
      key: 'size',
      label: 'Size, nominal',
      before: '13.0 %',
      after: '10.0 %',
      change: '−12 B',
    });
    assert.equal(diff.figures[1]!.change, '');
  });

  it('finds nothing in equal locks and reports', () => {
    assert.ok(isSame({ ...files, ...diffLocks(sampleLock(), sampleLock()) }));
    assert.ok(isSame({ ...files, ...diffReports(sampleReport(), sampleReport()) }));
  });

  it('gives the change of a report’s accuracy in points', () => {
    const now = sampleReport();
    now.accuracy!.deployed = 0.9095;
    const changed = diffReports(sampleReport(), now).figures.filter(({ change }) => change !== '');
    assert.deepEqual(changed, [
      {
        key: 'accuracy.deployed',
        label: 'Top-1, deployed',
        before: '91.95 %',
        after: '90.95 %',
        change: '−1.00 points',
        limit: '91.17 %',
        kept: false,
      },
    ]);
  });

  it('holds accuracies to the limit of the second report, in Markdown too', () => {
    const found = diffReports(sampleReport(), sampleReport());
    const limits = found.figures.map(({ key, limit, kept }) => [key, limit, kept]);
    assert.deepEqual(
      limits.filter(([, limit]) => limit !== undefined),
      [
        ['accuracy.simulated', '91.17 %', true],
        ['accuracy.deployed', '91.17 %', true],
      ],
    );
    const now = sampleReport();
    now.accuracy!.simulated = 0.9;
    const text = renderDiffMarkdown({ ...files, ...diffReports(sampleReport(), now) });
    assert.match(text, /Top-1, simulated \| +91\.98 % \| +90\.00 % \| +−1\.98 points \| +91\.17 %, broken/);
  });

  it('says what can have moved a layer: its own reason, or what the allocations were given', () => {
    const now = sampleLock();
    now.layers[0]!.weights.bits = 4;
    now.layers[1]!.weights.bits = 3;
    now.objective.budget.size = 0.1;
    now.recipe.allocation = '1'.repeat(64);
    now.recipe.layers = '2'.repeat(64);
    assert.deepEqual(
      diffLocks(sampleLock(), now).layers.map(({ why }) => why),
      ['first or last layer: 8 bits', 'budget, overrides'],
    );
  });

  it('lists layers that did not change after those that did, with all their fields', () => {
    const now = sampleLock();
    now.layers[1]!.weights.bits = 3;
    now.layers[1]!.loss = 0.05;
    now.layers[1]!.sparsity = { pattern: '2:4', transposable: true };
    const a = put('a.lathe.lock.json', formatLock(sampleLock()));
    const compared = compareFiles(
      { path: join(folder, 'gone.lathe.lock.json'), name: 'HEAD:a.lathe.lock.json', text: formatLock(sampleLock()) },
      { path: put('b.lathe.lock.json', formatLock(now)) },
    );
    assert.equal(compared.diff.before, 'HEAD:a.lathe.lock.json');
    assert.deepEqual(compared.diff.layers, diffFiles(a, join(folder, 'b.lathe.lock.json')).layers);
    const [changed, same] = layerRows(compared);
    assert.deepEqual(changed!.changes, { size: '−12 B', loss: '+0.0054' });
    assert.deepEqual([changed!.before!.A, changed!.after!.A, changed!.after!.sparsity], ['8', '8', '2:4 transposable']);
    assert.equal(changed!.before!.sparsity, undefined);
    assert.equal(same!.status, 'same');
    assert.equal(same!.name, '/conv1/Conv');
    assert.equal(same!.after!.why, 'first or last layer: 8 bits');
  });

  it('names the revision in what is wrong with it', () => {
    const path = put('r.lathe.lock.json', formatLock(sampleLock()));
    assert.throws(() => compareFiles({ path, name: 'HEAD:r.lathe.lock.json', text: '{' }, { path }), /HEAD:r\.lathe/);
  });

  it('sees sparsity and tuning of recipes', () => {
    const plain = put('dense.lathe.json', '{"model":"m.onnx"}');
    const sparse = put(
      'sparse.lathe.json',
      '{"model":"m.onnx","sparsity":{"pattern":"2:4"},"tuning":{"bias":true},"layers":{"a":{"sparsity":null}}}',
    );
    const diff = diffFiles(plain, sparse);
    const found = Object.fromEntries(diff.fields.map(({ field, before, after }) => [field, [before, after]]));
    assert.deepEqual(found['sparsity.patterns'], ['[]', '["2:4"]']);
    assert.equal(found['tuning.bias']![1], 'true');
    assert.deepEqual(diff.layers[0]!.fields, [{ field: 'sparsity', before: undefined, after: 'dense' }]);
  });

  it('compares recipes by meaning', () => {
    const plain = put('plain.lathe.json', '{"model":"m.onnx"}');
    const spelled = put(
      'spelled.lathe.json',
      '{"seed":1,"allocation":{"budget":{"size":0.15}},"quantization":{"weights":{"bits":[8,4,3,2]}},"model":"m.onnx"}',
    );
    assert.ok(isSame(diffFiles(plain, spelled)));
    const other = put(
      'other.lathe.json',
      '{"model":"m.onnx","layers":{"a":{"weights":4}},"limits":{"accuracyDrop":0.01}}',
    );
    const diff = diffFiles(plain, other);
    assert.deepEqual(diff.fields, [{ field: 'limits.accuracyDrop', before: undefined, after: '0.01' }]);
    assert.deepEqual(diff.layers, [
      { name: 'a', status: 'added', fields: [{ field: 'weights', before: undefined, after: '4' }] },
    ]);
  });

  it('compares models: structure, and layers by name with their zeros', () => {
    const old = model([
      ['a', [1, 2, 3, 4]],
      ['b', [1, 2, 3, 4]],
    ]);
    const diff = diffModels(
      { path: join(folder, 'old.onnx'), model: old },
      {
        path: join(folder, 'new.onnx'),
        model: model(
          [
            ['a', [1, 0, 0, 4]],
            ['b', [1, 2, 3, 4]],
            ['c', [1, 2, 3, 4]],
          ],
          18,
        ),
      },
    );
    assert.deepEqual(
      diff.layers.map(({ name, status, fields }) => [name, status, status === 'changed' ? fields : fields.length > 0]),
      [
        [
          'a',
          'changed',
          [
            { field: 'zeros', before: '0.0 %', after: '50.0 %' },
            { field: 'N:M', before: undefined, after: '1:2' },
          ],
        ],
        ['c', 'added', true],
      ],
    );
    assert.equal(diff.unchangedLayers, 1);
    assert.deepEqual(
      diff.fields.filter(({ field }) => /opset|MatMul/.test(field)),
      [
        { field: 'opset ai.onnx', before: '17', after: '18' },
        { field: 'MatMul nodes', before: '2', after: '3' },
      ],
    );
  });

  it('tells kinds by content, and refuses what cannot be compared', () => {
    const lock = put('anything.txt', formatLock(sampleLock()));
    assert.equal(diffFiles(lock, lock).kind, 'lock');
    const recipe = put('r.lathe.json', '{"model":"m.onnx"}');
    const cases: [string, string, string][] = [
      [lock, recipe, 'diff/kinds'],
      [put('x.json', '[1]'), recipe, 'diff/unknown-kind'],
      [put('broken.lathe.lock.json', '{'), lock, 'lock/damaged'],
      [put('bad.lathe.json', '{"model":3}'), recipe, 'recipe/invalid'],
      [join(folder, 'none.json'), recipe, 'diff/read'],
      [join(folder, 'none.onnx'), join(folder, 'none.onnx'), 'onnx/read'],
    ];
    for (const [a, b, code] of cases) {
      assert.throws(
        () => diffFiles(a, b),
        (error) => LatheError.is(error, code),
        code,
      );
    }
  });

  it('gives Markdown whose tables hold whatever a layer is called', () => {
    const now = sampleLock();
    now.layers[0]!.name = 'a|b`c\n<b>@all';
    now.layers[0]!.reason = '| <script>';
    const text = renderDiffMarkdown({ ...files, ...diffLocks(sampleLock(), now) });
    let columns = 0;
    for (const line of text.split('\n')) {
      const cells = line.startsWith('| ') ? line.replace(/\\\|/g, '').split('|').length : 0;
      assert.ok(columns === 0 || cells === 0 || cells === columns, line);
      columns = cells;
    }
    assert.ok(!/(?<!\\)<(?:b|script)>/.test(text.replace(/(`+).*?\1/g, '')));
  });
});
