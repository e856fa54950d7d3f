import assert from 'node:assert/strict';
import { shortNames, type NameSource } from '../../../src/analysis/shortNames';

function names(...sources: readonly [weight: string, node: string, opType: string][]): string[] {
  return shortNames(sources.map(([weight, node, opType]): NameSource => ({ weight, node, opType })));
}

describe('shortNames', () => {
  it('takes the module path of the weight', () => {
    assert.deepEqual(
      names(
        ['layers.0.conv1.weight', '/layers/layers.0/conv1/Conv', 'Conv'],
        ['model/dense/kernel:0', 'model/dense/MatMul', 'MatMul'],
        ['bert.embeddings.word_embeddings.weight', '/Gather', 'Gather'],
        ['conv2d_5.w_0', 'p2o.Conv.5', 'Conv'],
        ['layers.1.conv1.weight_quantized', '/layers/layers.1/conv1/Conv', 'Conv'],
      ),
      ['layers.0.conv1', 'model.dense', 'bert.embeddings.word_embeddings', 'conv2d_5', 'layers.1.conv1'],
    );
  });

  it('takes the node path, without doubling, where the exporter made the weight name up', () => {
    assert.deepEqual(
      names(
        ['onnx::Conv_203', '/layers/layers.0/conv1/Conv', 'Conv'],
        ['onnx::MatMul_17', '/encoder/layer.0/attention/self/query/MatMul', 'MatMul'],
        ['/qkv/Transpose_output_0', '/qkv/MatMul', 'MatMul'],
        ['123', 'Conv_0', 'Conv'],
        ['const_fold_opt__57', 'block/Conv_1', 'Conv'],
      ),
      ['layers.0.conv1', 'encoder.layer.0.attention.self.query', 'qkv', 'Conv_0', 'block.Conv_1'],
    );
  });

  it('falls back to the operator and numbers repeats', () => {
    assert.deepEqual(names(['1', '', 'Conv'], ['2', '', 'Conv'], ['3', '', 'Gemm']), ['Conv', 'Conv (2)', 'Gemm']);
  });

  it('names layers that share a weight after their nodes', () => {
    assert.deepEqual(names(['wte.weight', '/wte/Gather', 'Gather'], ['wte.weight', '/lm_head/MatMul', 'MatMul']), [
      'wte',
      'lm_head',
    ]);
  });
});
