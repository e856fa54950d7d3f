import assert from 'node:assert/strict';
import { findLayers, weightAsMatrix } from '../../../../src/analysis';
import { columnSampler } from '../../../../src/methods';
import { LAYER_CASES, weightValues } from '../quantize/layerCases';
import { floatData, normalValues, runModel } from '../quantize/runModel';

describe('columnSampler', () => {
  it('gives columns whose products with the weight are outputs', async () => {
    const layerCase = LAYER_CASES.find(({ name }) => name === 'Conv grouped')!;
    const model = layerCase.build(17, weightValues(layerCase.dims, 1), new Float32Array(layerCase.biasLength));
    const layer = findLayers(model)[0]!;
    const input = normalValues(150, 2);
    const sampler = columnSampler(layer, { columns: 9, samples: 1 })!;
    assert.ok(sampler.add(input, layerCase.input));
    const { size, count, groups } = sampler.finish()!;
    assert.equal(count, 9);
    // All nine output positions were asked for: channel c is row c of the product with its group's columns.
    const output = (await runModel(model, new Map([['x', floatData(layerCase.input, input)]]), 'plain')).get('y')!;
    const weight = weightAsMatrix(layer);
    (output.data as Float32Array).forEach((y, at) => {
      const [row, position] = [Math.floor(at / 9), at % 9];
      const columns = groups[Math.floor(row / 2)]!;
      let sum = 0;
      for (let i = 0; i < size; i++) {
        sum += weight.data[row * size + i]! * columns[i * count + position]!;
      }
      assert.ok(Math.abs(sum - y) < 1e-4, `${sum} instead of ${y}`);
    });
  });

  it('keeps no more columns than asked for, from the first sample to the last', () => {
    const layerCase = LAYER_CASES.find(({ name }) => name === 'Gemm transB')!;
    const layer = findLayers(layerCase.build(17, weightValues(layerCase.dims, 1), new Float32Array(5)))[0]!;
    const sampler = columnSampler(layer, { columns: 10, samples: 40 })!;
    const input = Float32Array.from({ length: 240 }, (_, i) => Math.floor(i / 6));
    sampler.add(input.subarray(0, 60), [10, 6]);
    sampler.add(input.subarray(60), [30, 6]);
    const { count, groups } = sampler.finish()!;
    assert.equal(count, 10);
    assert.deepEqual([...groups[0]!.subarray(0, 10)], [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
  });
});
