import assert from 'node:assert/strict';
import { join } from 'node:path';
import { findLayers, floatOperators, inferShapes } from '../../../src/analysis';
import { openModel } from '../../../src/onnx';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';

describe('float operators', function () {
  this.timeout(60_000);

  async function of(path: string): Promise<Record<string, number>> {
    const model = openModel(path);
    const shapes = await inferShapes(model, createOnnxRuntime());
    return Object.fromEntries(floatOperators(model, findLayers(model), shapes).map((one) => [one.operator, one.count]));
  }

  it('are the attention, norms, Gelu and residual adds of a transformer, shape arithmetic left out', async () => {
    const found = await of(join(__dirname, '../../../bench/networks/vit.onnx'));
    // Blocks of two norms, one softmax, two products of activations, one Erf, two residual adds; a norm at the end.
    const blocks = found.Softmax!;
    assert.ok(blocks >= 2);
    assert.equal(found.LayerNormalization, 2 * blocks + 1);
    assert.equal(found['MatMul of two activations'], 2 * blocks);
    assert.equal(found['Add of two activations'], 2 * blocks);
    assert.equal(found.Erf, blocks);
    assert.equal(found['Gemm of two activations'], undefined);
  });

  it('are the residual adds, norms and the pooling of a ResNet', async () => {
    const found = await of(join(__dirname, '../../../samples/fmnist-resnet20/resnet20.onnx'));
    assert.equal(found['Add of two activations'], 9);
    assert.equal(found.GlobalAveragePool ?? found.ReduceMean, 1);
    assert.equal(found.Conv, undefined);
  });
});
