import assert from 'node:assert/strict';
import { findLayers, type Layer } from '../../../../src/analysis';
import { applyMask, maskTiedLayers, type LayerMask } from '../../../../src/methods';
import { buildModel, DataType, Tensor, type NodeSpec } from '../../../../src/onnx';
import { weightValues } from '../quantize/layerCases';

function tied(nodes: readonly NodeSpec[], dims: readonly number[]): Layer[] {
  const model = buildModel({
    opset: 17,
    inputs: ['a', 'b'].map((name) => ({ name, type: DataType.FLOAT })),
    outputs: ['y', 'z'],
    initializers: [Tensor.fromFloat32('w', dims, weightValues(dims, 4))],
    nodes,
  });
  const layers = findLayers(model);
  assert.equal(layers.length, 2);
  assert.equal(layers[0]!.tie, layers[1]!.tie);
  assert.ok(layers[0]!.tie !== undefined);
  return layers;
}

const forward: NodeSpec = {
  opType: 'Gemm',
  name: 'encode',
  inputs: ['a', 'w'],
  outputs: ['y'],
  attributes: { transB: 1 },
};
const pattern = { keep: 4, group: 8 };

function masksOf(found: ReturnType<typeof maskTiedLayers>): readonly LayerMask[] {
  assert.ok(!('reason' in found), 'reason' in found ? found.reason : '');
  return found;
}

describe('maskTiedLayers', () => {
  it('gives layers with the same axes one mask', () => {
    const transposed: NodeSpec[] = [
      forward,
      { opType: 'Transpose', inputs: ['w'], outputs: ['wt'], attributes: { perm: [1, 0] } },
      { opType: 'MatMul', name: 'again', inputs: ['b', 'wt'], outputs: ['z'] },
    ];
    const layers = tied(transposed, [16, 20]);
    const masks = masksOf(maskTiedLayers(layers, { pattern }));
    assert.deepEqual(masks[0]!.mask, masks[1]!.mask);
    assert.deepEqual(
      masks.map(({ layer }) => layer),
      layers.map(({ name }) => name),
    );
  });

  it('refuses a row-wise mask for layers that sum over different axes, and finds a transposable one', () => {
    const layers = tied([forward, { opType: 'Gemm', name: 'decode', inputs: ['b', 'w'], outputs: ['z'] }], [16, 20]);
    const refused = maskTiedLayers(layers, { pattern });
    assert.ok('reason' in refused);
    assert.match(refused.reason, /"decode", whose groups run along another axis.*transposable/);
    const masks = masksOf(maskTiedLayers(layers, { pattern, transposable: true }));
    const [encode, decode] = masks;
    assert.deepEqual([decode!.rows, decode!.columns], [20, 16]);
    const stored = applyMask(layers[0]!, encode!.mask);
    // Gemm without transB stores [in, out]: the same array is what both layers write back.
    assert.deepEqual(applyMask(layers[1]!, decode!.mask), stored);
    for (let i = 0; i < 16; i++) {
      for (let j = 0; j < 20; j++) {
        assert.equal(decode!.mask[j * 16 + i], encode!.mask[i * 20 + j]);
      }
    }
  });

  it('refuses where one of them stays dense', () => {
    const layers = tied(
      [
        { opType: 'Gather', name: 'embedding', inputs: ['w', 'a'], outputs: ['y'] },
        { opType: 'Gemm', name: 'head', inputs: ['b', 'w'], outputs: ['z'], attributes: { transB: 1 } },
      ],
      [16, 20],
    );
    const refused = maskTiedLayers(layers, { pattern, transposable: true });
    assert.ok('reason' in refused);
    assert.match(refused.reason, /"embedding", which stays dense/);
  });

  it('adds up the scores of all uses', () => {
    const layers = tied([forward, { ...forward, name: 'second', inputs: ['b', 'w'], outputs: ['z'] }], [1, 4]);
    const moments = (diagonal: readonly number[]) => {
      const gram = new Float64Array(16);
      diagonal.forEach((d, i) => (gram[i * 5] = d * d));
      const mean = new Float64Array(4);
      const fit = [{ size: 4, count: 1, gram, cross: gram, power: gram, mean, targetMean: mean }];
      return { fit, heldOut: undefined };
    };
    const options = { pattern: { keep: 1, group: 4 }, score: 'wanda' as const };
    const data = weightValues([1, 4], 4);
    const norms = [
      [1000, 0, 0, 1],
      [0, 0, 3000, 2],
    ];
    const [mask] = masksOf(
      maskTiedLayers(layers, { ...options, moments: (layer) => moments(norms[layer.name === 'encode' ? 0 : 1]!) }),
    );
    const scores = Array.from(data, (w, i) => Math.abs(w) * (norms[0]![i]! + norms[1]![i]!));
    assert.equal(mask!.mask.indexOf(1), scores.indexOf(Math.max(...scores)));
  });
});
