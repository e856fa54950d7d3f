import assert from 'node:assert/strict';
import { findLayers } from '../../../../src/analysis';
import { seededNormal } from '../../../../src/base/random';
import { dequantizeWeight, optimizeLayer } from '../../../../src/methods';
import { LAYER_CASES, weightValues } from '../quantize/layerCases';
import { momentsOf } from './tinyMoments';

describe('optimizeLayer on stacked matrices', () => {
  const layerCase = LAYER_CASES.find(({ name }) => name === 'MatMul of stacked matrices')!;
  const values = weightValues(layerCase.dims, 4);
  const layer = findLayers(layerCase.build(17, values, new Float32Array(0)))[0]!;
  const [stack, n, out] = [2, 6, 5];
  const normal = seededNormal(3);
  const columns = Array.from({ length: stack }, () =>
    Array.from({ length: n }, (_, i) => Array.from({ length: 40 }, () => normal() * (1 + i) + 0.5)),
  );
  const moments = { fit: columns.map((x) => momentsOf(x)), heldOut: undefined };

  for (const refitBias of [false, true]) {
    it(`shares scales ${refitBias ? 'and biases ' : ''}between the matrices, and says the error of all of them`, () => {
      const options = { bits: 3, granularity: 'per-channel', symmetric: true, moments, refitBias } as const;
      const result = optimizeLayer(layer, options);
      assert.equal(result.weight.scales.length, out);
      assert.equal(result.bias?.length, refitBias ? out : undefined);
      const weight = dequantizeWeight(result.weight);
      let error = 0;
      let power = 0;
      columns.forEach((x, s) => {
        for (let k = 0; k < 40; k++) {
          for (let o = 0; o < out; o++) {
            let y = 0;
            let z = result.bias?.[o] ?? 0;
            for (let i = 0; i < n; i++) {
              y += x[i]![k]! * values[(s * n + i) * out + o]!;
              z += x[i]![k]! * weight[(s * n + i) * out + o]!;
            }
            error += (y - z) ** 2;
            power += y * y;
          }
        }
      });
      assert.ok(Math.abs(result.errors.fit!.result - error / power) < 1e-6 * (error / power));
      assert.ok(result.errors.fit!.result < optimizeLayer(layer, { ...options, method: 'rtn' }).errors.fit!.result);
    });
  }
});
