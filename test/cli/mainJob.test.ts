import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { acquireRunLock } from '../../src/job/cache/runLock';
import type { FileDiff } from '../../src/job/diff/diffTypes';
import type { ModelComparison } from '../../src/job/diff/models/comparisonSchema';
import { assertSchema, lathe, sample, startLathe, temporaryFolder } from './lathe';

/** The sample with few samples and widths: enough to go every way, in seconds. */
const quick = {
  model: 'resnet20.onnx',
  data: {
    calibration: { source: 'calibration.npz', inputs: { input: 'x' }, samples: 32 },
    evaluation: { source: 'evaluation.npz', inputs: { input: 'x' }, labels: 'y', metric: 'top1', samples: 200 },
    preprocess: { scale: 0.00392156862745098, mean: [0.286], std: [0.353] },
  },
  quantization: {
    weights: { bits: [4, 8] },
    activations: { bits: [8] },
    sensitivity: { samples: 16 },
    optimizer: { method: 'rtn' },
  },
  allocation: { budget: { size: 0.15 } },
  limits: { accuracyDrop: 0.2 },
};

describe('lathe: the main job', () => {
  const folder = temporaryFolder();
  const recipe = join(folder.path, 'quick.lathe.json');
  const write = (changes: object = {}): void =>
    writeFileSync(recipe, JSON.stringify({ ...quick, ...changes }, null, 2));
  const read = (name: string): string => readFileSync(join(folder.path, name), 'utf8');

  before(() => {
    for (const file of ['resnet20.onnx', 'calibration.npz', 'evaluation.npz']) {
      cpSync(join(sample, file), join(folder.path, file));
    }
    write();
  });
  after(() => {
    folder.remove();
  });

  it('runs, and ends with a table and the paths of what it wrote', () => {
    const { code, out, err } = lathe(['run', recipe], { cwd: folder.path });
    assert.equal(code, 0, err);
    assert.match(out, /^Layer +Parameters +W +A +Stored as/);
    assert.match(out, /\nWeights, nominal +1\.08 MB +\d+ KB +\d+\.\d %\n/);
    assert.match(out, /\nTop-1, as deployed +\d\d\.\d\d %/);
    const written = out
      .slice(out.indexOf('Written:\n'))
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
    assert.deepEqual(written, [
      'compressed/quick.onnx',
      'quick.lathe.lock.json',
      'quick.lathe.report.json',
      'quick.lathe.report.md',
      'quick.lathe.report.html',
    ]);
    assert.ok(written.every((path) => existsSync(join(folder.path, path))));
    assertSchema('lock', read('quick.lathe.lock.json'));
    assertSchema('report', read('quick.lathe.report.json'));
    assert.ok(out.split('\n').every((line) => line.length <= 100));
  });

  it('writes its decisions for other tools, and nothing over a file that is there', () => {
    const lock = JSON.parse(read('quick.lathe.lock.json')) as {
      layers: { name: string; weights: { bits: number; container: string }; input: { bits: number; scale: number } }[];
    };
    const written = (format: string): { path: string; value: Record<string, unknown> } => {
      const { path } = assertSchema(
        'export',
        lathe(['export', recipe, '--format', format, '--json'], { cwd: folder.path }).out,
      ) as { path: string };
      return { path, value: JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown> };
    };
    const overrides = written('ort-overrides').value as Record<string, Record<string, unknown>[]>;
    const first = lock.layers[0]!;
    assert.deepEqual(overrides['conv1.weight'], [
      { quant_type: first.weights.container === 'int4' ? 'QInt4' : 'QInt8', symmetric: true, axis: 0 },
    ]);
    assert.deepEqual(overrides.input, [{ quant_type: 'QUInt8', scale: first.input.scale, zero_point: 73 }]);
    // Layers that read one value share its entry.
    assert.ok(Object.keys(overrides).length > lock.layers.length);

    const config = (written('modelopt').value as { quant_cfg: Record<string, unknown> }).quant_cfg;
    assert.deepEqual(config['*'], { enable: false });
    assert.deepEqual(config['conv1.weight_quantizer'], { enable: true, num_bits: first.weights.bits, axis: 0 });
    assert.equal(Object.keys(config).length, 1 + 2 * lock.layers.length);

    const netron = written('netron');
    const { signature, metrics } = netron.value as { signature: string; metrics: { target: string; value: number }[] };
    assert.equal(signature, 'netron:attachment');
    assert.equal(metrics.length, 3 * lock.layers.length);
    assert.deepEqual([metrics[0]!.target, metrics[0]!.value], [first.name, first.weights.bits]);

    const again = lathe(['export', recipe, '--format', 'netron'], { cwd: folder.path });
    assert.equal(again.code, 2);
    assert.match(again.err, /a file that is not there yet, or --force/);
    assert.equal(lathe(['export', recipe, '--format', 'netron', '--force'], { cwd: folder.path }).code, 0);
    assert.match(lathe(['export', recipe, '--format', 'gguf']).err, /ort-overrides, modelopt, netron/);
    for (const suffix of ['ort-overrides', 'modelopt', 'netron']) {
      rmSync(join(folder.path, `quick.${suffix}.json`));
    }
  });

  it('writes the model of the run in float, and says what MatMulNBits lacks', () => {
    const { path, notes } = assertSchema(
      'export',
      lathe(['export', recipe, '--format', 'float', '--json'], { cwd: folder.path }).out,
    ) as { path: string; notes: string[] };
    assert.equal(path, join(folder.path, 'compressed', 'quick.float.onnx'));
    assert.match(notes.join(), /activations are not rounded any more/);
    const inspected = lathe(['inspect', path], { cwd: folder.path }).out;
    assert.match(inspected, /Conv/);
    assert.doesNotMatch(inspected, /QuantizeLinear/);
    rmSync(path);
    const refused = lathe(['export', recipe, '--format', 'matmulnbits'], { cwd: folder.path });
    assert.equal(refused.code, 2);
    assert.match(refused.err, /quantization\.weights\.blockSize/);
    const over = ['export', recipe, '--format', 'float', '--force', '--out'];
    assert.match(
      lathe([...over, 'compressed/quick.onnx'], { cwd: folder.path }).err,
      /belongs to the model it was made from/,
    );
  });

  it('keeps every run with its settings and results: listed, compared, brought back, deleted', () => {
    const list = () =>
      assertSchema('history', lathe(['history', recipe, '--json'], { cwd: folder.path }).out).runs as {
        id: string;
        size: number;
        accuracy: { simulated: number };
        reportPath: string;
      }[];
    write({ allocation: { budget: { size: 0.2 } } });
    assert.equal(lathe(['run', recipe, '--quiet'], { cwd: folder.path }).code, 0);
    const [second, first, ...none] = list();
    assert.equal(none.length, 0);
    assert.ok(first!.size < 0.15 && second!.size > 0.15);
    const report = JSON.parse(read('quick.lathe.report.json')) as { accuracy: { simulated: number } };
    assert.equal(second!.accuracy.simulated, report.accuracy.simulated);
    assert.match(
      lathe(['history', recipe]).out,
      /^Run +Finished \(UTC\) +Size +File +Top-1 +Loss +Took\nquick-\d{8}-\d{6}/,
    );
    const compared = lathe(['diff', first!.reportPath, second!.reportPath]);
    assert.equal(compared.code, 0, compared.err);
    assert.match(compared.out, /layers\.3\/conv1\/Conv +4 → 8/);

    const restored = join(folder.path, 'restored.lathe.json');
    assert.equal(lathe(['history', recipe, '--restore', first!.id, '--out', restored]).code, 0);
    assert.deepEqual(JSON.parse(read('restored.lathe.json')), quick);
    const again = lathe(['history', recipe, '--restore', first!.id, '--out', restored]);
    assert.equal(again.code, 2);
    assert.match(again.err, /not there yet/);
    const unknown = lathe(['history', recipe, '--delete', 'quick-19700101-000000']);
    assert.equal(unknown.code, 2);
    assert.ok(unknown.err.includes(second!.id), unknown.err);
    assert.equal(lathe(['history', recipe, '--delete', second!.id]).code, 0);
    assert.deepEqual(
      list().map(({ id }) => id),
      [first!.id],
    );
    rmSync(restored);
    // The later tests look at the first run.
    write();
    assert.equal(lathe(['run', recipe, '--quiet'], { cwd: folder.path }).code, 0);
  });

  it('takes the measurements over from the earlier run, and writes the same lock', () => {
    const lock = read('quick.lathe.lock.json');
    const second = lathe(['run', recipe, '--json'], { cwd: folder.path });
    assert.equal(second.code, 0, second.err);
    assert.equal(read('quick.lathe.lock.json'), lock);
    assert.ok(Number(assertSchema('report', second.out).resumedSteps) > 0);
    rmSync(join(folder.path, '.lathe'), { recursive: true });
    assert.equal(lathe(['allocate', recipe], { cwd: folder.path }).code, 0);
    assert.equal(read('quick.lathe.lock.json'), lock, 'measured anew, the lock has the same bytes');
  });

  it('analyses, allocates and evaluates as JSON by schema', () => {
    const analyze = assertSchema('analyze', lathe(['analyze', recipe, '--json']).out) as {
      layers: unknown[];
      masks: { name: string; patterns: { keep: number; group: number; diversity: Record<string, number> }[] }[];
    };
    assert.equal(analyze.layers.length, 22);
    // 9 × 64 × 64 weights: C(4, 2) masks for each of 9216 groups, 90 for each of 2304 tiles, (4!·3!) by the product form.
    const { diversity } = analyze.masks
      .find(({ name }) => name === '/layers/layers.8/conv1/Conv')!
      .patterns.find(({ keep, group }) => keep === 2 && group === 4)!;
    assert.ok(Math.abs(diversity.rowWise! - 9216 * Math.log10(6)) < 1e-6);
    assert.ok(Math.abs(diversity.transposable! - 2304 * Math.log10(90)) < 1e-6);
    assert.ok(Math.abs(diversity.productForm! - 2304 * Math.log10(144)) < 1e-6);
    const before = read('quick.lathe.lock.json');
    const allocate = assertSchema('allocate', lathe(['allocate', recipe, '--size', '0.2', '--json']).out);
    assert.ok(Number(allocate.size) <= 0.2 && Number(allocate.size) > 0.15);
    assert.notEqual(read('quick.lathe.lock.json'), before);
    const compressed = join(folder.path, 'compressed/quick.onnx');
    const evaluate = assertSchema('evaluate', lathe(['evaluate', compressed, '--recipe', recipe, '--json']).out);
    const report = JSON.parse(read('quick.lathe.report.json')) as { accuracy: { simulated: number; deployed: number } };
    assert.equal(evaluate.value, report.accuracy.simulated);
    assert.equal(evaluate.deployed, report.accuracy.deployed);
  });

  it('shows analysis and evaluation for people', () => {
    const analyze = lathe(['analyze', recipe]);
    assert.equal(analyze.code, 0, analyze.err);
    assert.match(analyze.out, /Layer +Parameters +W4 +W8 +Input range\nconv1 +144 /);
    assert.match(analyze.out, /Masks of 2:4 by magnitude[^]*\nlayers\.8\.conv1 +0\.0 % .* 7,171 +4,503 +4,973\n/);
    assert.match(
      lathe(['evaluate', join(sample, 'resnet20.onnx'), '--recipe', recipe]).out,
      /Top-1, as deployed +\d\d\.\d\d %/,
    );
  });

  it('checks lock and report: current, stale, outside a limit, missing', () => {
    assert.equal(lathe(['allocate', recipe]).code, 0);
    const current = lathe(['check', recipe, '--json']);
    assert.equal(current.code, 0, current.out);
    assert.deepEqual(assertSchema('check', current.out).problems, []);

    write({ allocation: { budget: { size: 0.14 } } });
    const stale = lathe(['check', recipe], { cwd: folder.path });
    assert.equal(stale.code, 1);
    assert.match(stale.out, /stale: .*budget size 0\.15 → 0\.14/);

    write({ limits: { accuracyDrop: 0 } });
    const report = read('quick.lathe.report.json');
    writeFileSync(
      join(folder.path, 'quick.lathe.report.json'),
      report.replace(/"deployed": [\d.]+/, '"deployed": 0.5'),
    );
    assert.equal(lathe(['check', recipe]).code, 3);
    writeFileSync(join(folder.path, 'quick.lathe.report.json'), report);

    write();
    cpSync(join(folder.path, 'quick.lathe.lock.json'), join(folder.path, 'kept.json'));
    rmSync(join(folder.path, 'quick.lathe.lock.json'));
    assert.equal(lathe(['check', recipe]).code, 1);
    cpSync(join(folder.path, 'kept.json'), join(folder.path, 'quick.lathe.lock.json'));
  });

  it('ends a run outside its limit with exit code 3, with everything written', () => {
    // Two bits everywhere ruin the network, which is what the limit is for.
    write({
      quantization: { ...quick.quantization, weights: { bits: [2] } },
      allocation: { budget: { size: 0.1 } },
      limits: { accuracyDrop: 0.01 },
    });
    const { code, out, err } = lathe(['run', recipe], { cwd: folder.path });
    assert.equal(code, 3, err);
    assert.match(out, /Written:/);
    assert.notEqual(err, '');
    write();
  });

  it('compares locks, reports, recipes and models', () => {
    const other = join(folder.path, 'other.lathe.json');
    writeFileSync(other, JSON.stringify({ ...quick, seed: 1, allocation: { budget: { size: 0.13 } } }));
    const recipes = lathe(['diff', recipe, other], { cwd: folder.path }).out;
    assert.match(recipes, /allocation\.budget\.size +0\.15 +0\.13/);
    assert.ok(!recipes.includes('seed'), 'a default written out is no difference');
    const both = ['diff', 'resnet20.onnx', 'compressed/quick.onnx'];
    const models = assertSchema('diff', lathe([...both, '--json'], { cwd: folder.path }).out) as Pick<
      FileDiff,
      'layers'
    > & { comparison: ModelComparison };
    assert.equal(models.layers.length, 22);
    assert.ok(
      models.layers.every(({ fields }) => fields.some(({ field, before }) => field === 'type' && before === 'float32')),
    );
    const { comparison } = models;
    assert.equal(comparison.before.path, 'resnet20.onnx');
    assert.deepEqual([comparison.before.measured?.role, comparison.after.measured?.role], ['float', 'compressed']);
    assert.equal(comparison.after.measured?.accuracy?.samples, 200);
    assert.ok(comparison.after.measured.latencyMs !== undefined);
    assert.equal(comparison.foldedBatchNorms, 21);
    for (const layer of comparison.layers) {
      assert.ok([2, 8].includes(layer.after!.weightBits!), layer.after!.name);
      assert.equal(layer.after!.inputBits, 8);
      // The run before this test had two bits: far off, and yet nearer than nothing at all.
      assert.ok(layer.difference!.relative! > 0 && layer.difference!.relative! < 1, layer.after!.name);
      assert.ok(layer.outputSqnr !== undefined, layer.after!.name);
    }
    assert.deepEqual(
      comparison.nodes.filter(({ before }) => before !== 'BatchNormalization').map(({ before }) => before),
      ['Identity', 'Identity'],
    );
    const text = lathe(both, { cwd: folder.path }).out;
    assert.match(text, /\nTop-1 +\d\d\.\d\d % +\d\d\.\d\d %/);
    assert.match(text, /\nlayers\.0\.conv1 +float → [28] +float → 8 +9\.22 KB → /);
    assert.match(text, /\nBatchNormalization +21 +0\n/);
    assert.match(lathe([...both, '--format', 'markdown'], { cwd: folder.path }).out, /\| `layers\.0\.conv1` \|/);
    const same = lathe(['diff', recipe, recipe], { cwd: folder.path });
    assert.match(same.out, /No difference in meaning/);
    assert.equal(lathe(['diff', recipe, join(folder.path, 'quick.lathe.lock.json')]).code, 2);
  });

  it('refuses a second run at the same time, naming the first', () => {
    const lock = acquireRunLock(join(folder.path, '.lathe'));
    try {
      const { code, err } = lathe(['run', recipe]);
      assert.equal(code, 1);
      assert.match(err, new RegExp(`job/busy[^]*process ${process.pid}`));
    } finally {
      lock.dispose();
    }
  });

  it('leaves resumable state when it is interrupted', async function () {
    if (process.platform === 'win32') {
      this.skip();
    }
    rmSync(join(folder.path, '.lathe'), { recursive: true, force: true });
    const { child, ended } = startLathe(['analyze', recipe], folder.path);
    const measurements = join(folder.path, '.lathe', 'measurements');
    const isMeasuring = (): boolean => existsSync(measurements) && readdirSync(measurements).length >= 3;
    while (!isMeasuring() && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGINT');
    const { code, out, err } = await ended;
    assert.equal(code, 130, err);
    assert.equal(out, '');
    assert.match(err, /goes on from here/);
    assert.ok(!existsSync(join(folder.path, '.lathe', 'run.lock')));
    const resumed = assertSchema('analyze', lathe(['analyze', recipe, '--json']).out);
    assert.ok(Number(resumed.resumedSteps) > 0);
  });

  it('survives being killed: the next run takes over', async function () {
    if (process.platform === 'win32') {
      this.skip();
    }
    rmSync(join(folder.path, '.lathe'), { recursive: true, force: true });
    const { child, ended } = startLathe(['analyze', recipe], folder.path);
    while (!existsSync(join(folder.path, '.lathe', 'measurements')) && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGKILL');
    await ended;
    assert.equal(lathe(['analyze', recipe]).code, 0);
  });

  it('answers bad recipes with every problem, its line and column, and exit code 2', () => {
    const bad = join(folder.path, 'bad.lathe.json');
    writeFileSync(bad, '{\n  "model": "resnet20.onnx",\n  "qantization": {},\n  "seed": -1\n}');
    const text = lathe(['run', 'bad.lathe.json'], { cwd: folder.path });
    assert.equal(text.code, 2);
    assert.match(
      text.err,
      /bad\.lathe\.json:3:3: Unknown field "qantization".*\n.*bad\.lathe\.json:4:11: seed must be/,
    );
    writeFileSync(bad, JSON.stringify({ ...quick, layers: { convv1: { weights: 8 } } }));
    assert.match(lathe(['run', bad]).err, /no layer "convv1"\. The nearest is "conv1"/);
    writeFileSync(
      bad,
      JSON.stringify({ ...quick, data: { calibration: { source: 'calibration.npz', inputs: { input: 'q' } } } }),
    );
    assert.match(lathe(['run', bad]).err, /data\/missing-array[^]*"x", "y"/);
    rmSync(bad);
  });

  it('writes a first recipe that runs', () => {
    const first = lathe(
      ['init', 'resnet20.onnx', '--data', 'calibration.npz', '--evaluation', 'evaluation.npz', '--json'],
      { cwd: folder.path },
    );
    assert.equal(first.code, 0, first.err);
    assert.equal(assertSchema('init', first.out).recipe, join(folder.path, 'resnet20.lathe.json'));
    const text = read('resnet20.lathe.json');
    const value = assertSchema('recipe', text) as { data: { evaluation: { labels: string; inputs: object } } };
    assert.deepEqual(value.data.evaluation.inputs, { input: 'x' });
    assert.equal(value.data.evaluation.labels, 'y');
    const again = lathe(['init', 'resnet20.onnx'], { cwd: folder.path });
    assert.equal(again.code, 2);
    assert.match(again.err, /not overwritten/);
    assert.equal(read('resnet20.lathe.json'), text);
  });

  it('says what cannot be written', () => {
    writeFileSync(join(folder.path, 'blocked'), '');
    write({ export: { directory: 'blocked' } });
    const { code, err } = lathe(['run', recipe]);
    assert.equal(code, 1, err);
    assert.ok(!err.includes('internal error'), err);
    assert.match(err, /blocked/);
    write();
  });
});
