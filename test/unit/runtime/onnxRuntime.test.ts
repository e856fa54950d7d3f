process.env['ORT_DISABLE_TELEMETRY'] = '1';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TensorArray, TensorData } from '../../../src/analysis';
import { LatheError } from '../../../src/base/errors';
import { DataType } from '../../../src/onnx';
import { missingReason } from '../../../src/runtime/loadEngine';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';
import { floatBytes, protoModel } from './protoModel';

const factory = createOnnxRuntime();

function float(dims: readonly number[], values: readonly number[]): TensorData {
  return { type: DataType.FLOAT, dims, data: Float32Array.from(values) };
}

/** y = x · w + c, symbolic batch. */
function linear(): Uint8Array {
  return protoModel({
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['batch', 2] }],
    outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['batch', 2] }],
    initializers: [
      { name: 'w', type: DataType.FLOAT, dims: [2, 2], bytes: floatBytes([1, 2, 3, 4]) },
      { name: 'c', type: DataType.FLOAT, dims: [2], bytes: floatBytes([10, 20]) },
    ],
    nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'c'], outputs: ['y'] }],
  });
}

async function failure(promise: Promise<unknown>, code: string): Promise<LatheError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(LatheError.is(error), String(error));
    assert.equal(error.code, code);
    assert.doesNotMatch(error.message, /onnxruntime_src|\.cc:\d|\.h:\d|onnxruntime::/, error.message);
    return error;
  }
  assert.fail('nothing was thrown');
}

