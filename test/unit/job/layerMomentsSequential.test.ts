import assert from 'node:assert/strict';
import { matrixLayout, readWeight, type Layer, type TensorData } from '../../../src/analysis';
import { walkSequential, type SequentialLayer, type SequentialOptions } from '../../../src/job/layerMomentsSequential';
import type { LayerChange } from '../../../src/job/layerMomentsChanges';
import type { QuantGrid } from '../../../src/kernels';
import { DataType, Tensor, type Model } from '../../../src/onnx';
import { attentionNetwork, factory, outputName, residualNetwork, valuesOf, type Network } from './layerMomentsNetworks';
import { predictedError } from './layerMomentsError';

function optionsOf(network: Network): SequentialOptions {
  return {
    ...network,
    samples: network.dataset.samples,
    memoryLimit: 1e8,
    factory,
    signal: undefined,
  };
}

/** Coarse weights, shifted biases: enough that a layer that is missed shows. */
function changeOf(layer: Layer, index: number): LayerChange {
  const weight = readWeight(layer).map((value) => Math.round(value * 3) / 3 + 0.01);
  const hasBias = layer.bias !== undefined || layer.kind === 'Conv';
  const { rows } = matrixLayout(layer);
  return {
    weight,
    ...(hasBias ? { bias: Float32Array.from({ length: rows }, (_, i) => 0.1 * Math.sin(i + index)) } : {}),
  };
}

const gridOf = (index: number): QuantGrid => ({ scale: 0.1 + 0.02 * index, zeroPoint: 12, qmin: 0, qmax: 31 });

/** The whole network with all changes, quantisers as ONNX's own operators. */
function changedModel(
  network: Network,
  changes: ReadonlyMap<string, LayerChange>,
  grids: ReadonlyMap<string, QuantGrid>,
): Model {
  const model = network.model.clone();
  const { graph } = model;
  const constant = (dims: readonly number[], values: Float32Array) =>
    graph.addInitializer(Tensor.fromFloat32(graph.freshName('test_constant'), dims, values));
  for (const layer of network.layers) {
    const twin = (key: string) => graph.nodes.find((candidate) => candidate.key === key)!;
    const node = twin(layer.node.key);
    const change = changes.get(layer.name) ?? {};
    if (change.weight !== undefined) {
      node.setInput(layer.weight.inputIndex, constant(layer.weight.shape, change.weight));
    }
    if (change.bias !== undefined) {
      const owner = twin(layer.bias?.node.key ?? layer.node.key);
      owner.setInput(layer.bias?.inputIndex ?? 2, constant([change.bias.length], change.bias));
    }
    const grid = grids.get(layer.name);
    if (grid !== undefined) {
      const add = (opType: string, inputs: Parameters<typeof graph.addNode>[0]['inputs']) =>
        graph.addNode({ opType, inputs, outputs: [graph.freshName('test_value')] }, { before: node }).outputs[0]!;
      const limits = [grid.qmin, grid.qmax].map((code) =>
        constant([], Float32Array.of((code - grid.zeroPoint) * grid.scale)),
      );
      const scale = constant([], Float32Array.of(grid.scale));
      const name = graph.freshName('test_zero');
      const zero = graph.addInitializer(Tensor.fromIntegers(name, DataType.UINT8, [], [grid.zeroPoint]));
      const clipped = add('Clip', [node.inputs[layer.dataInputIndex], ...limits]);
      const codes = add('QuantizeLinear', [clipped, scale, zero]);
      node.setInput(layer.dataInputIndex, add('DequantizeLinear', [codes, scale, zero]));
    }
  }
  return model;
}

function squaredError(a: TensorData, b: TensorData): number {
  const other = b.data as Float32Array;
  return (a.data as Float32Array).reduce((sum, value, i) => sum + (value - other[i]!) ** 2, 0);
}

/** Walks with all layers changed and compares the error that the moments predict with the one of the whole networks. */
async function checkAgainstWhole(network: Network, grids: ReadonlyMap<string, QuantGrid>): Promise<string[][]> {
  const changes = new Map(network.layers.map((layer, index) => [layer.name, changeOf(layer, index)]));
  const visited: SequentialLayer[] = [];
  const groups: string[][] = [];
  const result = await walkSequential({ ...optionsOf(network), inputGrids: grids }, (group) => {
    groups.push(group.map(({ layer }) => layer.node.name));
    visited.push(...group);
    return new Map(group.map(({ layer }) => [layer.name, changes.get(layer.name)!]));
  });
  assert.equal(visited.length, network.layers.length);
  const feeds = network.dataset.batch(0, result.samples);
  const names = network.layers.map(outputName);
  const float = await valuesOf(network.model, names, feeds);
  const changed = await valuesOf(changedModel(network, changes, grids), names, feeds);
  for (const { layer, moments } of visited) {
    const name = outputName(layer);
    const measured = squaredError(float.get(name)!, changed.get(name)!);
    const predicted = predictedError(layer, moments!, changes.get(layer.name)!);
    assert.ok(measured > 0.1, `${name} does not change`);
    assert.ok(Math.abs(predicted - measured) < 1e-4 * measured, `${name}: ${predicted} against ${measured}`);
  }
  return groups;
}

