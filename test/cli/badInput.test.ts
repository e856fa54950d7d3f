import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { DataType, Tensor, buildModel, saveModel, serializeModel } from '../../src/onnx';
import { SampleWorkspace, smallJob } from '../support/sampleWorkspace';
import { lathe } from './lathe';

/**
 * What a user can get wrong, through the front door: each must end with the right exit code and a sentence that says
 * what, where and what to do; never with a stack, and never with something of the user's changed.
 */
describe('bad input', function () {
  this.timeout(120_000);
  let workspace: SampleWorkspace;
  let original: string;
  before(() => {
    workspace = new SampleWorkspace(smallJob);
    original = readFileSync(workspace.recipePath, 'utf8');
  });
  after(() => workspace.dispose());
  afterEach(() => writeFileSync(workspace.recipePath, original));

  function fails(args: readonly string[], code: number, message: RegExp): void {
    const { code: actual, err, out } = lathe(args, { cwd: workspace.folder });
    assert.match(err, message, `stderr:\n${err}\nstdout:\n${out}`);
    assert.doesNotMatch(err, /\n\s+at .*:\d+:\d+|Internal error/, err);
    assert.equal(actual, code, err);
    assert.equal(out, '');
  }

  function withRecipe(change: (recipe: Recipe) => void): void {
    const recipe = JSON.parse(original) as Recipe;
    change(recipe);
    writeFileSync(workspace.recipePath, JSON.stringify(recipe, null, 2));
  }

  describe('models', () => {
    const bytes = () => readFileSync(workspace.path('resnet20.onnx'));
    const cases: [string, () => Uint8Array, RegExp][] = [
      ['empty', () => new Uint8Array(), /broken\.onnx.*empty/s],
      ['text', () => Buffer.from('<!doctype html><title>404</title>'), /broken\.onnx.*not.*ONNX/is],
      ['a picture', () => Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), /broken\.onnx.*not.*ONNX/is],
      ['cut in half', () => bytes().subarray(0, 500_000), /broken\.onnx.*(ends|truncated|cut)/is],
    ];
    for (const [name, content, message] of cases) {
      it(`${name}: inspect says what is wrong`, () => {
        writeFileSync(workspace.path('broken.onnx'), content());
        fails(['inspect', 'broken.onnx'], 1, message);
      });
    }

    it('missing: bad arguments', () => {
      fails(['inspect', 'nowhere.onnx'], 2, /nowhere\.onnx/);
    });

    it('without layers: run says so', () => {
      const model = buildModel({
        opset: 17,
        inputs: [{ name: 'input', type: DataType.FLOAT, shape: ['batch', 1, 28, 28] }],
        outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['batch', 1, 28, 28] }],
        nodes: [{ opType: 'Relu', inputs: ['input'], outputs: ['y'] }],
      });
      saveModel(model, workspace.path('plain.onnx'));
      withRecipe((recipe) => {
        recipe.model = 'plain.onnx';
      });
      fails(['run', 'resnet20.lathe.json'], 1, /plain\.onnx.*no layer whose weights can be quantised/s);
    });

    it('refused by ONNX Runtime: run names model and reason', () => {
      const model = buildModel({
        opset: 17,
        inputs: [{ name: 'input', type: DataType.FLOAT, shape: ['batch', 1, 28, 28] }],
        outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['batch', 4, 26, 26] }],
        initializers: [Tensor.fromFloat32('w', [4, 1, 3, 3], new Float32Array(36).fill(0.1))],
        nodes: [
          { opType: 'Conv', inputs: ['input', 'w'], outputs: ['c'] },
          { opType: 'NoSuchOperator', domain: 'com.example', inputs: ['c'], outputs: ['y'] },
        ],
      });
      writeFileSync(workspace.path('foreign.onnx'), serializeModel(model));
      withRecipe((recipe) => {
        recipe.model = 'foreign.onnx';
      });
      fails(['run', 'resnet20.lathe.json'], 1, /ONNX Runtime.*(NoSuchOperator|com\.example)/s);
      assert.equal(lathe(['inspect', 'foreign.onnx'], { cwd: workspace.folder }).code, 0);
    });

    it('external data outside its folder, missing or short: named with the tensor', () => {
      mkdirSync(workspace.path('inner'), { recursive: true });
      writeFileSync(workspace.path('secret.bin'), new Uint8Array(4096));
      const model = buildModel({
        opset: 17,
        inputs: [{ name: 'input', type: DataType.FLOAT, shape: [1, 16] }],
        outputs: [{ name: 'y', type: DataType.FLOAT, shape: [1, 64] }],
        initializers: [Tensor.fromFloat32('weight', [16, 64], new Float32Array(1024).fill(0.5))],
        nodes: [{ opType: 'MatMul', inputs: ['input', 'weight'], outputs: ['y'] }],
      });
      const path = workspace.path('inner', 'external.onnx');
      const { externalFiles } = saveModel(model, path, { externalData: 'always' });
      const [data] = externalFiles;
      assert.ok(data !== undefined);
      const stored = data.split('/').at(-1)!;
      writeFileSync(data, new Uint8Array(100));
      fails(['inspect', 'inner/external.onnx'], 1, /weight.*(short|ends|bytes)/s);
      execFileSync('rm', [data]);
      fails(['inspect', 'inner/external.onnx'], 1, new RegExp(`${stored}.*(missing|not there|does not exist)`, 's'));
      const escaped = Buffer.from(readFileSync(path));
      const at = escaped.indexOf(stored);
      const outside = '../secret.bin'.padEnd(stored.length, '/').slice(0, stored.length);
      assert.equal(outside.length, stored.length);
      escaped.write(outside, at);
      writeFileSync(path, escaped);
      fails(['inspect', 'inner/external.onnx'], 1, /(outside|folder|\.\.)/s);
    });
  });

  describe('recipes', () => {
    it('typos name the nearest field, with line and column', () => {
      withRecipe((recipe) => {
        recipe.quantisation = recipe.quantization;
        delete recipe.quantization;
      });
      fails(['run', 'resnet20.lathe.json'], 2, /:\d+:\d+.*quantisation.*"quantization"/s);
    });

    it('unknown layers name the nearest layer', () => {
      withRecipe((recipe) => {
        recipe.layers = { '/layers/layers.0/conv9/Conv': { weights: 4 } };
      });
      fails(['run', 'resnet20.lathe.json'], 2, /conv9.*\/layers\/layers\.0\/conv\d\/Conv/s);
    });

    it('impossible widths and a zero budget are all reported at once', () => {
      withRecipe((recipe) => {
        (recipe.quantization as { weights: unknown }).weights = { bits: [1, 9] };
        recipe.allocation = { minimize: 'loss', budget: { size: 0 } };
      });
      fails(['allocate', 'resnet20.lathe.json'], 2, /bits.*size|size.*bits/s);
    });

    it('a budget that cannot be met says the smallest that can', () => {
      withRecipe((recipe) => {
        recipe.allocation = { minimize: 'loss', budget: { size: 0.01 } };
      });
      fails(['run', 'resnet20.lathe.json'], 2, /cannot be reached.*smallest/is);
    });
  });

  describe('data', () => {
    function withData(arrays: Record<string, Uint8Array>, change: (recipe: Recipe) => void = () => undefined): void {
      writeFileSync(
        workspace.path('data.npz'),
        zipSync(Object.fromEntries(Object.entries(arrays).map(([name, npy]) => [`${name}.npy`, npy]))),
      );
      withRecipe((recipe) => {
        recipe.data.calibration = { source: 'data.npz', inputs: { input: 'x' } };
        recipe.data.evaluation = { source: 'data.npz', inputs: { input: 'x' }, labels: 'y', metric: 'top1' };
        change(recipe);
      });
    }
    const images = (n: number, fill = 1) => npy('<f4', [n, 1, 28, 28], new Float32Array(n * 784).fill(fill));
    const labels = (values: number[]) => npy('<i4', [values.length], Int32Array.from(values));

    it('a wrong shape says what is expected and what is there', () => {
      withData({ x: npy('<f4', [8, 3, 32, 32], new Float32Array(8 * 3072)), y: labels(Array<number>(8).fill(0)) });
      fails(['run', 'resnet20.lathe.json'], 2, /28.*32|32.*28/s);
    });

    it('a wrong name lists the arrays there are', () => {
      withData({ images: images(8), y: labels(Array<number>(8).fill(0)) });
      fails(['run', 'resnet20.lathe.json'], 2, /"?x"?.*images/s);
    });

    it('a wrong type is named', () => {
      withData({ x: npy('<c8', [8, 1, 28, 28], new Float32Array(8 * 784 * 2)), y: labels(Array<number>(8).fill(0)) });
      fails(['run', 'resnet20.lathe.json'], 2, /(complex|type|c8)/s);
    });

    it('NaN is found, with the sample', () => {
      const data = new Float32Array(8 * 784).fill(1);
      data[3 * 784 + 5] = NaN;
      withData({ x: npy('<f4', [8, 1, 28, 28], data), y: labels(Array<number>(8).fill(0)) });
      fails(['run', 'resnet20.lathe.json'], 2, /(NaN|not finite).*3|3.*(NaN|not finite)/s);
    });

    it('fewer samples than asked', () => {
      withData({ x: images(8), y: labels(Array<number>(8).fill(0)) }, (recipe) => {
        (recipe.data.calibration as Record<string, unknown>).samples = 100;
      });
      fails(['run', 'resnet20.lathe.json'], 2, /100.*8|8.*100/s);
    });

    it('labels out of range', () => {
      withData({ x: images(8), y: labels([0, 1, 2, 3, 4, 5, 6, 99]) });
      fails(['run', 'resnet20.lathe.json'], 2, /99/);
    });

    it('a missing file', () => {
      withRecipe((recipe) => {
        recipe.data.calibration = { source: 'nowhere.npz', inputs: { input: 'x' } };
      });
      fails(['run', 'resnet20.lathe.json'], 2, /nowhere\.npz/);
    });
  });

  describe('targets', () => {
    it('an export over the model itself is refused and the model is untouched', () => {
      const before = readFileSync(workspace.path('resnet20.onnx'));
      withRecipe((recipe) => {
        recipe.export = { directory: '.', format: 'qdq' };
      });
      const { code, err } = lathe(['run', 'resnet20.lathe.json'], { cwd: workspace.folder });
      assert.ok(code === 1 || code === 2, err);
      assert.match(err, /export\.directory.*overwrite/s);
      assert.ok(before.equals(readFileSync(workspace.path('resnet20.onnx'))));
    });

    it('a folder that cannot be written is named, with what to do', function () {
      const blocked = workspace.path('blocked');
      writeFileSync(blocked, 'a file where a folder is wanted');
      withRecipe((recipe) => {
        recipe.export = { directory: 'blocked/inner', format: 'qdq' };
      });
      fails(['run', 'resnet20.lathe.json'], 1, /blocked.*export\.directory/s);
    });

    it('a read-only folder is named', function () {
      if (process.getuid?.() === 0) {
        // root writes anywhere: a read-only mount stands in for the missing permission.
        if (!mountTmpfs(workspace.path('readonly'), 'size=1m,ro')) {
          this.skip();
        }
      } else {
        mkdirSync(workspace.path('readonly'));
        chmodSync(workspace.path('readonly'), 0o555);
      }
      try {
        withRecipe((recipe) => {
          recipe.export = { directory: 'readonly', format: 'qdq' };
        });
        fails(['run', 'resnet20.lathe.json'], 1, /readonly/);
      } finally {
        unmount(workspace.path('readonly'));
      }
    });

    it('a full disk is named and leaves nothing behind', function () {
      const target = workspace.path('small');
      if (process.getuid?.() !== 0 || !mountTmpfs(target, 'size=64k')) {
        this.skip();
      }
      try {
        withRecipe((recipe) => {
          recipe.export = { directory: 'small', format: 'qdq' };
        });
        fails(['run', 'resnet20.lathe.json'], 1, /(full|space)/is);
        assert.deepEqual(readdirSync(target), []);
      } finally {
        unmount(target);
      }
    });

    it('a full disk under the measurements is named too', function () {
      const target = workspace.path('.lathe-small');
      if (process.getuid?.() !== 0 || !mountTmpfs(target, 'size=1700k')) {
        this.skip();
      }
      try {
        for (const name of ['resnet20.onnx', 'calibration.npz']) {
          copyFileSync(workspace.path(name), join(target, name));
        }
        const recipe = JSON.parse(original) as Recipe;
        delete recipe.data.evaluation;
        writeFileSync(join(target, 'resnet20.lathe.json'), JSON.stringify(recipe));
        writeFileSync(join(target, 'ballast'), new Uint8Array(320_000));
        const { code, err } = lathe(['analyze', 'resnet20.lathe.json'], { cwd: target });
        assert.equal(code, 1, err);
        assert.match(err, /(full|space)/is);
      } finally {
        unmount(target);
      }
    });
  });

  it('leaves model and data as they were after all this', () => {
    for (const name of ['resnet20.onnx', 'calibration.npz', 'evaluation.npz']) {
      const source = join(__dirname, '../../samples/fmnist-resnet20', name);
      assert.ok(readFileSync(source).equals(readFileSync(workspace.path(name))), name);
    }
  });
});

interface Recipe extends Record<string, unknown> {
  data: { calibration: unknown; evaluation?: unknown };
}

/** A version 1.0 .npy file. */
function npy(descr: string, shape: readonly number[], data: Float32Array | Int32Array): Uint8Array {
  const list = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${list}), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11, ' ') + '\n';
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, Buffer.from(padded), Buffer.from(data.buffer)]);
}

function mountTmpfs(path: string, options: string): boolean {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function unmount(path: string): void {
  if (existsSync(path)) {
    try {
      execFileSync('umount', [path], { stdio: 'ignore' });
    } catch {
      chmodSync(path, 0o755);
    }
  }
}
