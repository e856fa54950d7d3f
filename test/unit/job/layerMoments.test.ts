import assert from 'node:assert/strict';
import type { Layer, TensorData } from '../../../src/analysis';
import { collectLayerMoments, forEachLayerMoments, type LayerMomentsOptions } from '../../../src/job/layerMoments';
import { momentsAccumulator, type LayerMoments } from '../../../src/methods';
import { Tensor, type Model } from '../../../src/onnx';
import { attentionNetwork, factory, outputName, residualNetwork, valuesOf, type Network } from './layerMomentsNetworks';
import { predictedError } from './layerMomentsError';

function optionsOf(network: Network): LayerMomentsOptions {
  return { ...network, samples: network.dataset.samples, memoryLimit: 1e8, factory, signal: undefined };
}

/** The network with its first layer's weight halved and one value renamed. */
function halved(network: Network): Model {
  const model = network.model.clone();
  const layer = network.layers[0]!;
  const node = model.graph.nodes.find(({ key }) => key === layer.node.key)!;
  const weight = layer.weight.tensor.toFloat32().map((value) => value / 2);
  const name = model.graph.freshName('test_half');
  node.setInput(
    layer.weight.inputIndex,
    model.graph.addInitializer(Tensor.fromFloat32(name, layer.weight.shape, weight)),
  );
  return model;
}

function floats(tensor: TensorData | undefined): Float32Array {
  return tensor!.data as Float32Array;
}

/** From values of whole runs, without extraction, batches or sharing. */
function directMoments(layer: Layer, target: TensorData, compressed?: TensorData): LayerMoments {
  const accumulator = momentsAccumulator(layer, { positionsPerSample: 1_000_000 })!;
  accumulator.add(floats(target), target.dims, compressed && floats(compressed), target.dims[0]);
  return accumulator.finish()!;
}

function assertSame(actual: LayerMoments, expected: LayerMoments, where: string): void {
  for (const set of ['fit', 'heldOut'] as const) {
    assert.equal(actual[set]!.length, expected[set]!.length);
    actual[set]!.forEach((moments, group) => {
      const other = expected[set]![group]!;
      assert.equal(moments.count, other.count);
      for (const field of ['gram', 'cross', 'power', 'mean', 'targetMean'] as const) {
        const scale = other[field].reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        moments[field].forEach((value, i) => {
          assert.ok(Math.abs(value - other[field][i]!) <= 1e-5 * scale, `${where}, ${set} ${field}`);
        });
      }
    });
  }
}

describe('collectLayerMoments', () => {
  it('reads what ONNX Runtime computes in front of each layer', async () => {
    const network = await residualNetwork();
    const names = network.layers.map((layer) => layer.node.inputs[layer.dataInputIndex]!.name);
    const values = await valuesOf(network.model, names, network.dataset.batch(0, 30));
    const collected = await collectLayerMoments(optionsOf(network));
    network.layers.forEach((layer, index) => {
      const moments = collected.get(layer.name)!;
      assert.equal(moments.fit[0]!.cross, moments.fit[0]!.gram);
      assertSame(moments, directMoments(layer, values.get(names[index]!)!), layer.name);
    });
  });

  it('sets the float network beside a compressed one', async () => {
    const network = await residualNetwork();
    const model = halved(network);
    const feeds = network.dataset.batch(0, 30);
    const names = network.layers.map(outputName);
    const float = await valuesOf(network.model, names, feeds);
    const changed = await valuesOf(model, names, feeds);
    const collected = await collectLayerMoments({ ...optionsOf(network), compressed: { model } });
    for (const layer of network.layers.slice(1)) {
      const y = floats(float.get(outputName(layer)));
      const yHat = floats(changed.get(outputName(layer)));
      const measured = y.reduce((sum, value, i) => sum + (value - yHat[i]!) ** 2, 0);
      const predicted = predictedError(layer, collected.get(layer.name)!, {});
      assert.ok(measured > 0.1 && Math.abs(predicted - measured) < 1e-4 * measured, `${predicted} for ${measured}`);
    }
  });

  it('reads other values of the compressed network where names say so', async () => {
    const network = await residualNetwork();
    const inputs = new Map([['relu3', 'relu2']]);
    const collected = await collectLayerMoments({
      ...optionsOf(network),
      layers: network.layers.filter(({ node }) => node.name === 'depthwise'),
      compressed: { model: network.model, inputs },
    });
    const values = await valuesOf(network.model, ['relu2', 'relu3'], network.dataset.batch(0, 30));
    const [[name, moments]] = [...collected] as [[string, LayerMoments]];
    const layer = network.layers.find((candidate) => candidate.name === name)!;
    assertSame(moments, directMoments(layer, values.get('relu3')!, values.get('relu2')), name);
  });

  it('sends inputs through quantisers', async () => {
    const network = await residualNetwork();
    const grid = { scale: 0.25, zeroPoint: 3, qmin: 0, qmax: 15 };
    const layer = network.layers[1]!;
    const collected = await collectLayerMoments({
      ...optionsOf(network),
      layers: [layer],
      inputGrids: new Map([[layer.name, grid]]),
    });
    const values = await valuesOf(network.model, ['relu1'], network.dataset.batch(0, 30));
    const float = values.get('relu1')!;
    // No input lies below zero, none beyond the last code: rounding to quarters is all the grid does.
    const coarse = floats(float).map((value) => Math.min(Math.round(value * 4), 12) / 4);
    assertSame(collected.get(layer.name)!, directMoments(layer, float, { ...float, data: coarse }), layer.name);
  });
});

describe('forEachLayerMoments', () => {
  it('goes in running order and shares moments between the projections of an attention block', async () => {
    const network = await attentionNetwork();
    const seen: [string, LayerMoments][] = [];
    const { refused } = await forEachLayerMoments(
      { ...optionsOf(network), sampledColumns: 100 },
      ({ layer, moments, sampled }) => {
        seen.push([layer.node.name, moments]);
        assert.equal(sampled!.target, sampled!.compressed);
        assert.ok(sampled!.target.count > 80 && sampled!.target.count <= 100);
      },
    );
    assert.equal(refused.size, 0);
    assert.deepEqual(
      seen.map(([name]) => name),
      ['q', 'km', 'v', 'out'],
    );
    assert.equal(seen[1]![1], seen[0]![1]);
    assert.equal(seen[2]![1], seen[0]![1]);
    assert.notEqual(seen[3]![1], seen[0]![1]);
  });

  it('gives the same in small groups, and refuses what does not fit', async () => {
    const network = await residualNetwork();
    const whole = await collectLayerMoments(optionsOf(network));
    const visited: string[] = [];
    const { refused } = await forEachLayerMoments({ ...optionsOf(network), memoryLimit: 250_000 }, (measured) => {
      const { layer, moments } = measured;
      visited.push(layer.node.name);
      if (moments.heldOut !== undefined) {
        assertSame(moments, whole.get(layer.name)!, layer.name);
      }
    });
    assert.deepEqual(visited, ['conv1', 'conv2', 'conv3', 'shortcut', 'depthwise', 'up']);
    assert.deepEqual([...refused.values()], ['its moments take 1 MB, more than half of the memory limit']);
  });
});
