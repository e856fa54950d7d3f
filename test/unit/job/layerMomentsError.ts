import { readWeight, rowGroupOf, weightAsMatrix, type Layer } from '../../../src/analysis';
import type { LayerChange } from '../../../src/job/layerMomentsChanges';
import type { InputMoments, LayerMoments } from '../../../src/methods';

/** Squared error of a layer's output over all columns, fitted and held out, by the formula of `InputMoments`. */
export function predictedError(layer: Layer, moments: LayerMoments, change: LayerChange): number {
  const w = weightAsMatrix(layer);
  const changed = change.weight ?? readWeight(layer);
  const v = inRows(layer, changed);
  const bias = layer.bias?.tensor.toFloat32();
  let sum = 0;
  for (const set of [moments.fit, moments.heldOut ?? []]) {
    for (let row = 0; row < w.rows; row++) {
      const group = set[rowGroupOf(w, row)];
      if (group !== undefined) {
        const at = row * w.columns;
        const b = bias?.[row] ?? 0;
        const error = rowError(
          group,
          w.data.subarray(at, at + w.columns),
          v.subarray(at, at + w.columns),
          b - (change.bias?.[row] ?? b),
        );
        sum += error * group.count;
      }
    }
  }
  return sum;
}

function rowError(moments: InputMoments, w: Float32Array, v: Float32Array, bias: number): number {
  const { size, power, cross, gram, mean, targetMean } = moments;
  let sum = bias * bias;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const at = i * size + j;
      sum += w[i]! * power[at]! * w[j]! - 2 * w[i]! * cross[at]! * v[j]! + v[i]! * gram[at]! * v[j]!;
    }
    sum += 2 * bias * (w[i]! * targetMean[i]! - v[i]! * mean[i]!);
  }
  return sum;
}

/** Another weight of the layer, one output channel per row, by index arithmetic of its own. */
function inRows(layer: Layer, values: Float32Array): Float32Array {
  const { shape, outAxis } = layer.weight;
  if (layer.kind !== 'ConvTranspose' && outAxis === 0) {
    return values;
  }
  const [inputs, outputs, ...kernel] = shape as [number, number, ...number[]];
  const inner = kernel.reduce((a, b) => a * b, 1);
  return values.map((_, at) => {
    const row = Math.floor(at / (inputs * inner));
    const input = Math.floor((at % (inputs * inner)) / inner);
    return values[(input * outputs + row) * inner + (at % inner)]!;
  });
}