describe('walkSequential', () => {
  it('sees what the whole changed network sees, skip connections included', async () => {
    const groups = await checkAgainstWhole(await residualNetwork(), new Map());
    assert.deepEqual(groups, [['conv1'], ['conv2', 'shortcut'], ['conv3'], ['depthwise'], ['up'], ['y']]);
  });

  it('sends inputs through quantisers, each layer through its own', async () => {
    const network = await residualNetwork();
    const grids = new Map(network.layers.map((layer, index) => [layer.name, gridOf(index)]));
    await checkAgainstWhole(network, grids);
  });

  it('visits the projections of an attention block together and shares their moments', async () => {
    const network = await attentionNetwork();
    const seen: SequentialLayer[] = [];
    await walkSequential(optionsOf(network), (group) => {
      seen.push(...group);
      return new Map();
    });
    const [q, k, v] = seen;
    assert.equal(k!.moments, q!.moments);
    assert.equal(v!.moments, q!.moments);
    const groups = await checkAgainstWhole(network, new Map());
    assert.deepEqual(groups, [['q', 'km', 'v'], ['out']]);
    const grids = new Map(network.layers.map((layer, index) => [layer.name, gridOf(index)]));
    await checkAgainstWhole(network, grids);
  });

  it('keeps one matrix as long as nothing in front of a layer changed', async () => {
    const network = await residualNetwork();
    const shared = new Map<string, boolean>();
    await walkSequential(optionsOf(network), (group) => {
      for (const { layer, moments } of group) {
        shared.set(layer.node.name, moments!.fit[0]!.gram === moments!.fit[0]!.power);
      }
      const [shortcut] = group.filter(({ layer }) => layer.node.name === 'shortcut');
      return shortcut === undefined ? new Map() : new Map([[shortcut.layer.name, changeOf(shortcut.layer, 0)]]);
    });
    assert.deepEqual(Object.fromEntries(shared), {
      conv1: true,
      conv2: true,
      shortcut: true,
      conv3: true,
      depthwise: false,
      up: false,
      y: false,
    });
  });

  it('gives the moments with another quantiser, and feeds the one that a visit returns', async () => {
    const network = await residualNetwork();
    const grid = gridOf(1);
    const fixed = new Map<string, SequentialLayer>();
    await walkSequential({ ...optionsOf(network), inputGrids: new Map([[network.layers[1]!.name, grid]]) }, (group) => {
      group.forEach((layer) => fixed.set(layer.layer.name, layer));
      return new Map();
    });
    const chosen = new Map<string, SequentialLayer>();
    const name = network.layers[1]!.name;
    await walkSequential({ ...optionsOf(network), sampledColumns: 40 }, async (group) => {
      group.forEach((layer) => chosen.set(layer.layer.name, layer));
      const found = group.find(({ layer }) => layer.name === name);
      if (found === undefined) {
        return new Map<string, LayerChange>();
      }
      assert.notDeepEqual(found.moments, fixed.get(name)!.moments);
      assert.deepEqual(await found.momentsWith(grid), fixed.get(name)!.moments);
      assert.equal(found.sampled!.target.count, 30);
      return new Map([[name, { input: grid }]]);
    });
    for (const layer of network.layers.slice(2)) {
      assert.deepEqual(chosen.get(layer.name)!.moments, fixed.get(layer.name)!.moments);
    }
  });

  it('uses fewer samples where their activations do not fit, and says so', async () => {
    const network = await residualNetwork(600);
    const lines: string[] = [];
    const limit = 3_200_000;
    const walk = async (options: Partial<SequentialOptions>) => {
      const grams = new Map<string, Float64Array>();
      const result = await walkSequential({ ...optionsOf(network), heldOutEvery: 0, ...options }, (group) => {
        group.forEach(({ layer, moments }) => grams.set(layer.name, moments!.fit[0]!.gram));
        return new Map(group.map(({ layer }, index) => [layer.name, changeOf(layer, index)]));
      });
      return { ...result, grams };
    };
    const { samples, peakBytes, grams } = await walk({ memoryLimit: limit, log: (line) => lines.push(line) });
    assert.ok(samples > 0 && samples < 600, String(samples));
    assert.ok(peakBytes <= limit / 2, `${peakBytes} bytes held`);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, new RegExp(`${samples} of 600 samples`));
    const ample = await walk({ samples });
    assert.equal(ample.samples, samples);
    for (const [name, gram] of ample.grams) {
      gram.forEach((value, i) =>
        assert.ok(Math.abs(value - grams.get(name)![i]!) < 1e-5 * (1 + Math.abs(value)), name),
      );
    }
  });

  it('visits layers whose matrices do not fit too, with the reason', async () => {
    const network = await residualNetwork();
    const refusals = new Map<string, string | undefined>();
    await walkSequential({ ...optionsOf(network), memoryLimit: 500_000 }, (group) => {
      group.forEach(({ layer, moments, refusal }) => {
        refusals.set(layer.node.name, refusal);
        assert.equal(moments === undefined, refusal !== undefined);
      });
      return new Map();
    });
    assert.equal(refusals.size, network.layers.length);
    assert.equal(refusals.get('y'), 'its moments take 1 MB, more than half of the memory limit');
    assert.equal(refusals.get('up'), undefined);
  });
});
