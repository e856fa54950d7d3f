process.env['ORT_DISABLE_TELEMETRY'] = '1';
import { findLayers, inferShapes, type Layer, type ShapeTable, type TensorData } from '../../../src/analysis';
import { seededNormal } from '../../../src/base/random';
import type { Dataset } from '../../../src/job/data/dataset';
import { buildModel, DataType, Tensor, type Model, type NodeSpec } from '../../../src/onnx';
import { createRunner } from '../../../src/runtime/createRunner';
import { createOnnxRuntime } from '../../../src/runtime/onnxRuntime';

export const factory = createOnnxRuntime();

export interface Network {
  readonly model: Model;
  readonly shapes: ShapeTable;
  readonly layers: readonly Layer[];
  readonly dataset: Dataset;
}

function normal(dims: readonly number[], seed: number, scale = 0.4): Float32Array {
  const draw = seededNormal(seed);
  return Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => scale * draw());
}

/** Samples of one input `x`, made from a seed. */
export function datasetOf(sampleDims: readonly number[], samples: number): Dataset {
  const volume = sampleDims.reduce((a, b) => a * b, 1);
  const values = normal([samples, volume], 99, 1);
  return {
    samples,
    fixedBatch: undefined,
    hasLabels: false,
    hash: '',
    batch: (start, count): Map<string, TensorData> =>
      new Map([
        [
          'x',
          {
            type: DataType.FLOAT,
            dims: [count, ...sampleDims],
            data: values.slice(start * volume, (start + count) * volume),
          },
        ],
      ]),
    labels: () => undefined,
    close: () => undefined,
  };
}

async function networkOf(
  sampleDims: readonly number[],
  samples: number,
  weights: Readonly<Record<string, readonly number[]>>,
  nodes: readonly NodeSpec[],
): Promise<Network> {
  const model = buildModel({
    opset: 17,
    inputs: [{ name: 'x', type: DataType.FLOAT, shape: ['N', ...sampleDims] }],
    outputs: ['y'],
    initializers: Object.entries(weights).map(([name, dims], i) => Tensor.fromFloat32(name, dims, normal(dims, i + 1))),
    nodes,
  });
  const shapes = await inferShapes(model, factory);
  return { model, shapes, layers: findLayers(model, { shapes }), dataset: datasetOf(sampleDims, samples) };
}

const node = (
  opType: string,
  name: string,
  inputs: readonly string[],
  attributes: NodeSpec['attributes'] = {},
): NodeSpec => ({ opType, name, inputs, outputs: [name], attributes });

/** A residual block with a strided shortcut, a depthwise and a transposed convolution, and a classifier. */
export function residualNetwork(samples = 30): Promise<Network> {
  const same = { pads: [1, 1, 1, 1] };
  return networkOf(
    [3, 8, 8],
    samples,
    {
      w1: [6, 3, 3, 3],
      b1: [6],
      w2: [8, 6, 3, 3],
      b2: [8],
      w3: [8, 8, 3, 3],
      ws: [8, 6, 1, 1],
      wd: [8, 1, 3, 3],
      wt: [8, 4, 2, 2],
      wf: [5, 256],
      bf: [5],
    },
    [
      node('Conv', 'conv1', ['x', 'w1', 'b1'], same),
      node('Relu', 'relu1', ['conv1']),
      node('Conv', 'conv2', ['relu1', 'w2', 'b2'], { ...same, strides: [2, 2] }),
      node('Relu', 'relu2', ['conv2']),
      node('Conv', 'conv3', ['relu2', 'w3'], same),
      node('Conv', 'shortcut', ['relu1', 'ws'], { strides: [2, 2] }),
      node('Add', 'sum', ['conv3', 'shortcut']),
      node('Relu', 'relu3', ['sum']),
      node('Conv', 'depthwise', ['relu3', 'wd'], { ...same, group: 8 }),
      node('Add', 'again', ['depthwise', 'relu3']),
      node('ConvTranspose', 'up', ['again', 'wt'], { strides: [2, 2] }),
      node('Flatten', 'flat', ['up']),
      node('Gemm', 'y', ['flat', 'wf', 'bf'], { transB: 1 }),
    ],
  );
}

/** Self-attention on tokens: three projections of one value, an output projection, an Add as bias, a residual. */
export function attentionNetwork(samples = 30): Promise<Network> {
  return networkOf([5, 6], samples, { wq: [6, 6], wk: [6, 6], bk: [6], wv: [6, 6], wo: [6, 6] }, [
    node('MatMul', 'q', ['x', 'wq']),
    node('MatMul', 'km', ['x', 'wk']),
    node('Add', 'k', ['km', 'bk']),
    node('MatMul', 'v', ['x', 'wv']),
    node('Transpose', 'kt', ['k'], { perm: [0, 2, 1] }),
    node('MatMul', 'scores', ['q', 'kt']),
    node('Softmax', 'weights', ['scores'], { axis: -1 }),
    node('MatMul', 'mixed', ['weights', 'v']),
    node('MatMul', 'out', ['mixed', 'wo']),
    node('Add', 'y', ['out', 'x']),
  ]);
}

/** Values of a model for samples of the data set, in one run of the whole model with everything as output. */
export async function valuesOf(
  model: Model,
  names: readonly string[],
  feeds: ReadonlyMap<string, TensorData>,
): Promise<Map<string, TensorData>> {
  const whole = model.clone();
  for (const name of names) {
    const value = whole.graph.value(name)!;
    if (!value.isGraphOutput && !value.isGraphInput) {
      whole.graph.addOutput(value);
    }
  }
  const runner = await createRunner(factory, whole, { mode: 'plain' });
  try {
    return new Map([...feeds, ...(await runner.run(feeds))]);
  } finally {
    await runner.release();
  }
}

/** The value behind a layer and its bias. */
export function outputName(layer: Layer): string {
  return (layer.bias?.node ?? layer.node).outputs[0]!.name;
}
