import assert from 'node:assert/strict';
import { findLayers, readWeight } from '../../../../src/analysis';
import { seededNormal } from '../../../../src/base/random';
import { setLayerBias, setLayerWeight } from '../../../../src/methods';
import { buildModel, DataType, Tensor, verifyModel, type Model, type ModelSpec } from '../../../../src/onnx';
import { createRunner } from '../../../../src/runtime/createRunner';
import { createOnnxRuntime } from '../../../../src/runtime/onnxRuntime';

const random = (name: string, dims: readonly number[], seed: number): Tensor =>
  Tensor.fromFloat32(name, dims, Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, seededNormal(seed)));

const float = (name: string, ...shape: number[]) => ({ name, type: DataType.FLOAT, shape });

async function run(model: Model, shape: readonly number[]): Promise<Float32Array> {
  const runner = await createRunner(createOnnxRuntime(), model);
  const x = random('x', shape, 9).toFloat32();
  const outputs = await runner.run(new Map([['x', { type: DataType.FLOAT, dims: [...shape], data: x }]]));
  await runner.release();
  return outputs.get('y')!.data as Float32Array;
}

interface Case {
  readonly spec: Omit<ModelSpec, 'opset' | 'outputs'>;
  readonly input: readonly number[];
  readonly channels: number;
  /** Elements of the output between two of the same channel. */
  readonly inner: number;
}

const cases: Record<string, Case> = {
  'Conv with bias': {
    spec: {
      inputs: [float('x', 1, 4, 5, 5)],
      initializers: [random('w', [6, 2, 3, 3], 1), random('b', [6], 2)],
      nodes: [{ opType: 'Conv', name: 'n', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes: { group: 2 } }],
    },
    input: [1, 4, 5, 5],
    channels: 6,
    inner: 9,
  },
  'Conv without bias': {
    spec: {
      inputs: [float('x', 1, 4, 5, 5)],
      initializers: [random('w', [6, 4, 3, 3], 1)],
      nodes: [{ opType: 'Conv', name: 'n', inputs: ['x', 'w'], outputs: ['y'] }],
    },
    input: [1, 4, 5, 5],
    channels: 6,
    inner: 9,
  },
  'Gemm with beta': {
    spec: {
      inputs: [float('x', 2, 4)],
      initializers: [random('w', [3, 4], 1), random('b', [3], 2)],
      nodes: [
        {
          opType: 'Gemm',
          name: 'n',
          inputs: ['x', 'w', 'b'],
          outputs: ['y'],
          attributes: { transB: 1, beta: { float: 0.5 } },
        },
      ],
    },
    input: [2, 4],
    channels: 3,
    inner: 1,
  },
  'MatMul behind a Transpose, no bias': {
    spec: {
      inputs: [float('x', 2, 4)],
      initializers: [random('w', [3, 4], 1)],
      nodes: [
        { opType: 'Transpose', inputs: ['w'], outputs: ['wt'], attributes: { perm: [1, 0] } },
        { opType: 'MatMul', name: 'n', inputs: ['x', 'wt'], outputs: ['y'] },
      ],
    },
    input: [2, 4],
    channels: 3,
    inner: 1,
  },
  'MatMul with an Add': {
    spec: {
      inputs: [float('x', 2, 4)],
      initializers: [random('w', [4, 3], 1), random('b', [3], 2)],
      nodes: [
        { opType: 'MatMul', name: 'n', inputs: ['x', 'w'], outputs: ['p'] },
        { opType: 'Add', inputs: ['p', 'b'], outputs: ['y'] },
      ],
    },
    input: [2, 4],
    channels: 3,
    inner: 1,
  },
};

describe('setLayerWeight and setLayerBias', () => {
  for (const [name, { spec, input, channels, inner }] of Object.entries(cases)) {
    it(`change what ONNX Runtime computes: ${name}`, async () => {
      const model = buildModel({ ...spec, opset: 17, outputs: [float('y')] });
      const before = await run(model, input);
      const bias = spec.initializers!.find((tensor) => tensor.name === 'b')?.toFloat32();
      const beta = name === 'Gemm with beta' ? 0.5 : 1;
      const [layer] = findLayers(model);
      setLayerWeight(
        layer!,
        readWeight(layer!).map((value) => 2 * value),
      );
      const old = Float32Array.from({ length: channels }, (_, c) => beta * (bias?.[c] ?? 0));
      const [again] = findLayers(model);
      assert.equal(
        setLayerBias(
          again!,
          old.map((value, c) => (value + c + 1) / beta),
        ),
        undefined,
      );
      verifyModel(model);
      const after = await run(model, input);
      after.forEach((value, at) => {
        const channel = Math.floor(at / inner) % channels;
        const expected = 2 * (before[at]! - old[channel]!) + old[channel]! + channel + 1;
        assert.ok(Math.abs(value - expected) < 1e-4, `${at}: ${value} ≠ ${expected}`);
      });
      assert.equal(findLayers(model)[0]!.name, layer!.name);
    });
  }

  it('store a tied weight once, for all its layers', () => {
    const model = buildModel({
      opset: 17,
      inputs: [float('x', 2, 4)],
      outputs: [float('y')],
      initializers: [random('w', [4, 4], 1)],
      nodes: [
        { opType: 'MatMul', name: 'a', inputs: ['x', 'w'], outputs: ['p'] },
        { opType: 'Gemm', name: 'b', inputs: ['p', 'w'], outputs: ['y'], attributes: { transB: 1 } },
      ],
    });
    const [first] = findLayers(model);
    const values = Float32Array.from({ length: 16 }, (_, i) => i);
    setLayerWeight(first!, values);
    const layers = findLayers(model);
    assert.equal(layers[1]!.tie, layers[0]!.tie);
    assert.deepEqual(readWeight(layers[0]!), values);
    assert.equal(model.graph.initializers.size, 1);
  });

  it('say why a bias cannot be set', () => {
    const model = buildModel({
      opset: 17,
      inputs: [float('x', 2, 4), float('c', 3)],
      outputs: [float('y')],
      initializers: [random('w', [4, 3], 1)],
      nodes: [{ opType: 'Gemm', name: 'a', inputs: ['x', 'w', 'c'], outputs: ['y'] }],
    });
    assert.match(setLayerBias(findLayers(model)[0]!, new Float32Array(3)) ?? '', /no constant vector/);
  });
});
