import { findLayers, type Layer } from '../../../../src/analysis';
import { seededNormal } from '../../../../src/base/random';
import { momentsAccumulator, type LayerMoments } from '../../../../src/methods';
import { buildModel, DataType, Tensor } from '../../../../src/onnx';
import { weightValues } from '../quantize/layerCases';

/** A Gemm with a bias, n inputs wide. */
export function gemmLayer(n: number, rows: number): Layer {
  const model = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['batch', n] }],
    outputs: ['y'],
    initializers: [
      Tensor.fromFloat32('w', [n, rows], weightValues([n, rows], 3)),
      Tensor.fromFloat32('b', [rows], weightValues([rows], 4)),
    ],
    nodes: [{ opType: 'Gemm', name: 'layer', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
  });
  return findLayers(model)[0]!;
}

/** Correlated inputs; with `noise` those of a compressed network beside them. */
export function momentsOf(layer: Layer, n: number, samples: number, noise: number, heldOutEvery: number): LayerMoments {
  const normal = seededNormal(5);
  const x = new Float32Array(samples * n);
  for (let s = 0; s < samples; s++) {
    let state = 0;
    for (let i = 0; i < n; i++) {
      state = 0.8 * state + normal();
      x[s * n + i] = Math.max(0, state) * (1 + (i % 7));
    }
  }
  const accumulator = momentsAccumulator(layer, { heldOutEvery })!;
  accumulator.add(x, [samples, n], noise === 0 ? undefined : x.map((v) => v + noise * normal()));
  return accumulator.finish()!;
}
