import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, it } from 'mocha';
import { ModelProtoSchema } from 'onnx-buf';
import { buildModel, DataType, saveModel, Tensor } from '../../src/onnx';
import { writeLargeModel } from '../support/onnx/largeModel';
import { assertExpected, assertSchema, cliProgram, lathe, models, temporaryFolder } from './lathe';

describe('lathe inspect', () => {
  it('shows a model for people', () => {
    for (const name of ['resnet20', 'mobilenetv2', 'vit']) {
      const { code, out, err } = lathe(['inspect', join(models, `${name}.onnx`)]);
      assert.equal(code, 0, err);
      assert.equal(err, '');
      assert.ok(
        out.split('\n').every((line) => line.length <= 120),
        'lines fit a terminal',
      );
      assertExpected(`inspect-${name}.txt`, out);
    }
  });

  it('prints JSON by its schema, with the figures another reader finds', () => {
    const path = join(models, 'resnet20.onnx');
    const { out } = lathe(['inspect', path, '--json']);
    const value = assertSchema('inspect', out) as {
      fileBytes: number;
      nodes: number;
      layerParameters: number;
      layers: { weight: { name: string; shape: number[] }; parameters: number }[];
    };
    const proto = fromBinary(ModelProtoSchema, readFileSync(path));
    const weights = new Map(proto.graph!.initializer.map((t) => [t.name, t.dims.map(Number)]));
    assert.equal(value.fileBytes, statSync(path).size);
    assert.equal(value.nodes, proto.graph!.node.length);
    let parameters = 0;
    for (const layer of value.layers) {
      assert.deepEqual(layer.weight.shape, weights.get(layer.weight.name));
      parameters += layer.weight.shape.reduce((a, b) => a * b, 1);
    }
    assert.equal(value.layerParameters, parameters);
    assert.equal(
      value.layers.length,
      proto.graph!.node.filter((n) => n.opType === 'Conv' || n.opType === 'Gemm').length,
    );
  });

  it('prints the whole model as text', () => {
    const { code, out } = lathe(['inspect', join(models, 'vit.onnx'), '--print']);
    assert.equal(code, 0);
    assert.equal(out, lathe(['inspect', join(models, 'vit.onnx'), '--print']).out);
    assert.match(out, /Softmax/);
  });

  it('loads the runtime only when shapes are to be inferred', () => {
    const { path, remove } = temporaryFolder();
    try {
      const hook = join(path, 'hook.cjs');
      writeFileSync(
        hook,
        `const { Module } = require('node:module'); const load = Module._load;
         Module._load = function (name, ...rest) {
           if (/onnxruntime|sharp|highs/.test(name)) { process.stderr.write('LOADED ' + name + '\\n'); }
           return load.call(this, name, ...rest);
         };`,
      );
      const model = join(models, 'vit.onnx');
      assert.equal(lathe(['inspect', model], { node: ['--require', hook] }).err, '');
      assert.match(lathe(['inspect', model, '--infer'], { node: ['--require', hook] }).err, /LOADED onnxruntime-node/);
    } finally {
      remove();
    }
  });

  it('reads the weights of a large model only when asked', () => {
    const { path, remove } = temporaryFolder();
    try {
      const file = join(path, 'large.onnx');
      writeLargeModel(file, 5, 2048);
      const unread = lathe(['inspect', file]);
      assert.match(unread.out, /weights were not read/);
      const read = assertSchema('inspect', lathe(['inspect', file, '--weights', '--json']).out) as {
        layers: { statistics: { zeros: number } }[];
      };
      assert.equal(read.layers.length, 5);
      assert.ok(read.layers.every(({ statistics }) => statistics.zeros >= 1 / 16 && statistics.zeros < 0.08));
    } finally {
      remove();
    }
  });

  it('lets no name of a model reach the terminal as a command', () => {
    const { path, remove } = temporaryFolder();
    try {
      const file = join(path, 'hostile.onnx');
      const name = 'evil\u001b[31m\u0007\nname';
      const model = buildModel({
        opset: 17,
        inputs: [{ name, type: DataType.FLOAT, shape: ['n', 2] }],
        outputs: [{ name: 'y', type: DataType.FLOAT, shape: ['n', 2] }],
        initializers: [Tensor.fromFloat32('w', [2, 2], Float32Array.of(1, 0, 0, 1))],
        nodes: [{ opType: 'MatMul', name, inputs: [name, 'w'], outputs: ['y'] }],
      });
      saveModel(model, file);
      const { code, out } = lathe(['inspect', file]);
      assert.equal(code, 0);
      assert.ok(!/[\u0000-\u0009\u000b-\u001f]/.test(out));
    } finally {
      remove();
    }
  });

  it('answers damaged files with a sentence and exit code 1', () => {
    const { path, remove } = temporaryFolder();
    try {
      const whole = readFileSync(join(models, 'vit.onnx'));
      const file = join(path, 'bad.onnx');
      for (const bytes of [
        Buffer.alloc(0),
        whole.subarray(0, 1000),
        Buffer.from('no model at all'),
        whole.subarray(0, -1),
      ]) {
        writeFileSync(file, bytes);
        const { code, out, err } = lathe(['inspect', file]);
        assert.equal(code, 1, `${bytes.length}: ${err}`);
        assert.equal(out, '');
        assert.match(err, /^lathe: onnx\//);
        assert.ok(!err.includes('internal error'));
      }
    } finally {
      remove();
    }
  });

  it('stops quietly when its reader has seen enough', function () {
    if (process.platform === 'win32') {
      this.skip();
    }
    const command = `"${process.execPath}" "${cliProgram()}" inspect "${join(models, 'vit.onnx')}" --print | head -1`;
    const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', command], { encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });
});