describe('createOnnxRuntime', () => {
  it('names the engine with its version', () => {
    assert.match(factory.engine, /^onnxruntime-node \d+\.\d+\.\d+ \(cpu\)$/);
  });

  for (const mode of ['simulate', 'deploy', 'plain'] as const) {
    it(`runs a model in mode ${mode} and keeps symbolic sizes`, async () => {
      const runner = await factory.create(linear(), { mode, threads: 1 });
      assert.deepEqual(runner.inputs, [{ name: 'x', type: DataType.FLOAT, shape: ['batch', 2] }]);
      assert.deepEqual(runner.outputs, [{ name: 'y', type: DataType.FLOAT, shape: ['batch', 2] }]);
      const result = await runner.run(new Map([['x', float([2, 2], [1, 1, 0, 2])]]));
      assert.deepEqual(result.get('y'), float([2, 2], [14, 26, 16, 28]));
      await runner.release();
    });
  }

  const types: readonly (readonly [DataType, TensorArray])[] = [
    [DataType.FLOAT, Float32Array.of(0.5, -1)],
    [DataType.DOUBLE, Float64Array.of(1e300, -1)],
    [DataType.FLOAT16, Uint16Array.of(0x3c00, 0xc000)],
    [DataType.INT8, Int8Array.of(-128, 127)],
    [DataType.UINT8, Uint8Array.of(0, 255)],
    [DataType.INT16, Int16Array.of(-32768, 1)],
    [DataType.UINT16, Uint16Array.of(65535, 1)],
    [DataType.INT32, Int32Array.of(-(2 ** 31), 1)],
    [DataType.UINT32, Uint32Array.of(2 ** 32 - 1, 1)],
    [DataType.INT64, BigInt64Array.of(-(2n ** 63n), 1n)],
    [DataType.UINT64, BigUint64Array.of(2n ** 64n - 1n, 1n)],
    [DataType.BOOL, Uint8Array.of(0, 1)],
    [DataType.STRING, ['zwölf', '']],
  ];
  for (const [type, data] of types) {
    it(`passes element type ${type} in and out`, async () => {
      const runner = await factory.create(
        protoModel({
          inputs: [{ name: 'x', type, shape: [2] }],
          outputs: [{ name: 'y', type, shape: [2] }],
          nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        }),
        { mode: 'plain' },
      );
      const result = await runner.run(new Map([['x', { type, dims: [2], data }]]));
      assert.deepEqual(result.get('y'), { type, dims: [2], data });
      await runner.release();
    });
  }

  it('fetches what is asked for only', async () => {
    const runner = await factory.create(
      protoModel({
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1] }],
        outputs: ['a', 'b'].map((name) => ({ name, type: DataType.FLOAT, shape: [1] })),
        nodes: [
          { op: 'Neg', inputs: ['x'], outputs: ['a'] },
          { op: 'Abs', inputs: ['x'], outputs: ['b'] },
        ],
      }),
    );
    const result = await runner.run(new Map([['x', float([1], [-3])]]), ['b']);
    assert.deepEqual([...result.keys()], ['b']);
    assert.deepEqual([...(result.get('b')!.data as Float32Array)], [3]);
    await runner.release();
  });

  it('finds external data beside a file, and in the given folder for bytes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lathe-runtime-'));
    try {
      writeFileSync(join(folder, 'w.bin'), floatBytes([5, 7]));
      const bytes = protoModel({
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: [2] }],
        outputs: [{ name: 'y', type: DataType.FLOAT, shape: [2] }],
        initializers: [{ name: 'w', type: DataType.FLOAT, dims: [2], external: 'w.bin' }],
        nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
      });
      writeFileSync(join(folder, 'm.onnx'), bytes);
      const expected = float([2], [6, 9]);
      const feeds = new Map([['x', float([2], [1, 2])]]);
      const byPath = await factory.create(join(folder, 'm.onnx'));
      assert.deepEqual((await byPath.run(feeds)).get('y'), expected);
      await byPath.release();
      const byBytes = await factory.create(bytes, { baseDirectory: folder });
      assert.deepEqual((await byBytes.run(feeds)).get('y'), expected);
      await byBytes.release();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says why a model is refused', async () => {
    const garbage = await failure(factory.create(Uint8Array.of(1, 2, 3, 4)), 'runtime/load');
    assert.match(garbage.message, /^ONNX Runtime refuses the model: /);
    const absent = await failure(factory.create('/nowhere/net.onnx'), 'runtime/load');
    assert.match(absent.message, /^ONNX Runtime refuses net\.onnx: .*/);
    const unknown = protoModel({
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1] }],
      outputs: [{ name: 'y', type: DataType.FLOAT, shape: [1] }],
      nodes: [{ op: 'Blend', inputs: ['x'], outputs: ['y'] }],
    });
    assert.match((await failure(factory.create(unknown), 'runtime/load')).message, /Blend/);
    const bfloat = protoModel({
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [1] }],
      outputs: [{ name: 'y', type: DataType.BFLOAT16, shape: [1] }],
      nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['y'], ints: { to: DataType.BFLOAT16 } }],
    });
    assert.match((await failure(factory.create(bfloat), 'runtime/load')).message, /bfloat16/);
  });

  it('says why a run failed', async () => {
    const runner = await factory.create(linear());
    const shape = await failure(runner.run(new Map([['x', float([1, 3], [1, 2, 3])]])), 'runtime/run');
    assert.match(shape.message, /x/);
    await failure(runner.run(new Map()), 'runtime/run');
    await failure(runner.run(new Map([['x', float([2, 2], [1])]])), 'runtime/run');
    const type = { type: DataType.INT32, dims: [1, 2], data: Int32Array.of(1, 2) };
    await failure(runner.run(new Map([['x', type]])), 'runtime/run');
    const int2 = { type: DataType.INT2, dims: [1, 2], data: Int8Array.of(1, 0) };
    assert.match((await failure(runner.run(new Map([['x', int2]])), 'runtime/run')).message, /int2/);
    const output = await failure(runner.run(new Map([['x', float([1, 2], [1, 2])]]), ['z']), 'runtime/run');
    assert.match(output.message, /"z"/);
    await runner.release();
    await runner.release();
    await failure(runner.run(new Map([['x', float([1, 2], [1, 2])]])), 'runtime/run');
  });

  it('leaves only the words of a failing kernel', async () => {
    const runner = await factory.create(
      protoModel({
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['n'] }],
        outputs: [{ name: 'y', type: DataType.FLOAT, shape: [2, 2] }],
        initializers: [
          { name: 's', type: DataType.INT64, dims: [2], bytes: new Uint8Array(BigInt64Array.of(2n, 2n).buffer) },
        ],
        nodes: [{ op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
      }),
    );
    const error = await failure(runner.run(new Map([['x', float([3], [1, 2, 3])]])), 'runtime/run');
    assert.match(error.message, /Reshape/);
    await runner.release();
  });

  it('refuses to fetch 4-bit outputs, which would end the process', async () => {
    const runner = await factory.create(
      protoModel({
        opset: 21,
        ir: 10,
        inputs: [{ name: 'x', type: DataType.FLOAT, shape: [2] }],
        outputs: [
          { name: 'q', type: DataType.INT4, shape: [2] },
          { name: 'y', type: DataType.FLOAT, shape: [2] },
        ],
        initializers: [
          { name: 's', type: DataType.FLOAT, dims: [], bytes: floatBytes([0.5]) },
          { name: 'z', type: DataType.INT4, dims: [], bytes: Uint8Array.of(0) },
        ],
        nodes: [
          { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'] },
          { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['y'] },
        ],
      }),
      { mode: 'plain' },
    );
    const feeds = new Map([['x', float([2], [0.7, -9])]]);
    assert.match((await failure(runner.run(feeds), 'runtime/run')).message, /int4/);
    assert.deepEqual((await runner.run(feeds, ['y'])).get('y'), float([2], [0.5, -4]));
    await runner.release();
  });

  it('writes nothing into the home folder, also outside of CI', function () {
    this.timeout(120000);
    const home = mkdtempSync(join(tmpdir(), 'lathe-home-'));
    try {
      const model = join(home, 'm.onnx');
      writeFileSync(model, linear());
      const env: NodeJS.ProcessEnv = { ...process.env, HOME: home, XDG_CACHE_HOME: join(home, '.cache'), TMPDIR: home };
      delete env['CI'];
      delete env['ORT_DISABLE_TELEMETRY'];
      const script = `
        const { createOnnxRuntime } = require(${JSON.stringify(join(__dirname, '../../../src/runtime/onnxRuntime'))});
        createOnnxRuntime().create(${JSON.stringify(model)}).then(async (runner) => {
          await runner.run(new Map([['x', { type: 1, dims: [1, 2], data: Float32Array.of(1, 2) }]]));
          await runner.release();
          console.log('ran');
        });`;
      const child = spawnSync(process.execPath, ['--require', 'tsx/cjs', '-e', script], { env, encoding: 'utf8' });
      assert.equal(child.stdout.trim(), 'ran', child.stderr);
      const left = readdirSync(home).filter((name) => name !== 'm.onnx' && !name.startsWith('tsx-'));
      assert.deepEqual(left, []);
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

describe('missingReason', () => {
  const notFound = (message: string) => Object.assign(new Error(message), { code: 'MODULE_NOT_FOUND' });

  it('names the platform that has no native files', () => {
    const error = notFound("Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'");
    assert.match(missingReason(error, 'darwin-x64'), /no native files for darwin-x64/);
    assert.match(missingReason(error, 'linux-x64'), /for linux-x64 are missing/);
    assert.match(missingReason(notFound("Cannot find module 'onnxruntime-node'"), 'linux-x64'), /not installed/);
  });

  it('explains error 126 on Windows and musl on Linux', () => {
    const windows = new Error('\\\\?\\C:\\x\\onnxruntime_binding.node: The specified module could not be found.');
    assert.match(missingReason(windows, 'win32-x64'), /error 126.*Visual C\+\+ 2015-2022 Redistributable for x64/);
    const musl = new Error('Error loading shared library ld-linux-x86-64.so.2: No such file or directory');
    assert.match(missingReason(musl, 'linux-x64'), /glibc 2\.28/);
  });
});
