import assert from 'node:assert/strict';
import { findLayers, rowGroupOf, weightAsMatrix } from '../../../../src/analysis';
import { gramAccumulator } from '../../../../src/methods';
import { LAYER_CASES, weightValues } from './layerCases';
import { floatData, normalValues, runModel } from './runModel';

describe('gramAccumulator', () => {
  for (const layerCase of LAYER_CASES) {
    if (layerCase.name.includes('stacked') || layerCase.name === 'Gather') {
      it(`has no form for ${layerCase.name}`, () => {
        const model = layerCase.build(17, weightValues(layerCase.dims, 1), new Float32Array(layerCase.biasLength));
        assert.equal(gramAccumulator(findLayers(model)[0]!), undefined);
      });
      continue;
    }

    it(`predicts the power of the output of ${layerCase.name}`, async () => {
      // With weights e and no bias, the mean square of an output channel is e G eᵀ.
      const model = layerCase.build(17, weightValues(layerCase.dims, 1), new Float32Array(layerCase.biasLength));
      const layer = findLayers(model)[0]!;
      const input = normalValues(
        layerCase.input.reduce((a, b) => a * b, 1),
        2,
      );
      const accumulator = gramAccumulator(layer, { positionsPerSample: 1_000_000 })!;
      accumulator.add(input, layerCase.input);
      const gram = accumulator.finish()!;
      const output = (await runModel(model, new Map([['x', floatData(layerCase.input, input)]]), 'plain')).get('y')!;
      let measured = 0;
      (output.data as Float32Array).forEach((y) => (measured += y * y));

      const { data, rows, columns, ...layout } = weightAsMatrix(layer);
      let predicted = 0;
      for (let row = 0; row < rows; row++) {
        const g = gram.matrices[rowGroupOf({ rows, columns, ...layout }, row)]!;
        for (let i = 0; i < columns; i++) {
          for (let j = 0; j < columns; j++) {
            const value = i <= j ? g[i * columns + j]! : g[j * columns + i]!;
            predicted += data[row * columns + i]! * value * data[row * columns + j]!;
          }
        }
      }
      predicted *= gram.columns;
      const factor = layer.kind === 'Gemm' ? layer.node.float('alpha', 1) ** 2 : 1;
      assert.ok(Math.abs(predicted * factor - measured) < 1e-4 * measured, `${predicted * factor} against ${measured}`);
    });
  }

  it('takes as many positions as asked for, spread over the image', () => {
    const layerCase = LAYER_CASES[1]!;
    const model = layerCase.build(17, weightValues(layerCase.dims, 1), new Float32Array(layerCase.biasLength));
    const accumulator = gramAccumulator(findLayers(model)[0]!, { positionsPerSample: 10 })!;
    accumulator.add(normalValues(3 * 42, 3), layerCase.input);
    accumulator.add(normalValues(3 * 42, 4), layerCase.input);
    assert.equal(accumulator.finish()!.columns, 20);
  });
});
