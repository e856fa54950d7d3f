import assert from 'node:assert/strict';
import { join } from 'node:path';
import { findLayers, readWeight, weightAsMatrix, type Layer } from '../../../src/analysis';
import { openModel } from '../../../src/onnx';
import { MOST_BLOCKS, MOST_KERNELS, type BlockPicture, type KernelPicture } from '../../../src/protocol/weights';
import { HeldWeights, layerNamed } from '../../../src/worker/heldWeights';
import { channelRanges, weightPicture } from '../../../src/worker/weightPictures';

const sample = join(__dirname, '..', '..', '..', 'samples', 'fmnist-resnet20', 'resnet20.onnx');

describe('pictures of weights', () => {
  const layers = findLayers(openModel(sample, { followExternalData: true }));
  const conv = layers.find(({ shortName }) => shortName === 'layers.7.conv2')!;
  const fc = layers.find(({ kind }) => kind === 'Gemm')!;
  const question = { input: 'mean', first: 0, position: 'all' } as const;
  const kernels = (layer: Layer, more: object = {}, weights = weightAsMatrix(layer).data) =>
    weightPicture(layer, weights, { ...question, layer: layer.name, kind: 'kernels', ...more }) as KernelPicture;
  const blocks = (layer: Layer, more: object = {}, weights = weightAsMatrix(layer).data) =>
    weightPicture(layer, weights, { ...question, layer: layer.name, kind: 'blocks', ...more }) as BlockPicture;
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-4 * Math.abs(b) + 1e-9, `${a} is not ${b}`);

  /** A layer of this shape without a file: pictures ask for no more of it. */
  function shaped(shape: readonly number[], groups = 1): Layer {
    const parameters = shape.reduce((all, size) => all * size, 1);
    return { ...conv, groups, parameters, weight: { ...conv.weight, shape, outAxis: 0, inAxis: 1 } };
  }

  it('hold the kernels of an input channel, or their mean, from the definition of a Conv', () => {
    const [, inputs = 1] = conv.weight.shape;
    const values = readWeight(conv);
    const one = kernels(conv, { input: 5 });
    const mean = kernels(conv);
    assert.deepEqual([one.count, one.height, one.width, one.outputs, one.inputs], [64, 3, 3, 64, 64]);
    let largest = 0;
    for (let output = 0; output < 64; output++) {
      for (let position = 0; position < 9; position++) {
        const at = (input: number) => values[(output * inputs + input) * 9 + position]!;
        close(one.values[output * 9 + position]!, at(5));
        let sum = 0;
        for (let input = 0; input < inputs; input++) {
          sum += at(input);
        }
        // Means cancel: what is left of them is held against the weights.
        assert.ok(Math.abs(mean.values[output * 9 + position]! - sum / inputs) < 1e-6);
        largest = Math.max(largest, Math.abs(at(5)));
      }
    }
    assert.equal(one.scale, largest);
  });

  it('come in pages of bounded size that share one scale', () => {
    const layer = shaped([600, 2, 3, 3]);
    const weights = Float32Array.from({ length: 600 * 18 }, (_, index) => (index === 0 ? 9 : Math.sin(index)));
    const first = kernels(layer, { input: 0 }, weights);
    const last = kernels(layer, { input: 0, first: 599 }, weights);
    assert.deepEqual([first.first, first.count, last.first, last.count], [0, MOST_KERNELS, 512, 88]);
    assert.deepEqual([first.scale, last.scale], [9, 9]);
    close(last.values[0]!, weights[512 * 18]!);
    const large = shaped([300, 1, 128, 128]);
    assert.equal(kernels(large, {}, new Float32Array(300 * 128 * 128)).values.length, 128 * 128);
  });

  it('show volumes as slices and clamp what is out of range', () => {
    const weights = Float32Array.from({ length: 2 * 3 * 8 }, (_, index) => index);
    const volume = kernels(shaped([2, 3, 2, 2, 2]), { input: 99, first: 99 }, weights);
    assert.deepEqual([volume.input, volume.first, volume.height, volume.width], [2, 0, 4, 2]);
    assert.deepEqual(volume.values.slice(0, 8), [16, 17, 18, 19, 20, 21, 22, 23]);
    const line = kernels(shaped([2, 3, 4]), { input: 0 }, weights);
    assert.deepEqual([line.height, line.width], [1, 4]);
  });

  it('average blocks of channels, all positions or one, the last ones smaller', () => {
    const layer = shaped([130, 3, 1, 2]);
    const weights = Float32Array.from({ length: 130 * 6 }, (_, index) => (index % 5) - 1);
    const all = blocks(layer, {}, weights);
    assert.deepEqual([all.blockOutputs, all.blockInputs, all.down, all.across], [3, 1, 44, 3]);
    assert.ok(all.down <= MOST_BLOCKS && all.across <= MOST_BLOCKS);
    const mean = (picture: BlockPicture, row: number, column: number, positions: readonly number[]) => {
      const cell: number[] = [];
      for (let output = row * 3; output < Math.min(130, row * 3 + 3); output++) {
        for (const position of positions) {
          cell.push(weights[output * 6 + column * 2 + position]!);
        }
      }
      const at = row * picture.across + column;
      assert.ok(Math.abs(picture.means[at]! - cell.reduce((sum, value) => sum + value, 0) / cell.length) < 1e-4);
      assert.ok(Math.abs(picture.zeros[at]! - cell.filter((value) => value === 0).length / cell.length) < 1e-4);
    };
    const second = blocks(layer, { position: 1 }, weights);
    for (let row = 0; row < 44; row++) {
      for (let column = 0; column < 3; column++) {
        mean(all, row, column, [0, 1]);
        mean(second, row, column, [1]);
      }
    }
    assert.equal(second.position, 1);
  });

  it('show every element of a small matrix where it is, whatever side it stands on', () => {
    const picture = blocks(fc);
    const matrix = weightAsMatrix(fc);
    assert.deepEqual([picture.down, picture.across], [10, 64]);
    picture.means.forEach((value, index) => close(value, matrix.data[index]!));
    assert.equal(blocks(fc, { position: 3 }).position, 'all');
  });

  it('count what is NaN or infinite and draw it as zero; zeros alone have a scale', () => {
    const layer = shaped([2, 2, 1, 2]);
    const weights = Float32Array.from([NaN, 1, Infinity, 1, 0, 0, 0, 0]);
    for (const picture of [kernels(layer, {}, weights), blocks(layer, {}, weights)]) {
      assert.equal(picture.faults, 2);
      assert.ok(!JSON.stringify(picture).includes('null'));
    }
    assert.equal(blocks(layer, {}, new Float32Array(8)).scale, 1);
    assert.deepEqual(blocks(layer, {}, new Float32Array(8)).zeros, [1, 1, 1, 1]);
  });

  it('tell how far grids by channel reach, and the values of one channel', () => {
    const { data, rows, columns } = weightAsMatrix(conv);
    const peaks = Array.from({ length: rows }, (_, row) =>
      Math.max(...data.subarray(row * columns, (row + 1) * columns).map(Math.abs)),
    );
    const ranges = channelRanges(conv, data, 7);
    assert.equal(ranges.channels, 64);
    close(ranges.narrowest, Math.min(...peaks));
    close(ranges.widest, Math.max(...peaks));
    const own = data.subarray(7 * columns, 8 * columns);
    assert.equal(ranges.channel?.min, Math.min(...own));
    assert.equal(ranges.channel.max, Math.max(...own));
    assert.equal(
      ranges.channel.histogram.reduce((sum, amount) => sum + amount, 0),
      columns,
    );
    assert.equal(channelRanges(conv, data, 999).channel?.index, 63);
    assert.ok(!('channel' in channelRanges(conv, data, undefined)));
  });

  it('are read once a layer, and not at all of weights that are too large', () => {
    const held = new HeldWeights();
    assert.equal(held.of(conv), held.of(conv));
    assert.throws(() => held.of({ ...conv, parameters: 2 ** 27 }), { code: 'worker/weight-too-large' });
    assert.throws(() => layerNamed(layers, 'gone'), { code: 'worker/no-layer' });
    assert.equal(layerNamed(layers, fc.name), fc);
  });
});
