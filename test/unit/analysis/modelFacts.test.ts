import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { findLayers, modelFacts } from '../../../src/analysis';
import { buildModel, DataType, openModel, Tensor } from '../../../src/onnx';
import { fileURLToPath } from 'node:url';

const ones = (name: string, dims: readonly number[]): Tensor =>
  Tensor.fromFloat32(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1));

describe('modelFacts', () => {
  it('counts quantised weights as parameters, and scales not', () => {
    const model = buildModel({
      opset: 13,
      inputs: [{ name: 'x', type: DataType.FLOAT, shape: [2, 4] }],
      outputs: ['y'],
      initializers: [
        Tensor.fromIntegers('codes', DataType.INT8, [4, 6], new Int8Array(24)),
        ones('scale', [6]),
        Tensor.fromIntegers('zero', DataType.INT8, [6], new Int8Array(6)),
        ones('bias', [6]),
      ],
      nodes: [
        { opType: 'DequantizeLinear', inputs: ['codes', 'scale', 'zero'], outputs: ['w'], attributes: { axis: 1 } },
        { opType: 'MatMul', name: 'layer', inputs: ['x', 'w'], outputs: ['m'] },
        { opType: 'Add', inputs: ['m', 'bias'], outputs: ['y'] },
      ],
    });
    const { parameters, layerParameters } = modelFacts(model, findLayers(model));
    assert.deepEqual([parameters, layerParameters], [24 + 6, 24]);
  });

  it('counts what layers inside sub-graphs weigh', () => {
    const path = fileURLToPath(
      new URL('../../../node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx', import.meta.url),
    );
    const model = openModel(path);
    const { parameters, layerParameters } = modelFacts(model, findLayers(model));
    assert.equal(layerParameters, 280_320);
    assert.ok(parameters >= layerParameters, `${parameters} in all`);
  });
});
